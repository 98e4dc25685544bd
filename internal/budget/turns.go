package budget

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Turns shares the processors among callers with long work, so that many of them crowd out neither short requests nor each
// other. Go's scheduler gives each goroutine some milliseconds in turn: a short request beside a hundred that compute waits
// for all of them.
//
// At most slots pieces of work run at once, and all but one of them may be long. When several shares wait, the one that has
// used the least time goes first. And a share that has used much lately pauses, as long as others want the processors.
type Turns struct {
	slots, longs int

	mu      sync.Mutex
	running int           // guarded by mu: pieces of work of both kinds
	long    int           // guarded by mu: those of them that are long
	floor   time.Duration // guarded by mu: what the share that was served last had used; an idle share begins here again
	queue   []*waitingTurn
}

// waitingTurn is a caller of take that waits.
type waitingTurn struct {
	share   *Share
	long    bool
	granted chan struct{}
}

// NewTurns returns turns for so many pieces of work at once, at least one.
func NewTurns(slots int) *Turns {
	slots = max(1, slots)
	return &Turns{slots: slots, longs: max(1, slots-1)}
}

// Share is what one party uses of Turns.
type Share struct {
	turns *Turns
	used  time.Duration // guarded by turns.mu
	open  int           // guarded by turns.mu: pieces of work that run or wait

	credit time.Duration // guarded by turns.mu: at most mostCredit; below zero the share has used too much
	asOf   time.Time     // guarded by turns.mu: of credit

	pausing chan struct{} // room for one: the work that is next when there is credit again
}

// While the processors are wanted by others, a share may use a fifth of what there is, and mostCredit at once.
const (
	fraction   = 5
	mostCredit = time.Second
)

// Pauses of a share without credit. Its work goes on one by one, after longestPause at the latest.
const (
	onePause     = 20 * time.Millisecond
	longestPause = 10 * time.Second
)

// Share returns a new share.
func (t *Turns) Share() *Share {
	return &Share{turns: t, credit: mostCredit, asOf: time.Now(), pausing: make(chan struct{}, 1)}
}

// Long waits for a turn for work that takes more than about a millisecond; done ends it, and must be called before the work
// waits for anything, such as a client. The error is ctx's.
func (s *Share) Long(ctx context.Context) (done func(), err error) { return s.take(ctx, true) }

// Short is Long for work of a millisecond or less.
func (s *Share) Short(ctx context.Context) (done func(), err error) { return s.take(ctx, false) }

func (s *Share) take(ctx context.Context, long bool) (done func(), err error) {
	t := s.turns
	s.pause(ctx)
	w := &waitingTurn{share: s, long: long, granted: make(chan struct{})}
	t.mu.Lock()
	if s.open++; s.open == 1 {
		s.used = max(s.used, t.floor)
	}
	t.queue = append(t.queue, w)
	t.grant()
	t.mu.Unlock()
	select {
	case <-w.granted:
	case <-ctx.Done():
		if t.withdraw(w) {
			return nil, context.Cause(ctx)
		}
	}
	began := time.Now()
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		took := time.Since(began)
		s.used += took
		s.credit -= took
		s.open--
		t.running--
		if long {
			t.long--
		}
		t.grant()
	}), nil
}

// pause waits until the share has credit. What its other work waits for, too, it waits behind: if each of many looked for
// a free processor, one of them would always find it.
func (s *Share) pause(ctx context.Context) {
	if s.hasCredit() {
		return
	}
	select {
	case s.pausing <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-s.pausing }()
	for waited := time.Duration(0); waited < longestPause && ctx.Err() == nil; {
		owed := s.owed(wanted())
		if owed <= 0 {
			return
		}
		owed = min(owed, onePause)
		timer := time.NewTimer(owed)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		waited += owed
	}
}

func (s *Share) hasCredit() bool {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return s.credit > 0
}

// owed adds what the share has earned since it was asked last, and returns how long it takes to earn what it owes; at most
// zero if it has credit. While nothing else wants the processors, all of their time is the share's.
func (s *Share) owed(wanted bool) time.Duration {
	t := s.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	earned := now.Sub(s.asOf) * time.Duration(t.slots)
	if wanted {
		earned /= fraction
	}
	s.credit, s.asOf = min(mostCredit, s.credit+earned), now
	return -s.credit * fraction / time.Duration(t.slots)
}

// wanted reports whether goroutines wait for a processor: then one that gives its own up gets it back only after a while.
func wanted() bool {
	before := time.Now()
	runtime.Gosched()
	return time.Since(before) > 50*time.Microsecond
}

// withdraw takes a waiter out of the queue; it reports false when its turn has come.
func (t *Turns) withdraw(w *waitingTurn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range t.queue {
		if other == w {
			t.queue = append(t.queue[:i], t.queue[i+1:]...)
			w.share.open--
			return true
		}
	}
	return false
}

// grant gives the turns that are free; mu is held.
func (t *Turns) grant() {
	for t.running < t.slots {
		best := -1
		for i, w := range t.queue {
			if w.long && t.long == t.longs {
				continue
			}
			if best < 0 || w.share.used < t.queue[best].share.used {
				best = i
			}
		}
		if best < 0 {
			return
		}
		w := t.queue[best]
		t.queue = append(t.queue[:best], t.queue[best+1:]...)
		t.running++
		if w.long {
			t.long++
		}
		t.floor = max(t.floor, w.share.used)
		close(w.granted)
	}
}
