package store

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
	bolt "go.etcd.io/bbolt"
)

// mostFaults is how many faults Check reports; a file with more is as damaged as one with these.
const mostFaults = 1000

// Check reads the whole file: every digest, every index, the tree. It returns the faults it found, a sentence each. It
// reads one snapshot, so writers may go on meanwhile.
func (c *Collection) Check(ctx context.Context) (faults []string, err error) {
	faults, _, err = c.check(ctx)
	return faults, err
}

// check is Check that also returns remarks: what an older version of this program left, and this one would not do.
func (c *Collection) check(ctx context.Context) (faults, remarks []string, err error) {
	f := c.use()
	defer f.leave()
	err = f.db.View(func(tx *bolt.Tx) (err error) {
		k := &checking{collection: c, tx: tx, ctx: ctx}
		defer func() {
			// bbolt panics on damaged pages, or reads addresses outside the file.
			if p := recover(); p != nil {
				k.fault("the file's pages are damaged: %v", p)
			}
			faults, remarks = k.faults, k.remarks
		}()
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		return k.all(f.db)
	})
	if err = closedError(err); err != nil {
		return nil, nil, fmt.Errorf("check collection %s: %w", c.id, err)
	}
	return faults, remarks, nil
}

// checking is one check in progress.
type checking struct {
	collection *Collection
	tx         *bolt.Tx
	ctx        context.Context
	steps      int
	faults     []string
	remarks    []string
	stats      stats // as the walk counts them
	read       byte  // of all values, so that the compiler cannot drop the reads
}

func (k *checking) fault(format string, args ...any) {
	if len(k.faults) < mostFaults {
		k.faults = append(k.faults, fmt.Sprintf(format, args...))
	}
}

func (k *checking) remark(format string, args ...any) {
	if len(k.remarks) < mostFaults {
		k.remarks = append(k.remarks, fmt.Sprintf(format, args...))
	}
}

// step returns an error once the check's context has ended.
func (k *checking) step() error {
	k.steps++
	if k.steps%1024 == 0 {
		return k.ctx.Err()
	}
	return nil
}

func (k *checking) all(db *verifiedbolt.DB) error {
	if err := k.meta(db); err != nil {
		return err
	}
	if !k.pages(db) {
		return nil
	}
	var t buckets
	for _, l := range t.layout() {
		if k.tx.Bucket(l.name) == nil && (l.since <= k.collection.format) {
			k.fault("the bucket %s is missing", l.name)
			return nil
		}
	}
	if err := k.journal(); err != nil {
		return err
	}
	if err := k.buckets(); err != nil {
		return err
	}
	k.types()
	k.contributors()
	if err := k.objects(); err != nil {
		return err
	}
	if err := k.indexes(); err != nil {
		return err
	}
	if err := k.statuses(); err != nil {
		return err
	}
	if err := k.refused(); err != nil {
		return err
	}
	if _, _, err := readSweepCounts(k.tx.Bucket(bucketMeta)); err != nil {
		k.fault("%v", err)
	}
	if err := k.followers(); err != nil {
		return err
	}
	if k.collection.format >= loggedCollectionFormat {
		checkLogState(k.tx, k.fault)
	}
	got, err := readStats(k.tx)
	if err != nil {
		k.fault("%v", err)
	} else if got != k.stats {
		k.fault("the stats are %+v, but counting gives %+v", got, k.stats)
	}
	return nil
}

// statuses checks that each status can be read, and that the index by time lists each exactly once.
func (k *checking) statuses() error {
	ages := k.tx.Bucket(bucketStatusAge)
	count := 0
	c := k.tx.Bucket(bucketStatuses).Cursor()
	for id, b := c.First(); id != nil; id, b = c.Next() {
		if err := k.step(); err != nil {
			return err
		}
		count++
		if _, _, err := parseStatus(b); err != nil {
			k.fault("the status %x: %v", id, err)
			continue
		}
		if age := ages.Get(append(append([]byte{}, b[:8]...), id...)); age == nil || len(age) > 0 {
			k.fault("the status %x is not listed by its age", id)
		}
	}
	if n := countKeys(ages); n != count {
		k.fault("%d statuses are listed by age, but %d are kept", n, count)
	}
	return nil
}

func countKeys(b *bolt.Bucket) int {
	n := 0
	c := b.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		n++
	}
	return n
}
