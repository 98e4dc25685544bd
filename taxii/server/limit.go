package server

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
)

// limitError says that a limit is reached which is not the request's fault alone: an account's (429) or the server's (503).
// The same request will do later.
type limitError struct {
	status int // 429 or 503
	text   string
	after  time.Duration // until it may be tried again
}

func (e *limitError) Error() string { return e.text }

// RetryAfter is how long to wait before the same request is sent again.
func (e *limitError) RetryAfter() time.Duration { return e.after }

// tooMany is a limit of one account.
func tooMany(after time.Duration, format string, args ...any) error {
	return &limitError{status: http.StatusTooManyRequests, after: after, text: fmt.Sprintf(format, args...)}
}

// full is a limit of the server.
func full(format string, args ...any) error {
	return &limitError{status: http.StatusServiceUnavailable, after: time.Second, text: fmt.Sprintf(format, args...)}
}

func limitIs(status int) func(error) bool {
	return func(err error) bool {
		e, ok := err.(*limitError)
		return ok && e.status == status
	}
}

// gate holds requests to what the server, and each account, may have going on at once.
type gate struct {
	limits Limits
	now    func() time.Time
	going  atomic.Int64 // requests
	memory *budget      // bytes of bodies and pages

	accounts sync.Map // agreement.AccountName -> *allowance; accounts are few, and made by operators
}

// allowance is what one account uses.
type allowance struct {
	going  atomic.Int64
	earned atomic.Int64 // nanoseconds since 1970: the time that the account's requests have used up, at its rate
	memory *budget
	work   chan struct{} // a place for each body that is taken apart: as many as there are processors
}

func newGate(l Limits) *gate {
	return &gate{limits: l, now: time.Now, memory: newBudget(l.Memory)}
}

// enter lets a request in; leave must be called when it is answered.
func (g *gate) enter() error {
	if n := g.going.Add(1); n > int64(g.limits.Requests) {
		g.going.Add(-1)
		return full("the server is answering as many requests as it can, %d; try again in a moment", g.limits.Requests)
	}
	return nil
}

func (g *gate) leave() { g.going.Add(-1) }

func (g *gate) allowanceOf(account agreement.AccountName) *allowance {
	if a, ok := g.accounts.Load(account); ok {
		return a.(*allowance)
	}
	a, _ := g.accounts.LoadOrStore(account, &allowance{
		memory: newBudget(g.limits.AccountMemory), work: make(chan struct{}, runtime.GOMAXPROCS(0)),
	})
	return a.(*allowance)
}

// enterAccount lets an account's request in; leave must be called when it is answered. One that comes too early is held up
// for a while before it is refused, so that asking again at once gains nothing.
func (g *gate) enterAccount(ctx context.Context, account agreement.AccountName) (*allowance, error) {
	a := g.allowanceOf(account)
	if n := a.going.Add(1); n > int64(g.limits.AccountRequests) {
		a.going.Add(-1)
		return nil, tooMany(time.Second, "the account %s has %d requests going on, as many as one may; wait for an answer before asking more", account, g.limits.AccountRequests)
	}
	if wait := a.spend(g.now(), g.limits.AccountRate); wait > 0 {
		pause(ctx, min(wait, longestPause))
		a.going.Add(-1)
		return nil, tooMany(wait, "the account %s sent more than %g requests a second; try again in a while", account, g.limits.AccountRate)
	}
	return a, nil
}

// longestPause is how long a request is held up before it is refused.
const longestPause = time.Second

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (a *allowance) leave() { a.going.Add(-1) }

// savedUp is how long an account can save up what it earns: a client that comes now and then may ask faster for a while.
// A low rate is chosen to hold somebody back, so little can be saved; the default only keeps out what has run away, and
// a mirror that catches up after a night is not that.
func savedUp(rate float64) time.Duration {
	if rate >= generousRate {
		return 5 * time.Minute
	}
	return 10 * time.Second
}

// generousRate is the default of Limits.AccountRate, requests a second.
const generousRate = 2000

// spend takes one request from what the account has earned: rate a second, and as many as savedUp earns at once. It
// returns how long to wait for the next one when there is none; then nothing is taken.
func (a *allowance) spend(now time.Time, rate float64) time.Duration {
	each := time.Duration(float64(time.Second) / rate)
	most := max(savedUp(rate), each) // of time that may be saved up
	for {
		used := a.earned.Load()
		from := max(used, now.Add(-most).UnixNano())
		if wait := time.Duration(from + int64(each) - now.UnixNano()); wait > 0 {
			return wait
		}
		if a.earned.CompareAndSwap(used, from+int64(each)) {
			return 0
		}
	}
}

