package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/store/journal"
)

// KeySuccession is a rotation of the signing key, ready to be made: what every node of a cluster does at one place of the log.
type KeySuccession struct {
	Note  []byte    `json:"note"`  // in which the key that retires names its successor
	Key   string    `json:"key"`   // what the file of the new key holds: secret
	Until time.Time `json:"until"` // until then the retired key signs beside its successor
}

// Rotate retires the current key: the key signs a note that names its successor, and signs beside it for Overlap. A key that was
// retired before signs no longer. In a cluster all nodes do so, at one place of the log; ErrStale says that another rotation was
// first.
func (k *Keyring) Rotate(ctx context.Context) error {
	if k.fixed != nil {
		return fmt.Errorf("rotate the signing key: %w", k.fixed)
	}
	planned, err := k.plan()
	if err == nil && k.order == nil {
		_, err = k.adopt(planned)
	} else if err == nil {
		err = k.order(ctx, planned)
		if _, public, _ := strings.Cut(strings.TrimSpace(planned.Key), "\n"); err == nil && k.Key() != public {
			err = ErrStale
		}
	}
	if err != nil {
		return fmt.Errorf("rotate the signing key: %w", err)
	}
	return nil
}

// plan draws a successor of the current key.
func (k *Keyring) plan() (KeySuccession, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	text, err := newKey(k.signer.Name())
	if err != nil {
		return KeySuccession{}, err
	}
	signed, err := journal.SignSuccession(k.signer, k.public, strings.Split(text, "\n")[1])
	return KeySuccession{signed, text, k.now().Add(Overlap).UTC().Truncate(time.Second)}, err
}

// Succeed makes a rotation that the log has. One that was made already, or that retires another key than the current one, changes
// nothing.
func (s *Store) Succeed(planned KeySuccession) error {
	k, err := s.Keys("")
	if err == nil {
		_, err = k.adopt(planned)
	}
	if err != nil {
		return fmt.Errorf("rotate the signing key: %w", err)
	}
	return nil
}

// CheckSuccession says why a rotation of the log cannot be made; see Succeed.
func (s *Store) CheckSuccession(planned KeySuccession) error {
	k, err := s.Keys("")
	if err == nil {
		_, _, err = k.checkSuccession(planned)
	}
	return err
}

// checkSuccession returns the key that a rotation retires and the public part of the new one.
func (k *Keyring) checkSuccession(planned KeySuccession) (from, public string, err error) {
	if from, public, err = journal.ParseSuccession(planned.Note); err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrMessage, err)
	}
	private, rest, _ := strings.Cut(planned.Key, "\n")
	if signer, err := note.NewSigner(private); err != nil || signer.Name() != k.Name() || rest != public+"\n" {
		return "", "", fmt.Errorf("%w: the new key is not the one that the note of succession names", ErrMessage)
	}
	return from, public, nil
}

// adopt makes a rotation. done is false if it does not retire the current key.
func (k *Keyring) adopt(planned KeySuccession) (done bool, err error) {
	from, public, err := k.checkSuccession(planned)
	if err != nil {
		return false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if from != k.public {
		return k.public == public, nil
	}
	// After a crash that follows the note, finish puts the new key in place.
	if err := k.write(keyFileNext, planned.Key); err != nil {
		return false, err
	}
	current, err := os.ReadFile(filepath.Join(k.dir, keyFile))
	if err != nil {
		return false, err
	}
	old := strings.TrimRight(string(current), "\n") + "\n" + planned.Until.UTC().Format(time.RFC3339) + "\n"
	err = k.write(keyFileOld, old)
	if err == nil {
		err = k.write(fmt.Sprintf("%04d%s", len(k.notes)+1, noteSuffix), string(planned.Note))
	}
	if err == nil {
		err = k.rename(keyFileNext, keyFile)
	}
	if err != nil {
		return false, err
	}
	k.notes = append(slices.Clone(k.notes), planned.Note)
	k.old, k.until = k.signer, planned.Until
	return true, k.use(planned.Key)
}

// RetiredKey returns the file of the key that was retired last, which signs beside its successor for a while; nil: there is none. No
// backup has it: only a node of the same cluster is to get it, see KeepRetiredKey.
func RetiredKey(dir string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, keysName, keyFileOld))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// KeepRetiredKey gives a folder that no process has open what RetiredKey returned in another one of the cluster.
func KeepRetiredKey(dir string, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	k := Keyring{dir: filepath.Join(dir, keysName)}
	if err := k.write(keyFileOld, string(text)); err != nil {
		return fmt.Errorf("keep the retired signing key: %w", err)
	}
	return nil
}
