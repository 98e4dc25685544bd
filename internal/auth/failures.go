package auth

import (
	"container/list"
	"crypto/sha256"
	"time"
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
	order list.List     // of *failed, the most recently used first
	names map[nameHash]*list.Element
}

type nameHash [16]byte

func hashOf(name string) (h nameHash) {
	sum := sha256.Sum256([]byte(name))
	copy(h[:], sum[:])
	return h
}

type failed struct {
	name  nameHash
	count int
	last  time.Time // the last wrong password
	next  time.Time // the earliest time of the next attempt
	turn  uint64    // of the last attempt
}

func newFailures(free int, gap time.Duration) *failures {
	return &failures{free: free, gap: gap, names: map[nameHash]*list.Element{}}
}

// ready returns when the next attempt may be verified; the zero time is now.
func (f *failures) ready(name string, now time.Time) time.Time {
	e, ok := f.names[hashOf(name)]
	if !ok {
		return time.Time{}
	}
	entry := e.Value.(*failed)
	if entry.count < f.free || now.Sub(entry.last) > failuresKept {
		return time.Time{}
	}
	return entry.next
}

// turn returns which turn the last attempt had, so that turns go round.
func (f *failures) turn(name string) uint64 {
	if e, ok := f.names[hashOf(name)]; ok {
		return e.Value.(*failed).turn
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
	e, ok := f.names[h]
	if !ok {
		e = f.order.PushFront(&failed{name: h})
		f.names[h] = e
		if f.order.Len() > mostFailures {
			f.remove(f.order.Back())
		}
	}
	f.order.MoveToFront(e)
	return e.Value.(*failed)
}

// forget drops a name.
func (f *failures) forget(name string) {
	if e, ok := f.names[hashOf(name)]; ok {
		f.remove(e)
	}
}

func (f *failures) remove(e *list.Element) {
	delete(f.names, e.Value.(*failed).name)
	f.order.Remove(e)
}
