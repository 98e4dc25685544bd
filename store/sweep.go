package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// What is deleted stays in free pages of its file until these are overwritten: see verifiedbolt's Sweep. A transaction that
// deletes counts that in its file, and a sweep keeps the count up to which it has swept: so a server that was killed
// between the two sweeps when it is started again.

const (
	sweepEvery = 5 * time.Second  // how often files are looked at
	sweepClose = 10 * time.Second // how long closing may take for it
)

// keySweep is the key in a meta bucket of the transactions that deleted something, and how many of them were swept: 8 bytes
// big-endian each, with a checksum. A file without it was written by an older version, and has not been swept.
var keySweep = []byte("sweep")

func readSweepCounts(meta *bolt.Bucket) (deletions, swept uint64, err error) {
	v, err := verifyChecksum(keySweep, meta.Get(keySweep))
	if v == nil || err != nil {
		return 1, 0, err
	}
	if len(v) != 16 {
		return 1, 0, fmt.Errorf("%w: the count of deletions has %d bytes", verifiedbolt.ErrDamaged, len(v))
	}
	return binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:]), nil
}

// sweepCounts is readSweepCounts that takes a damaged count for one of a file that was never swept.
func sweepCounts(meta *bolt.Bucket) (deletions, swept uint64) {
	deletions, swept, _ = readSweepCounts(meta)
	return deletions, swept
}

func putSweepCounts(meta *bolt.Bucket, deletions, swept uint64) error {
	counts := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, deletions), swept)
	return meta.Put(keySweep, withChecksum(keySweep, counts))
}

// markDeletion has the file swept after the transaction of its meta bucket, which deletes something.
func markDeletion(meta *bolt.Bucket) error {
	deletions, swept := sweepCounts(meta)
	return putSweepCounts(meta, deletions+1, swept)
}

// Sweep overwrites what was deleted before the call, in every file. It waits for backups and checks that are in progress.
// A server does so by itself within seconds.
func (s *Store) Sweep(ctx context.Context) error {
	if s.opts.ReadOnly {
		return ErrReadOnly
	}
	errs := []error{sweepFile(ctx, s.db, bucketRegistryMeta)}
	for _, col := range s.now.Load().collections {
		if ctx.Err() != nil {
			break
		}
		file := col.use()
		errs = append(errs, sweepFile(ctx, file.db, bucketMeta))
		file.leave()
	}
	return errors.Join(append(errs, context.Cause(ctx))...)
}

// sweepFile sweeps a file, if something was deleted from it since the last time.
func sweepFile(ctx context.Context, db *verifiedbolt.DB, metaBucket []byte) error {
	var deletions, swept uint64
	err := db.View(func(tx *bolt.Tx) error {
		deletions, swept = sweepCounts(tx.Bucket(metaBucket))
		return nil
	})
	if err != nil || deletions == swept {
		return err
	}
	if err := db.Touch(); err != nil { // now both meta pages are later than the deletion
		return fmt.Errorf("sweep %s: %w", db.Path(), err)
	}
	if _, err := db.Sweep(ctx); err != nil {
		return err
	}
	return db.Update(func(tx *bolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		now, _ := sweepCounts(meta) // there may be more by now
		return putSweepCounts(meta, now, deletions)
	})
}

// sweeper sweeps from time to time, until its context ends.
func (s *Store) sweeper(ctx context.Context) {
	defer close(s.swept)
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	said := ""
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		err := errors.Join(s.Sweep(ctx), s.noteStanding(), s.keepPlace())
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			said = ""
		} else if text := err.Error(); text != said && s.opts.Failed != nil {
			said = text
			s.opts.Failed(err)
		}
	}
}

// endSweeper stops the sweeper and sweeps a last time.
func (s *Store) endSweeper() {
	if s.stopSweeper == nil {
		return
	}
	s.stopSweeper()
	<-s.swept
	ctx, cancel := context.WithTimeout(context.Background(), sweepClose)
	defer cancel()
	if err := s.Sweep(ctx); err != nil && s.opts.Failed != nil {
		s.opts.Failed(fmt.Errorf("%w; it is done when the data folder is opened again", err))
	}
}
