package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

func wantLost(t *testing.T, err error, part string) {
	t.Helper()
	var lost *LostError
	if !errors.As(err, &lost) || lost.Part != part {
		t.Errorf("got %v, want a *LostError about %s", err, part)
	}
}

func TestAMissingRegistryIsNoEmptyExchange(t *testing.T) {
	dir, _, _ := filledFolder(t)
	s := openFolder(t, dir, Options{})
	backup := received(t, s, nil)
	s.Close()
	registry := filepath.Join(dir, registryName)
	for name, lose := range map[string]func() error{
		"removed": func() error { return os.Remove(registry) },
		"emptied": func() error { return os.Truncate(registry, 0) },
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		for _, readOnly := range []bool{false, true} {
			_, err := Open(dir, Options{ReadOnly: readOnly})
			t.Log(name, err)
			wantLost(t, err, registryName)
		}
		if _, _, err := RestoreRegistry(context.Background(), backup, dir, nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wantIntact(t, dir)
	}
	if err := os.WriteFile(registry, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, kept, err := RestoreRegistry(context.Background(), backup, dir, nil)
	if text, _ := os.ReadFile(kept); err != nil || string(text) != "no database" {
		t.Errorf("a damaged one: got %v, kept %q", err, text)
	}
	wantIntact(t, dir)
}

func TestMissingKeysAreNotMadeAgain(t *testing.T) {
	dir, _, _ := filledFolder(t) // no server has had it: it has no key yet
	s := openFolder(t, dir, Options{})
	keys, err := s.Keys("ti.example.org")
	if err != nil {
		t.Fatal(err)
	}
	old := keys.Key()
	s.Close()
	if err := os.RemoveAll(filepath.Join(dir, keysName)); err != nil {
		t.Fatal(err)
	}
	s = openFolder(t, dir, Options{})
	_, err = s.Keys("")
	t.Log(err)
	wantLost(t, err, keysName)
	if _, err := os.Stat(filepath.Join(dir, keysName)); !os.IsNotExist(err) {
		t.Errorf("a refused start made keys: %v", err)
	}
	again, err := s.ReplaceLostKeys("ti.example.org")
	if err != nil || again.Key() == old {
		t.Fatalf("got %v", err)
	}
	if _, err := s.ReplaceLostKeys(""); !errors.Is(err, ErrExists) {
		t.Errorf("replacing a key that is there: got %v, want ErrExists", err)
	}
}

// Folders of earlier versions do not say that they have signed; a server that answered has.
func TestMissingKeysOfAnOlderFolderAreNotMadeAgain(t *testing.T) {
	dir, file, _ := filledFolder(t)
	if err := os.WriteFile(file[:len(file)-len(".db")]+".deliveries.db", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openFolder(t, dir, Options{})
	err := s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketRegistryMeta).Delete(keySigned) }) // as they did
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Keys("")
	wantLost(t, err, keysName)
}

// Commands may note deliveries in a folder that no server has had yet: it has no key that could be lost.
func TestAFolderThatNeverSignedHasLostNoKeys(t *testing.T) {
	dir, file, _ := filledFolder(t)
	if err := os.WriteFile(file[:len(file)-len(".db")]+".deliveries.db", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(t, dir, Options{}).Keys(""); err != nil {
		t.Errorf("got %v, want a new key", err)
	}
}