// budget is a number of bytes that many share. Whoever finds it used up waits, those who came first first.
type budget struct {
	size int64

	mu    sync.Mutex
	left  int64     // guarded by mu
	queue []*debtor // guarded by mu
}

type debtor struct {
	bytes int64
	paid  chan struct{}
}

func newBudget(size int64) *budget { return &budget{size: size, left: size} }

// take takes bytes, or as much as there is in all, and waits for them up to patience. It returns how much it took.
func (b *budget) take(ctx context.Context, bytes int64, patience time.Duration) (int64, bool) {
	bytes = min(bytes, b.size)
	b.mu.Lock()
	if len(b.queue) == 0 && b.left >= bytes {
		b.left -= bytes
		b.mu.Unlock()
		return bytes, true
	}
	if patience <= 0 {
		b.mu.Unlock()
		return 0, false
	}
	d := &debtor{bytes: bytes, paid: make(chan struct{})}
	b.queue = append(b.queue, d)
	b.mu.Unlock()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-d.paid:
		return bytes, true
	case <-late.C:
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, other := range b.queue {
		if other == d {
			b.queue = append(b.queue[:i], b.queue[i+1:]...)
			b.pay() // who came behind may want less
			return 0, false
		}
	}
	return bytes, true // it was paid at the last moment
}

// force takes bytes that are in use already, whether or not they are left.
func (b *budget) force(bytes int64) {
	b.mu.Lock()
	b.left -= bytes
	b.mu.Unlock()
}

func (b *budget) give(bytes int64) {
	if bytes == 0 {
		return
	}
	b.mu.Lock()
	b.left += bytes
	b.pay()
	b.mu.Unlock()
}

// pay serves the queue; mu is held.
func (b *budget) pay() {
	for len(b.queue) > 0 && b.queue[0].bytes <= b.left {
		d := b.queue[0]
		b.queue = b.queue[1:]
		b.left -= d.bytes
		close(d.paid)
	}
}

// holding is the memory that one request has taken from its account's budget and from the server's.
type holding struct {
	gate *gate
	of   *allowance // nil: a request of no account
	held int64      // of either budget, when they are larger than that
	mine int64      // taken from the account's budget
	all  int64      // taken from the server's
}

// memoryPatience is how long a request waits for memory.
const memoryPatience = 2 * time.Second

// grow makes sure that the request holds so many bytes.
func (m *holding) grow(ctx context.Context, bytes int) error {
	more := int64(bytes) - m.held
	if more <= 0 || m.gate == nil {
		return nil
	}
	if m.of != nil {
		n, ok := m.of.memory.take(ctx, min(more, m.of.memory.size-m.mine), memoryPatience)
		if !ok {
			return tooMany(time.Second, "the bodies and pages of this account's requests fill the %d bytes that they may; wait for an answer before asking more", m.of.memory.size)
		}
		m.mine += n
	}
	n, ok := m.gate.memory.take(ctx, min(more, m.gate.memory.size-m.all), memoryPatience)
	if !ok {
		return full("bodies and pages fill the memory that they may, %d bytes; try again in a moment", m.gate.memory.size)
	}
	m.all += n
	m.held = int64(bytes)
	return nil
}

// shrink gives back what is more than so many bytes.
func (m *holding) shrink(bytes int) {
	if m.gate == nil || int64(bytes) >= m.held {
		return
	}
	less := m.held - int64(bytes)
	if m.of != nil {
		n := min(less, m.mine)
		m.mine -= n
		m.of.memory.give(n)
	}
	n := min(less, m.all)
	m.all -= n
	m.gate.memory.give(n)
	m.held = int64(bytes)
}

// settle makes the request hold exactly so many bytes, which it has in memory already: more than it asked for is taken
// even if nothing is left.
func (m *holding) settle(bytes int) {
	m.shrink(bytes)
	more := int64(bytes) - m.held
	if more <= 0 || m.gate == nil {
		return
	}
	if m.of != nil {
		m.of.memory.force(more)
		m.mine += more
	}
	m.gate.memory.force(more)
	m.all += more
	m.held = int64(bytes)
}

// release gives back everything, also what grow took before it failed.
func (m *holding) release() {
	if m.of != nil {
		m.of.memory.give(m.mine)
	}
	if m.gate != nil {
		m.gate.memory.give(m.all)
	}
	*m = holding{gate: m.gate, of: m.of}
}

// seconds is how Retry-After writes a time: whole seconds, at least one (RFC 9110, section 10.2.3).
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }
