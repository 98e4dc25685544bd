package auth

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"
)

// Wrong passwords for one account from one address slow down the following ones. The account itself is never locked: from
// elsewhere, and with a token, it works as ever, and credentials that were verified before are not held up at all.
const (
	freeFailures    = 10               // wrong passwords that cost nothing but their verification
	firstGap        = time.Second / 2  // between attempts after those; it doubles with each
	longestGap      = 2 * time.Second  // however many there were
	longestWait     = 10 * time.Second // an attempt that would wait longer is turned away
	turnedAwayAfter = time.Second      // how long it is held up before
	failuresKept    = 15 * time.Minute // without a further one, they are forgotten
	mostFailures    = 16 << 10         // pairs of account and address that are remembered
	mostHeld        = 256              // attempts that wait at the same time
)

// SlowError says that too many wrong passwords came for an account from an address: answer 429. The credentials were not
// looked at.
type SlowError struct{ After time.Duration }

func (e *SlowError) Error() string {
	return fmt.Sprintf("too many wrong passwords came for this user name from this address; try again in %v, with the right one", e.After.Round(time.Second))
}

// failures counts wrong passwords by account and address.
type failures struct {
	now  func() time.Time
	held chan struct{} // a place for each attempt that waits

	mu    sync.Mutex
	order list.List // guarded by mu: of *failed, the one with the newest failure first
	pairs map[pair]*list.Element
}

type pair struct{ account, address string }

type failed struct {
	pair
	count int
	last  time.Time
	next  time.Time // when the next attempt may be looked at
}

func newFailures() *failures {
	return &failures{now: time.Now, held: make(chan struct{}, mostHeld), pairs: map[pair]*list.Element{}}
}

// await holds an attempt up as long as the failures before it ask for. Attempts that come at the same time wait one after
// the other.
func (f *failures) await(ctx context.Context, p pair) error {
	wait := f.turn(p)
	if wait <= 0 {
		return nil
	}
	turnedAway := wait > longestWait
	if turnedAway {
		wait = turnedAwayAfter // asking again at once gains nothing
	}
	select {
	case f.held <- struct{}{}:
		defer func() { <-f.held }()
	default:
		return &SlowError{wait}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		if turnedAway {
			return &SlowError{longestWait}
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// turn gives out the next turn of a pair: how long until then.
func (f *failures) turn(p pair) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.pairs[p]
	if !ok {
		return 0
	}
	now, entry := f.now(), e.Value.(*failed)
	if now.Sub(entry.last) > failuresKept {
		f.forget(e)
		return 0
	}
	if entry.count < freeFailures {
		return 0
	}
	wait := max(0, entry.next.Sub(now))
	if wait > longestWait {
		return wait
	}
	gap := firstGap << min(entry.count-freeFailures, 8)
	entry.next = now.Add(wait + min(gap, longestGap))
	return wait
}

// wrong counts a wrong password.
func (f *failures) wrong(p pair) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	e, ok := f.pairs[p]
	if !ok {
		e = f.order.PushFront(&failed{pair: p})
		f.pairs[p] = e
		if f.order.Len() > mostFailures {
			f.forget(f.order.Back())
		}
	}
	f.order.MoveToFront(e)
	entry := e.Value.(*failed)
	entry.last = now
	entry.count++
	if entry.count == freeFailures {
		entry.next = now.Add(firstGap)
	}
}

// right forgets what was wrong before.
func (f *failures) right(p pair) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.pairs[p]; ok {
		f.forget(e)
	}
}

func (f *failures) forget(e *list.Element) {
	delete(f.pairs, e.Value.(*failed).pair)
	f.order.Remove(e)
}
