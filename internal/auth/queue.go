package auth

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Wrong passwords slow down later attempts: of the same account from the same address, from the address over all names,
// and for the account over all addresses. An account is never locked. The last two do not apply to an address from
// which the account has logged in before. Remembered credentials are not affected, since they never come here.
const (
	pairFree, pairGap       = 10, time.Second / 2  // wrong passwords without effect; then the time between attempts
	addressFree, addressGap = 50, time.Second / 10 // over all names
	accountFree, accountGap = 100, time.Second / 2 // over all addresses
	longestWait             = 30 * time.Second     // then an attempt is refused unverified
	refusedAfter            = time.Second          // a refusal for a full queue is delayed this long, so that immediate retries gain nothing
	restFactor              = 4                    // a worker rests this many times as long as a wrong password took, so that guessing takes at most a fifth of the processors
)

// SlowError means that an attempt was refused because it waited too long behind wrong passwords: answer 429. The
// credentials were not verified.
type SlowError struct{ After time.Duration }

func (e *SlowError) Error() string {
	return fmt.Sprintf("too many wrong passwords came for this user name or from this address; try again in %v, with the right one", e.After.Round(time.Second))
}

// RetryAfter writes a time as the Retry-After header has it: whole seconds, at least one (RFC 9110, section 10.2.3).
func RetryAfter(d time.Duration) string { return strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))) }

// AddressKey returns the unit that counts as one address: an IPv4 address, or the /64 of an IPv6 address, which usually
// belongs to one customer or machine.
func AddressKey(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	p := AddressPrefix(a)
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// AddressPrefix returns the unit of AddressKey as a prefix: /32 of an IPv4 address, /64 of an IPv6 address.
func AddressPrefix(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // the zero prefix of the zero address
	return p
}

// origin is the account that an attempt names and the address that it comes from.
type origin struct{ account, address string }

// attempt is one verification, on behalf of every request with the same credentials.
type attempt struct {
	origin
	key     credentialKey
	known   bool // the account has logged in from the address before
	verify  func() error
	arrived uint64
	hashing int64 // bytes that verifying takes
	holds   int64 // bytes that each request holds while it waits
	waiters int   // requests
	running bool  // it has a worker
	done    chan struct{}
	err     error // once done is closed
}

// cost is what an attempt takes of the queue's memory, in bytes.
type cost struct{ hashing, waiting int64 }

const (
	waitingShare = 8       // of the memory, what waiting requests may hold
	requestHolds = 6 << 10 // what a request holds while it waits, beside its credentials
)

// queue verifies passwords that are not remembered. Attempts wait in it separately from the requests of identified
// callers. A free worker takes them fairly: first those of accounts that have logged in from the same address before,
// then in turn from each address, and within an address in turn for each name.
type queue struct {
	limit  int   // requests that may wait
	memory int64 // bytes: of running verifications all of it, of waiting requests an eighth

	mu        sync.Mutex
	waiting   []*attempt                 // guarded by mu: without a worker, oldest first
	attempts  map[credentialKey]*attempt // guarded by mu: waiting or running
	requests  int                        // guarded by mu
	free      int                        // guarded by mu: workers
	hashing   int64                      // guarded by mu: bytes of running verifications
	held      int64                      // guarded by mu: bytes of waiting requests
	arrivals  uint64                     // guarded by mu
	turns     uint64                     // guarded by mu
	wake      *time.Timer                // guarded by mu: runs dispatch when a gap has passed
	pairs     *failures                  // guarded by mu, as the following
	addresses *failures
	accounts  *failures
}

func newQueue(workers, limit int, memory int64) *queue {
	q := &queue{limit: limit, memory: memory, free: workers, attempts: map[credentialKey]*attempt{},
		pairs: newFailures(pairFree, pairGap), addresses: newFailures(addressFree, addressGap), accounts: newFailures(accountFree, accountGap)}
	q.wake = time.AfterFunc(time.Hour, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.dispatch()
	})
	q.wake.Stop()
	return q
}

// do waits for a verification of the credentials and returns its error, or ErrBusy, a *SlowError or ctx's own.
func (q *queue) do(ctx context.Context, key credentialKey, from origin, known bool, cost cost, verify func() error) error {
	a, err := q.enter(key, from, known, cost, verify)
	if err != nil {
		hold(ctx, refusedAfter)
		return err
	}
	late := time.NewTimer(longestWait)
	defer late.Stop()
	select {
	case <-a.done:
		q.leave(a)
		return a.err
	case <-late.C:
		q.leave(a)
		return &SlowError{longestWait}
	case <-ctx.Done():
		q.leave(a)
		return context.Cause(ctx)
	}
}

