package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// raw measures bbolt alone: each object is parsed and put under a number, with an index key for its identifier, one for
// its type and one for its version, durable at the end of each transaction.
type raw struct {
	db   *bolt.DB
	last uint64
}

var rawObjects, rawByID, rawByType, rawByVersion = []byte("objects"), []byte("byid"), []byte("bytype"), []byte("byversion")

func newRaw(path string) (*raw, error) {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{rawObjects, rawByID, rawByType, rawByVersion} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return &raw{db: db}, nil
}

func (r *raw) close() error { return r.db.Close() }

// write puts a batch, an envelope's objects a transaction.
func (r *raw) write(ctx context.Context, b batch) error {
	for from := 0; from < len(b.objects) && ctx.Err() == nil; from += perEnvelope {
		if err := r.put(b.objects[from:min(from+perEnvelope, len(b.objects))]); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// put returns one transaction.
func (r *raw) put(objects [][]byte) error {
	return r.db.Update(func(tx *bolt.Tx) error {
		texts, byID, byType, byVersion := tx.Bucket(rawObjects), tx.Bucket(rawByID), tx.Bucket(rawByType), tx.Bucket(rawByVersion)
		var tree ijson.Tree
		for _, text := range objects {
			if err := tree.Parse(text, ijson.Limits{}); err != nil {
				return err
			}
			o := stix.FromTree(&tree)
			r.last++
			number := binary.BigEndian.AppendUint64(nil, r.last)
			if err := texts.Put(number, text); err != nil {
				return err
			}
			if err := byID.Put(append([]byte(o.ID), number...), nil); err != nil {
				return err
			}
			if err := byType.Put(append([]byte(o.Type), number...), nil); err != nil {
				return err
			}
			if err := byVersion.Put(append(o.Instant.AppendKey(nil), number...), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// singles puts objects of 1 kB, one a transaction, for a time, and returns how many a second.
func (r *raw) singles(ctx context.Context, last time.Duration, number *int) (float64, error) {
	began := time.Now()
	n := 0
	for ; time.Since(began) < last && ctx.Err() == nil; n++ {
		if err := r.put([][]byte{kilobyte(*number)}); err != nil {
			return 0, err
		}
		*number++
	}
	return float64(n) / time.Since(began).Seconds(), context.Cause(ctx)
}
