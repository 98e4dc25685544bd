package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// The formats of files in a folder that belongs to a cluster: those of other folders, and the bucket log. Other files keep the
// format that they have, so that a folder that never was in a cluster is what it always was.
const (
	loggedCollectionFormat = 7
	loggedRegistryFormat   = 2
)

// bucketLog is how far a file has come in the log, in agreements' files and in accord.db. It changes in the transactions that
// apply messages, with what these do, and by nothing else.
var bucketLog = []byte("log") // see below

// The keys of the log bucket. The values of the first two are 8 bytes, and all have a checksum.
var (
	keyPlace   = []byte("place") // of the last message that was applied or passed over
	keyClock   = []byte("clock") // latest clock reading of a message, in microseconds since 1970
	logPrefix  = []byte("g")     // and a clock reading, 8 bytes, and the id of a group -> nothing: groups that were applied
	keyCluster = []byte("cluster")
)

// rememberGroups is how long ids of groups are kept, by the clock readings of messages: a message that comes once more is passed
// over for so long, and after that it is too old to be applied.
const rememberGroups = 10 * time.Minute

// logState is the log bucket of a file in a write transaction.
type logState struct {
	bucket       *bolt.Bucket
	place, clock uint64
}

func readLogState(tx *bolt.Tx) (*logState, error) {
	b := tx.Bucket(bucketLog)
	if b == nil {
		return nil, ErrNotInCluster
	}
	l := &logState{bucket: b}
	for key, n := range map[string]*uint64{string(keyPlace): &l.place, string(keyClock): &l.clock} {
		v, err := verifyChecksum([]byte(key), b.Get([]byte(key)))
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if len(v) != 8 {
			return nil, fmt.Errorf("%w: the %s in the log has %d bytes", verifiedbolt.ErrDamaged, key, len(v))
		}
		*n = binary.BigEndian.Uint64(v)
	}
	return l, nil
}

// loggedPlace is the place of the last message that the file has; 0 without a cluster.
func (c *Collection) loggedPlace() (place uint64) {
	_ = c.view(func(tx *bolt.Tx) error { // Check reports errors
		l, err := readLogState(tx)
		if err == nil {
			place = l.place
		}
		return err
	})
	return place
}

// admission says what is to be done with a message.
type admission int

const (
	admitted admission = iota
	repeated           // it was applied before: it is passed over
	outdated           // it is too old to tell whether it was: nothing of it happens
)

func groupKey(clock uint64, id uuid.UUID) []byte {
	return append(binary.BigEndian.AppendUint64(append([]byte(nil), logPrefix...), clock), id[:]...)
}

// oldest is the latest clock reading of which groups are not remembered any more.
func (l *logState) oldest() uint64 {
	const window = uint64(rememberGroups / time.Microsecond)
	return l.clock - min(l.clock, window)
}

// admit says what is to be done with a group. It follows from the messages before it alone.
func (l *logState) admit(clock uint64, id uuid.UUID) (admission, error) {
	if clock <= l.oldest() {
		return outdated, nil
	}
	key := groupKey(clock, id)
	v := l.bucket.Get(key)
	if v == nil {
		return admitted, nil
	}
	_, err := verifyChecksum(key, v)
	return repeated, err
}

// note keeps that a message was dealt with, and forgets what is too old.
func (l *logState) note(place, clock uint64, id uuid.UUID, a admission) error {
	l.place = place
	if a == admitted {
		key := groupKey(clock, id)
		if err := l.bucket.Put(key, withChecksum(key, nil)); err != nil {
			return fmt.Errorf("keep the group %s: %w", id, err)
		}
		l.clock = max(l.clock, clock)
		end := append([]byte(nil), groupKey(l.oldest(), uuid.Max)...)
		c := l.bucket.Cursor()
		for k, _ := c.Seek(logPrefix); len(k) == len(end) && string(k) <= string(end); k, _ = c.Seek(logPrefix) {
			if err := c.Delete(); err != nil {
				return fmt.Errorf("forget old groups: %w", err)
			}
		}
	}
	return l.put()
}

func (l *logState) put() error {
	for key, n := range map[string]uint64{string(keyPlace): l.place, string(keyClock): l.clock} {
		v := binary.BigEndian.AppendUint64(nil, n)
		if err := l.bucket.Put([]byte(key), withChecksum([]byte(key), v)); err != nil {
			return fmt.Errorf("keep the place in the log: %w", err)
		}
	}
	return nil
}

// enterLog gives a file its log bucket.
func enterLog(tx *bolt.Tx, metaBucket []byte, format uint64) error {
	b, err := tx.CreateBucketIfNotExists(bucketLog)
	if err == nil {
		err = (&logState{bucket: b}).put()
	}
	if err == nil {
		err = tx.Bucket(metaBucket).Put(keyFormat, binary.BigEndian.AppendUint64(nil, format))
	}
	if err != nil {
		return fmt.Errorf("enter the log: %w", err)
	}
	return nil
}

// checkLogState checks the log bucket: that all in it has its checksum, and that nothing is remembered that is too old.
func checkLogState(tx *bolt.Tx, fault func(format string, args ...any)) {
	l, err := readLogState(tx)
	if err != nil {
		fault("the place in the log: %v", err)
		return
	}
	c := l.bucket.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		_, err := verifyChecksum(k, v)
		switch {
		case err != nil:
			fault("%v", err)
		case string(k) == string(keyPlace), string(k) == string(keyClock):
		case len(k) != len(groupKey(0, uuid.UUID{})) || k[0] != logPrefix[0]:
			fault("%x in the bucket log is no group", k)
		case addedOf(k[1:9]) <= l.oldest() || addedOf(k[1:9]) > l.clock:
			fault("the group %x was not to be remembered", k[9:])
		}
	}
}

// placeMark is a place that only grows, and that can be waited for.
type placeMark struct {
	mu    sync.Mutex
	at    uint64        // guarded by mu
	later chan struct{} // guarded by mu; closed and replaced when at grows; nil until it is waited for
}

func (p *placeMark) get() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *placeMark) set(at uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at <= p.at {
		return
	}
	p.at = at
	if p.later != nil {
		close(p.later)
		p.later = nil
	}
}

// reached returns nil if the place is reached, else a channel that is closed when it has grown.
func (p *placeMark) reached(at uint64) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at >= at {
		return nil
	}
	if p.later == nil {
		p.later = make(chan struct{})
	}
	return p.later
}

// waitPlace returns when one of two places is reached, ctx ends, or closing is closed (ErrClosed).
func waitPlace(ctx context.Context, at uint64, one, other *placeMark, closing <-chan struct{}) error {
	for {
		a, b := one.reached(at), other.reached(at)
		if a == nil || b == nil {
			return nil
		}
		select {
		case <-a:
		case <-b:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-closing:
			return ErrClosed
		}
	}
}
