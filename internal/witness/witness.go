package witness

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/store/journal"
)

// Witness cosigns heads. It may be used by several goroutines.
type Witness struct {
	name    string
	private ed25519.PrivateKey
	logs    map[string][]note.Verifier // by origin
	file    string
	now     func() time.Time

	mu    sync.Mutex
	heads map[string]Head // by origin
}

// Head is the newest head of a log that a witness has seen.
type Head struct {
	Size uint64    `json:"size"`
	Root tlog.Hash `json:"root"`
}

// Config is what a witness is made of.
type Config struct {
	Dir  string   // keeps the key and the heads; made if it does not exist
	Name string   // of the key, if it is not made yet
	Logs []string // verifier keys of the logs; the origin of a log is the name of its key
	Now  func() time.Time
}

const (
	keyFile   = "witness.key"
	headsFile = "heads.json"
)

// Open opens the folder of a witness, and makes its key if there is none. The key keeps its name.
func Open(c Config) (*Witness, error) {
	w := &Witness{logs: map[string][]note.Verifier{}, heads: map[string]Head{}, file: filepath.Join(c.Dir, headsFile), now: c.Now}
	if w.now == nil {
		w.now = time.Now
	}
	for _, text := range c.Logs {
		v, err := note.NewVerifier(text)
		if err != nil {
			return nil, fmt.Errorf("the key of a log %q: %w", text, err)
		}
		w.logs[v.Name()] = append(w.logs[v.Name()], v)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := w.openKey(filepath.Join(c.Dir, keyFile), c.Name); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(w.file)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &w.heads)
	}
	if err != nil {
		return nil, fmt.Errorf("read the heads that were cosigned: %w", err)
	}
	return w, nil
}

func (w *Witness) openKey(path, name string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed) // never fails
		made, err := journal.FormatWitnessKey(name, seed)
		if err != nil {
			return err
		}
		if err := writeDurably(path, []byte(made)); err != nil {
			return err
		}
		text = []byte(made)
	} else if err != nil {
		return err
	}
	if w.name, w.private, err = journal.ParseWitnessKey(string(text)); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if name != "" && name != w.name {
		return fmt.Errorf("the witness has the name %s, which stays", w.name)
	}
	return nil
}

// Key returns the verifier key of the witness.
func (w *Witness) Key() string { return journal.WitnessKey(w.name, w.private) }

// Refused is why a witness does not cosign. Its kinds are those of the protocol.
type Refused struct {
	Kind   Kind
	Size   uint64 // of the newest head, for Stale
	Reason string
}

func (r *Refused) Error() string { return r.Reason }

// Kind is a kind of refusal.
type Kind int

const (
	Malformed    Kind = iota + 1 // the request cannot be read
	Unknown                      // the witness does not know the log
	Unsigned                     // no key of the log signed the head
	Stale                        // the proof does not begin at the newest head
	Inconsistent                 // the head does not continue the newest one
)

// Cosign cosigns a head that continues the newest one, which has old entries, and returns the signature line. It remembers the head
// durably before it returns.
func (w *Witness) Cosign(old uint64, proof []tlog.Hash, signed []byte) (string, error) {
	claimed, err := journal.ReadCheckpoint(signed)
	if err != nil {
		return "", &Refused{Kind: Malformed, Reason: err.Error()}
	}
	keys := w.logs[claimed.Origin]
	if keys == nil {
		return "", &Refused{Kind: Unknown, Reason: "the witness does not know this log"}
	}
	head, _, err := journal.OpenCheckpoint(signed, keys)
	if err != nil {
		return "", &Refused{Kind: Unsigned, Reason: err.Error()}
	}
	if old > head.Size {
		return "", &Refused{Kind: Malformed, Reason: "the old size is above that of the head"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.heads[head.Origin]
	if old != known.Size {
		return "", &Refused{Kind: Stale, Size: known.Size, Reason: fmt.Sprintf("the newest head has %d entries, not %d", known.Size, old)}
	}
	if known.Size > 0 {
		earlier := journal.Checkpoint{Origin: head.Origin, Size: known.Size, Root: known.Root}
		if err := journal.CheckConsistency(earlier, head, proof); err != nil {
			if known.Size == head.Size {
				return "", &Refused{Kind: Stale, Size: known.Size, Reason: err.Error()}
			}
			return "", &Refused{Kind: Inconsistent, Reason: err.Error()}
		}
	}
	if next := (Head{head.Size, head.Root}); next != known {
		if err := w.remember(head.Origin, next); err != nil {
			return "", err
		}
	}
	text, _, err := journal.SplitNote(signed)
	if err != nil {
		return "", err
	}
	return journal.Cosign(w.name, w.private, text, w.now()), nil
}

// remember keeps a head on disk. w.mu is held.
func (w *Witness) remember(origin string, h Head) error {
	was, known := w.heads[origin]
	w.heads[origin] = h
	text, err := json.MarshalIndent(w.heads, "", "  ")
	if err == nil {
		err = writeDurably(w.file, append(text, '\n'))
	}
	if err != nil {
		if delete(w.heads, origin); known {
			w.heads[origin] = was
		}
		return fmt.Errorf("keep the head: %w", err)
	}
	return nil
}

// writeDurably replaces a file: after a crash it has the old text or the new.
func writeDurably(path string, text []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
