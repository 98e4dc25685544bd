package auth

import (
	"crypto/sha256"
	"time"

	"github.com/accord-taxii/accord/internal/lru"
)

const (
	failuresKept = 15 * time.Minute // without a further one, wrong passwords are forgotten
	mostFailures = 16 << 10         // names that are remembered
)

// failures counts wrong passwords by name: of an account, an address or both. The queue's lock guards it. Names are kept as
// hashes: those of accounts are what strangers choose, and may be long.
type failures struct {
	free  int           // wrong passwords without effect
	gap   time.Duration // between attempts after them
	names *lru.Cache[nameHash, *failed]
}

type nameHash [16]byte

func hashOf(name string) (h nameHash) {
	sum := sha256.Sum256([]byte(name))
	copy(h[:], sum[:])
	return h
}

type failed struct {
	count int
	last  time.Time // the last wrong password
	next  time.Time // the earliest time of the next attempt
	turn  uint64    // of the last attempt
}

func newFailures(free int, gap time.Duration) *failures {
	return &failures{free: free, gap: gap, names: lru.New[nameHash, *failed](mostFailures, 1)}
}

// ready returns when the next attempt may be verified; the zero time is now.
func (f *failures) ready(name string, now time.Time) time.Time {
	entry, ok := f.names.Get(hashOf(name))
	if !ok {
		return time.Time{}
	}
	if entry.count < f.free || now.Sub(entry.last) > failuresKept {
		return time.Time{}
	}
	return entry.next
}

// turn returns which turn the last attempt had, so that turns go round.
func (f *failures) turn(name string) uint64 {
	if entry, ok := f.names.Get(hashOf(name)); ok {
		return entry.turn
	}
	return 0
}

// take notes that an attempt is verified now.
func (f *failures) take(name string, now time.Time, turn uint64) {
	entry := f.entry(name)
	entry.turn = turn
	if !entry.last.IsZero() && now.Sub(entry.last) > failuresKept {
		entry.count = 0
	}
	if entry.count >= f.free {
		entry.next = now.Add(f.gap)
	}
}

// wrong counts a wrong password.
func (f *failures) wrong(name string, now time.Time) {
	entry := f.entry(name)
	entry.count++
	entry.last = now
	if entry.count == f.free {
		entry.next = now.Add(f.gap)
	}
}

// entry returns the entry of a name, which it makes if there is none.
func (f *failures) entry(name string) *failed {
	h := hashOf(name)
	if entry, ok := f.names.Get(h); ok {
		return entry
	}
	return f.names.Put(h, new(failed), 1)
}

// forget drops a name.
func (f *failures) forget(name string) { f.names.Remove(hashOf(name)) }
