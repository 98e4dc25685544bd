package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// A LostError says that a data folder lacks a part that it had. Making that part anew would hide the loss: the exchange would be
// empty, or heads that people keep would not be continued.
type LostError struct {
	Dir  string
	Part string // accord.db or keys
}

func (e *LostError) Error() string {
	if e.Part == registryName {
		return fmt.Sprintf("%s has files of agreements but no accord.db, which lists them: accord restore --from BACKUP --data %s --registry brings it back", e.Dir, e.Dir)
	}
	return fmt.Sprintf("%s has signed heads of history, but its folder keys is missing: copy the folder keys from a backup to %s; "+
		"if there is none, accord audit key --data %s --replace-lost makes another key, which auditors must be told", e.Dir, e.Dir, e.Dir)
}

// RegistryLost reports, as a *LostError, that accord.db is missing or empty beside files of agreements.
func RegistryLost(dir string) error {
	info, err := os.Stat(filepath.Join(dir, registryName))
	if err == nil && info.Size() > 0 {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names, err := filepath.Glob(filepath.Join(dir, agreementsName, "*.db"))
	if err != nil || len(names) == 0 {
		return err
	}
	return &LostError{dir, registryName}
}

// keySigned is the key, in accord.db's meta bucket, that says whether the folder has had a signing key: 1, or 0 in a new one. A file of
// an older version may lack it.
var keySigned = []byte("signed")

// keysLost reports that the folder has no signing key although it had one. Folders of earlier versions, which do not say so, had
// one when a server noted deliveries in them.
func (s *Store) keysLost() error {
	if _, err := os.Stat(filepath.Join(s.dir, keysName, keyFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil // what else is wrong with it, opening it says
	}
	if s.opts.ReadOnly {
		return nil // ErrNoKeys says it
	}
	signed, err := s.hasSigned()
	if err != nil {
		return err
	}
	if !signed {
		return nil
	}
	return &LostError{s.dir, keysName}
}

func (s *Store) hasSigned() (signed bool, err error) {
	known := false
	err = s.db.View(func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketRegistryMeta).Get(keySigned)
		known = len(v) == 1
		signed = known && v[0] != 0
		return nil
	})
	if err != nil || known {
		return signed, err
	}
	entries, err := os.ReadDir(s.AgreementsDir())
	for _, e := range entries {
		signed = signed || strings.HasSuffix(e.Name(), ".deliveries.db")
	}
	return signed, err
}

// markSigned notes that the folder has a signing key.
func (s *Store) markSigned() error {
	if s.opts.ReadOnly {
		return nil
	}
	marked := false
	err := s.db.View(func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketRegistryMeta).Get(keySigned)
		marked = len(v) == 1 && v[0] != 0
		return nil
	})
	if err != nil || marked {
		return err
	}
	return s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketRegistryMeta).Put(keySigned, []byte{1}) })
}

// ReplaceLostKeys makes a signing key for a folder that has lost its own. Nothing connects it with the one before.
func (s *Store) ReplaceLostKeys(name string) (*Keyring, error) {
	s.keyring.mu.Lock()
	defer s.keyring.mu.Unlock()
	var lost *LostError
	if err := s.keysLost(); err == nil {
		return nil, fmt.Errorf("replace the signing key: it is not lost: %w", ErrExists)
	} else if !errors.As(err, &lost) {
		return nil, err
	}
	k, err := openKeyring(filepath.Join(s.dir, keysName), name, s.opts.ReadOnly, s.opts.Now)
	if err != nil {
		return nil, fmt.Errorf("replace the signing key: %w", err)
	}
	s.keyring.open = k
	return k, nil
}

// ErrRegistryDamaged says that accord.db is there and cannot be read.
var ErrRegistryDamaged = errors.New("accord.db is damaged; accord restore --registry brings it back from a backup")

// SigningKey returns the folder's keyring and makes none: nil without an error if it never had one, a *LostError if it lost it.
func (s *Store) SigningKey() (*Keyring, error) {
	k, err := s.signing()
	if err != nil || k != nil {
		return k, err
	}
	signed, err := s.hasSigned()
	if err == nil && signed {
		err = &LostError{s.dir, keysName}
	}
	return nil, err
}
