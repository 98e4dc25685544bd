package store

import (
	"bytes"
	"fmt"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"
)

// heads checks the file's two heads.
func (k *checking) heads(db *soundFile) error {
	f, err := os.Open(db.Path())
	if err != nil {
		return err
	}
	defer f.Close()
	for n := range 2 {
		sound := false
		for try := 0; try < 3 && !sound; try++ { // a writer may be at it
			if sound, err = soundHead(f, int64(n*db.Info().PageSize)); err != nil {
				return err
			}
		}
		if !sound {
			k.fault("head %d of the file's two is damaged: what the last transaction wrote may be lost", n)
		}
	}
	return nil
}

func soundHead(f io.ReaderAt, at int64) (bool, error) {
	var b [headLen]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return false, fmt.Errorf("read head: %w", err)
	}
	_, ok := parseHead(b[:])
	return ok, nil
}

// pages looks at every page, and says whether the others can be led by them.
func (k *checking) pages(db *soundFile) bool {
	var s survey
	err := guard(func() (err error) {
		s, err = db.survey(k.tx, true)
		return err
	})
	for _, err := range append(s.faults(), err) {
		if err != nil {
			k.fault("%v", err)
		}
	}
	return err == nil && len(s.broken) == 0
}

// buckets reads every key and value once: they must be there, and keys in order.
func (k *checking) buckets() error {
	var t buckets
	belongs := map[string]bool{}
	for _, l := range t.layout() {
		belongs[string(l.name)] = true
	}
	return k.tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		if !belongs[string(name)] {
			k.fault("the bucket %q does not belong here", name)
		}
		var before []byte
		var sum byte
		c := b.Cursor()
		for key, value := c.First(); key != nil; key, value = c.Next() {
			if err := k.step(); err != nil {
				return err
			}
			if before != nil && bytes.Compare(before, key) >= 0 {
				k.fault("the keys of the bucket %s are out of order at %x", name, key)
			}
			before = append(before[:0], key...)
			for _, x := range value { // so that a value that cannot be read is found out
				sum ^= x
			}
		}
		k.read ^= sum
		return nil
	})
}