func hold(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// enter adds a request to the attempt with its credentials, or makes one. If the queue is full, the request replaces
// the newest one from the address with the most requests, if that address has more than its own.
func (q *queue) enter(key credentialKey, from origin, known bool, cost cost, verify func() error) (*attempt, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if (q.requests >= q.limit || q.held+cost.waiting > q.memory/waitingShare) && !q.evictFor(from.address) {
		return nil, ErrBusy
	}
	q.requests++
	a := q.attempts[key]
	if a == nil {
		q.arrivals++
		a = &attempt{origin: from, key: key, verify: verify, hashing: cost.hashing, holds: cost.waiting, arrived: q.arrivals, done: make(chan struct{})}
		q.attempts[key] = a
		q.waiting = append(q.waiting, a)
	}
	a.known = a.known || known
	a.waiters++
	q.held += a.holds
	q.dispatch()
	return a, nil
}

// evictFor refuses the newest waiting attempt of the address with the most of them, unless that is address itself or
// has no more than it. The caller holds mu.
func (q *queue) evictFor(address string) bool {
	count := map[string]int{}
	for _, a := range q.waiting {
		count[a.address] += a.waiters
	}
	var newest *attempt
	for _, a := range q.waiting {
		if count[a.address] > count[address]+1 && (newest == nil || count[a.address] > count[newest.address] || a.address == newest.address) {
			newest = a
		}
	}
	if newest == nil {
		return false
	}
	q.finish(newest, ErrBusy)
	return true
}

// leave ends a request's wait. An attempt for which no request waits gives up its place.
func (q *queue) leave(a *attempt) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.requests--
	q.held -= a.holds
	if a.waiters--; a.waiters == 0 && !a.running && q.attempts[a.key] == a {
		q.finish(a, context.Canceled)
		q.dispatch()
	}
}

// finish ends an attempt; mu is held.
func (q *queue) finish(a *attempt, err error) {
	if q.attempts[a.key] == a {
		delete(q.attempts, a.key)
		q.waiting = slices.DeleteFunc(q.waiting, func(b *attempt) bool { return a == b })
		a.err = err
		close(a.done)
	}
}

// dispatch gives free workers to the attempts whose turn it is; mu is held.
func (q *queue) dispatch() {
	for q.free > 0 {
		now := time.Now()
		next, soonest := q.next(now)
		if next == nil {
			if !soonest.IsZero() {
				q.wake.Reset(soonest.Sub(now))
			}
			return
		}
		if q.hashing > 0 && q.hashing+next.hashing > q.memory {
			return // until one of those that run is done
		}
		q.hashing += next.hashing
		q.free--
		q.turns++
		q.waiting = slices.DeleteFunc(q.waiting, func(b *attempt) bool { return next == b })
		next.running = true
		q.pairs.take(next.pair(), now, q.turns)
		q.addresses.take(next.address, now, q.turns)
		q.accounts.take(next.account, now, q.turns)
		go q.run(next)
	}
}

func (a *attempt) pair() string { return a.account + "\x00" + a.address }

// next returns the attempt whose turn it is, or else when the next one's will be; mu is held.
func (q *queue) next(now time.Time) (best *attempt, soonest time.Time) {
	type rank struct {
		known                  bool
		address, name, arrived uint64
	}
	var first rank
	for _, a := range q.waiting {
		ready := q.pairs.ready(a.pair(), now)
		if !a.known {
			for _, at := range []time.Time{q.addresses.ready(a.address, now), q.accounts.ready(a.account, now)} {
				if at.After(ready) {
					ready = at
				}
			}
		}
		if ready.After(now) {
			if soonest.IsZero() || ready.Before(soonest) {
				soonest = ready
			}
			continue
		}
		r := rank{a.known, q.addresses.turn(a.address), q.pairs.turn(a.pair()), a.arrived}
		before := r.known && !first.known
		if r.known == first.known {
			before = r.address < first.address || r.address == first.address && (r.name < first.name || r.name == first.name && r.arrived < first.arrived)
		}
		if best == nil || before {
			best, first = a, r
		}
	}
	return best, soonest
}

// run verifies an attempt's credentials, and rests if they are wrong.
func (q *queue) run(a *attempt) {
	began := time.Now()
	err := a.verify()
	took := time.Since(began)
	q.mu.Lock()
	if err != nil {
		now := time.Now()
		q.pairs.wrong(a.pair(), now)
		q.addresses.wrong(a.address, now)
		q.accounts.wrong(a.account, now)
	} else {
		q.pairs.forget(a.pair())
	}
	q.finish(a, err)
	q.hashing -= a.hashing
	q.dispatch()
	q.mu.Unlock()
	if err != nil {
		time.Sleep(restFactor * took) // the request has its answer
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free++
	q.dispatch()
}
