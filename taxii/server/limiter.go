package server

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/budget"
)

// limitError says that a limit is reached: an account's or a party's (429), or the server's (503). The same request will
// do later.
type limitError struct {
	status int // 429 or 503
	text   string
	after  time.Duration // until it may be tried again
}

func (e *limitError) Error() string { return e.text }

// RetryAfter is how long to wait before the same request is sent again.
func (e *limitError) RetryAfter() time.Duration { return e.after }

// Busy reports whether the limit is the server's own, and not the account's or its party's.
func (e *limitError) Busy() bool { return e.status == http.StatusServiceUnavailable }

// tooMany is the error of an account's or a party's limit.
func tooMany(after time.Duration, format string, args ...any) error {
	return &limitError{status: http.StatusTooManyRequests, after: after, text: fmt.Sprintf(format, args...)}
}

// busy is the error of one of the server's own limits.
func busy(format string, args ...any) error {
	return &limitError{status: http.StatusServiceUnavailable, after: time.Second, text: fmt.Sprintf(format, args...)}
}

func limitIs(status int) func(error) bool {
	return func(err error) bool {
		e, ok := err.(*limitError)
		return ok && e.status == status
	}
}

// limiter bounds what the server, each party and each account have in progress at once.
type limiter struct {
	limits   Limits
	now      func() time.Time
	requests atomic.Int64
	memory   *budget.Budget
	turns    *budget.Turns

	accounts sync.Map // agreement.AccountName -> *accountUsage; operators make accounts, so they are few
	parties  sync.Map // agreement.PartyName -> *usage

	strangers *strangers
}

// usage is what an account, or all accounts of a party, have in progress.
type usage struct {
	requests atomic.Int64
	memory   *budget.Budget
	share    *budget.Share // of the processors
}

// accountUsage is what one account has in progress.
type accountUsage struct {
	usage
	party *usage // nil: the account has no party
	rate  gcra
}

func newLimiter(l Limits) *limiter {
	return &limiter{limits: l, now: time.Now, turns: budget.NewTurns(runtime.GOMAXPROCS(0)), strangers: newStrangers(l.PublicRate), memory: budget.New(l.Memory,
		busy("bodies and answers fill the memory that they may use, %d bytes; try again in a moment", l.Memory))}
}

// enter admits a request; leave must be called when it is answered.
func (l *limiter) enter() error {
	if n := l.requests.Add(1); n > int64(l.limits.Requests) {
		l.requests.Add(-1)
		return busy("the server is answering %d requests, as many as it can; try again in a moment", l.limits.Requests)
	}
	return nil
}

func (l *limiter) leave() { l.requests.Add(-1) }

// enterAgain counts a request that left while its password was verified, or while it waited for a place of the log. It is not refused:
// it has been admitted once.
func (l *limiter) enterAgain() { l.requests.Add(1) }

func (l *limiter) usageOf(caller agreement.Caller) *accountUsage {
	if a, ok := l.accounts.Load(caller.Account); ok {
		return a.(*accountUsage)
	}
	a := &accountUsage{}
	a.memory = budget.New(l.limits.AccountMemory, tooMany(time.Second,
		"the bodies and answers of this account's requests fill the %d bytes that they may use; wait for an answer before sending more", l.limits.AccountMemory))
	if caller.Party != "" {
		a.party = l.partyOf(caller.Party)
		a.share = a.party.share
	} else {
		a.share = l.turns.Share()
	}
	kept, _ := l.accounts.LoadOrStore(caller.Account, a)
	return kept.(*accountUsage)
}

func (l *limiter) partyOf(name agreement.PartyName) *usage {
	kept, _ := l.parties.LoadOrStore(name, &usage{share: l.turns.Share(), memory: budget.New(l.limits.PartyMemory, tooMany(time.Second,
		"the bodies and answers of this party's requests fill the %d bytes that they may use; wait for an answer before sending more", l.limits.PartyMemory))})
	return kept.(*usage)
}

// enterAccount admits an account's request; leave must be called when it is answered. One that comes too early is delayed
// before it is refused, so that a client that repeats it at once gains nothing.
func (l *limiter) enterAccount(ctx context.Context, caller agreement.Caller) (*accountUsage, error) {
	a := l.usageOf(caller)
	if n := a.requests.Add(1); n > int64(l.limits.AccountRequests) {
		a.requests.Add(-1)
		return nil, tooMany(time.Second, "the account %s has %d requests in progress, as many as an account may; wait for an answer before sending more", caller.Account, l.limits.AccountRequests)
	}
	if a.party != nil && a.party.requests.Add(1) > int64(l.limits.PartyRequests) {
		a.leave()
		return nil, tooMany(time.Second, "the accounts of the party %s have %d requests in progress, as many as a party may; wait for an answer before sending more", caller.Party, l.limits.PartyRequests)
	}
	if wait := a.rate.allow(l.now(), l.limits.AccountRate); wait > 0 {
		pause(ctx, min(wait, longestPause))
		a.leave()
		return nil, tooMany(wait, "the account %s sent more than %g requests a second; try again in a while", caller.Account, l.limits.AccountRate)
	}
	return a, nil
}

// leave ends a request that enterAccount admitted.
func (a *accountUsage) leave() {
	a.requests.Add(-1)
	if a.party != nil {
		a.party.requests.Add(-1)
	}
}

// reserve returns an empty reservation of memory for one request of the account.
func (l *limiter) reserve(a *accountUsage) budget.Reservation {
	if a.party == nil {
		return budget.Reserve(a.memory, l.memory).In(a.share)
	}
	return budget.Reserve(a.memory, a.party.memory, l.memory).In(a.share)
}

// longestPause is how long a request is delayed before it is refused.
const longestPause = time.Second

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// gcra is the generic cell rate algorithm: one number, the theoretical arrival time, decides whether a request conforms
// to a rate with a burst. It needs no lock and no timer.
type gcra struct {
	arrival atomic.Int64 // theoretical arrival time of the next request, see elapsed; 0: there was none
}

var started = time.Now()

// elapsed is the time since the program's start in nanoseconds. A system's clock that is set back or ahead does not change it, or
// accounts would be refused until the clock has caught up.
func elapsed(now time.Time) int64 { return int64(now.Sub(started)) }

// allow takes one request out of a rate a second, with a burst of as many as burst takes. When the request does not
// conform it returns how long to wait, and takes nothing.
func (g *gcra) allow(now time.Time, rate float64) (wait time.Duration) {
	interval := time.Duration(float64(time.Second) / rate)
	tolerance := max(burst(rate), interval)
	for {
		arrival, at := g.arrival.Load(), elapsed(now)
		from := at - int64(tolerance)
		if arrival != 0 {
			from = max(arrival, from)
		}
		if wait := time.Duration(from + int64(interval) - at); wait > 0 {
			return wait
		}
		if g.arrival.CompareAndSwap(arrival, from+int64(interval)) {
			return 0
		}
	}
}

// burst returns the time whose requests an account may send at once: a client that comes now and then may ask faster for a
// while. A low rate is there to restrain an account, so its burst is small. The default is there to stop a runaway client,
// and must not stop a mirror that catches up after a night.
func burst(rate float64) time.Duration {
	if rate >= generousRate {
		return 5 * time.Minute
	}
	return 10 * time.Second
}

// generousRate is the default of Limits.AccountRate, requests a second.
const generousRate = 2000
