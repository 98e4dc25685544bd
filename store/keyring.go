package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/store/journal"
)

// The folder of signing keys in a data folder. Only the server may read it. The file key holds the private key and its
// verifier key, a line each. The files N.note hold the notes in which keys name their successors. The file key.old holds the key that
// was retired last, and on a third line until when it signs beside its successor: witnesses and auditors who know it alone have that
// long to learn of the other. After that it is deleted.
const (
	keysName    = "keys"
	keyFile     = "key"
	keyFileNext = "key.next"
	keyFileOld  = "key.old"
	noteSuffix  = ".note"
)

// Overlap is how long a retired key signs beside its successor.
const Overlap = 30 * 24 * time.Hour

// DefaultServerName is the name under which heads are signed if none was chosen.
const DefaultServerName = "accord"

// ErrNoKeys means that a data folder has no signing key yet.
var ErrNoKeys = errors.New("the data folder has no signing key yet; a server makes one when it starts")

// Keyring holds the key that signs heads and the succession of retired keys. It is safe for concurrent use.
type Keyring struct {
	dir   string
	now   func() time.Time
	fixed error                                      // why the key cannot be rotated; nil: it can
	order func(context.Context, KeySuccession) error // see Options.Succeed; nil: alone

	mu     sync.RWMutex
	signer note.Signer
	public string      // verifier key
	notes  [][]byte    // of succession, oldest first
	old    note.Signer // of the key that was retired last; nil: none signs any more
	until  time.Time   // when old ends
}

// Keys returns the folder's keyring. If there is none, Keys makes one under the given name, or DefaultServerName if
// name is empty; the name cannot change later. A name that is not empty must be the keyring's.
func (s *Store) Keys(name string) (*Keyring, error) {
	s.keyring.mu.Lock()
	defer s.keyring.mu.Unlock()
	if s.keyring.open == nil {
		if err := s.keysLost(); err != nil {
			return nil, err
		}
		k, err := openKeyring(filepath.Join(s.dir, keysName), name, s.opts.ReadOnly, s.opts.Now)
		if err != nil {
			return nil, fmt.Errorf("open the signing keys: %w", err)
		}
		if err := s.markSigned(); err != nil {
			return nil, err
		}
		if k.order = s.opts.Succeed; s.opts.ReadOnly {
			k.fixed = s.readOnly()
		}
		s.keyring.open = k
	}
	if k := s.keyring.open; name != "" && name != k.Name() {
		return nil, fmt.Errorf("the signing keys bear the name %s, which stays: heads that people keep begin with it", k.Name())
	}
	return s.keyring.open, nil
}

// keyring holds the folder's keyring, which is opened on first use.
type keyring struct {
	mu   sync.Mutex
	open *Keyring
}

// HasKey reports whether the folder has a signing key: its name stays.
func (s *Store) HasKey() bool {
	_, err := os.Stat(filepath.Join(s.dir, keysName, keyFile))
	return !errors.Is(err, fs.ErrNotExist)
}

func openKeyring(dir, name string, readOnly bool, now func() time.Time) (*Keyring, error) {
	k := &Keyring{dir: dir, now: now}
	text, err := os.ReadFile(filepath.Join(dir, keyFile))
	switch {
	case errors.Is(err, fs.ErrNotExist) && readOnly:
		return nil, ErrNoKeys
	case errors.Is(err, fs.ErrNotExist):
		if err := k.make(name); err != nil {
			return nil, err
		}
		return k, nil
	case err != nil:
		return nil, err
	}
	if err := k.use(string(text)); err != nil {
		return nil, err
	}
	if err := k.readNotes(); err != nil {
		return nil, err
	}
	if !readOnly {
		if err := k.finish(); err != nil {
			return nil, err
		}
	}
	return k, k.readOld(readOnly)
}

// readOld reads the key that was retired last, and deletes it once its time is over.
func (k *Keyring) readOld(readOnly bool) error {
	path := filepath.Join(k.dir, keyFileOld)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	signer, bad := note.NewSigner(lines[0])
	if len(lines) < 3 || bad != nil {
		return fmt.Errorf("read %s: it holds no private key and a time", path) // the error must not quote the text
	}
	until, err := time.Parse(time.RFC3339, lines[2])
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", path, err)
	case k.now().Before(until) && signer.KeyHash() != k.signer.KeyHash():
		k.old, k.until = signer, until
		return nil
	case readOnly:
		return nil
	}
	return k.dropOld()
}

// dropOld deletes the key that was retired last. The caller holds k.mu, or has the only reference.
func (k *Keyring) dropOld() error {
	k.old = nil
	if err := os.Remove(filepath.Join(k.dir, keyFileOld)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncFolder(k.dir, false)
}

// signers returns the keys that sign heads now: the current one first.
func (k *Keyring) signers() []note.Signer {
	if k.old != nil && k.now().Before(k.until) {
		return []note.Signer{k.signer, k.old}
	}
	return []note.Signer{k.signer}
}

// Retiring returns until when the key that was retired last signs beside its successor; the zero time: it signs no longer. A key whose
// time is over is deleted.
func (k *Keyring) Retiring() (time.Time, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.old == nil:
		return time.Time{}, nil
	case k.now().Before(k.until):
		return k.until, nil
	}
	return time.Time{}, k.dropOld()
}

