package delivery

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

func TestDeliveriesOfANewerFormatAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.db")
	f, err := openFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.db.Close(); err != nil {
		t.Fatal(err)
	}
	change(t, path, func(tx *bolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keyFormat, binary.BigEndian.AppendUint64(nil, format+1))
	})
	for _, readOnly := range []bool{false, true} {
		if _, err := openFile(path, readOnly); err == nil || !strings.Contains(err.Error(), "newer") {
			t.Errorf("read-only %t: got %v, want a refusal that names a newer version", readOnly, err)
		}
	}
	change(t, path, func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketMeta) }) // as the first release wrote it
	for _, readOnly := range []bool{true, false, true} {
		f, err := openFile(path, readOnly)
		if err != nil {
			t.Fatalf("without a format, read-only %t: got %v, want it opened", readOnly, err)
		}
		if err := f.db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// change changes a closed file behind the package's back.
func change(t *testing.T, path string, fn func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}