// make makes the first key.
func (k *Keyring) make(name string) error {
	if name == "" {
		name = DefaultServerName
	}
	if strings.ContainsAny(name, "+ \t\r\n/") {
		return fmt.Errorf("the server name %q has a space, a plus sign or a slash, which names of keys cannot have", name)
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	text, err := newKey(name)
	if err != nil {
		return err
	}
	if err := k.write(keyFileNext, text); err != nil {
		return err
	}
	if err := k.rename(keyFileNext, keyFile); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(k.dir), false); err != nil {
		return err
	}
	return k.use(text)
}

func newKey(name string) (string, error) {
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", fmt.Errorf("make a key named %s: %w", name, err)
	}
	return private + "\n" + public + "\n", nil
}

// use makes the key in the text of a key file the current one.
func (k *Keyring) use(text string) error {
	private, rest, _ := strings.Cut(text, "\n")
	public, _, _ := strings.Cut(rest, "\n")
	signer, err := note.NewSigner(private)
	if err != nil {
		return fmt.Errorf("read %s: it holds no private key", filepath.Join(k.dir, keyFile)) // the error must not quote the text
	}
	verifier, err := note.NewVerifier(public)
	if err != nil || verifier.Name() != signer.Name() || verifier.KeyHash() != signer.KeyHash() {
		return fmt.Errorf("read %s: the verifier key on its second line is not that of the private key", filepath.Join(k.dir, keyFile))
	}
	k.signer, k.public = signer, public
	return nil
}

func (k *Keyring) readNotes() error {
	names, err := filepath.Glob(filepath.Join(k.dir, "*"+noteSuffix))
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		signed, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if _, _, err := journal.ParseSuccession(signed); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		k.notes = append(k.notes, signed)
	}
	return nil
}

// finish completes a rotation that a crash interrupted. If its note exists, the next key takes over; otherwise the
// rotation is undone.
func (k *Keyring) finish() error {
	next := filepath.Join(k.dir, keyFileNext)
	text, err := os.ReadFile(next)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	public := strings.TrimSuffix(rest, "\n")
	if n := len(k.notes); n > 0 {
		if _, successor, err := journal.ParseSuccession(k.notes[n-1]); err == nil && successor == public {
			if err := k.rename(keyFileNext, keyFile); err != nil {
				return err
			}
			return k.use(string(text))
		}
	}
	return os.Remove(next)
}

// write makes a file. The file and its name are durable when write returns.
func (k *Keyring) write(name, text string) error {
	path := filepath.Join(k.dir, name)
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return k.rename(name+".tmp", name)
}

func (k *Keyring) rename(from, to string) error {
	if err := os.Rename(filepath.Join(k.dir, from), filepath.Join(k.dir, to)); err != nil {
		return err
	}
	return syncFolder(k.dir, false)
}

// Name returns the server's name, with which origins begin.
func (k *Keyring) Name() string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.signer.Name()
}

// Key returns the verifier key of the current key: name, hash and public key, in the form that verifies notes.
func (k *Keyring) Key() string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.public
}

// Successions returns the notes in which retired keys name their successors, oldest first.
func (k *Keyring) Successions() [][]byte {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.notes
}

// Checkpoint signs the current head of a collection's journal.
func (k *Keyring) Checkpoint(c *Collection) ([]byte, error) {
	size, root, err := c.Head()
	if err != nil {
		return nil, err
	}
	return k.sign(c, size, root)
}

// CheckpointAt signs the head that a collection's journal had when it had size entries.
func (k *Keyring) CheckpointAt(c *Collection, size uint64) ([]byte, error) {
	root, err := tlog.TreeHash(int64(size), c.Hashes())
	if err != nil {
		return nil, fmt.Errorf("the head of collection %s at %d: %w", c.id, size, err)
	}
	return k.sign(c, size, root)
}

func (k *Keyring) sign(c *Collection, size uint64, root tlog.Hash) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return journal.Checkpoint{Origin: journal.Origin(k.signer.Name(), c.id), Size: size, Root: root}.Sign(k.signers()...)
}

// SuccessionsBeside returns the notes of succession in the data folder or backup that contains the given agreement's
// file.
func SuccessionsBeside(path string) ([][]byte, error) {
	var k Keyring
	k.dir = filepath.Join(filepath.Dir(filepath.Dir(path)), keysName)
	if err := k.readNotes(); err != nil {
		return nil, err
	}
	return k.notes, nil
}

// ServerCheckpoint signs the current head of the server's own journal. Its origin is the server's name.
func (k *Keyring) ServerCheckpoint(s *Store) ([]byte, error) {
	size, root, err := s.AdminHead()
	if err != nil {
		return nil, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return journal.Checkpoint{Origin: k.signer.Name(), Size: size, Root: root}.Sign(k.signers()...)
}
