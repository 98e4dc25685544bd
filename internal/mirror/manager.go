package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Config is what a Manager works with. Store is required.
type Config struct {
	Store  *store.Store
	Now    func() time.Time // default time.Now
	Limits ijson.Limits     // of each object's text
	Failed func(error)      // called with failures, of the remote servers and of this one
}

const (
	mostAtOnce = 4         // visits at the same time
	mostRest   = time.Hour // after failures, unless the interval is longer
	pauseCheck = time.Second

	// Manifests are read at most this share of the time.
	listShare = 20
)

// Manager runs the mirrors of a store.
type Manager struct {
	config  Config
	turns   chan struct{} // capacity is how many visits run at once
	tracing chan struct{} // capacity is how many traces are asked for at once

	mu      sync.Mutex
	runners map[agreement.Name]*runner // guarded by mu
	faults  map[string]uint64          // guarded by mu; by name
	visits  [2]uint64                  // guarded by mu; that succeeded, that failed
}

// New returns a Manager.
func New(c Config) *Manager {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Failed == nil {
		c.Failed = func(error) {}
	}
	return &Manager{config: c, turns: make(chan struct{}, mostAtOnce), tracing: make(chan struct{}, mostAtOnce), runners: map[agreement.Name]*runner{}, faults: map[string]uint64{}}
}

// Outcome is how the last visits of a mirror went.
type Outcome struct {
	Visited  time.Time // the end of the last one; zero: there was none since the server started
	Complete time.Time // the end of the last one that came to the remote collection's end
	Failing  time.Time // the end of the first one that failed, of those since then
	Failures int       // in a row
	Fault    string    // name of the last fault
	Error    string
	Advice   string
	Notice   string    // what is odd about the remote server, while visits succeed
	Next     time.Time // when the next one is due
}

// runner visits for one agreement.
type runner struct {
	manager *Manager
	col     *store.Collection
	cancel  context.CancelFunc
	wake    chan struct{} // capacity 1
	asked   chan chan error
	again   atomic.Bool // visit at once

	mu      sync.Mutex
	outcome Outcome // guarded by mu
	history History // guarded by mu

	// Used by the runner's goroutine alone.
	remote  *remote
	terms   *agreement.Mirror
	secret  string
	missing map[journal.Position]bool // what the last manifest did not list
	list    time.Time                 // when the manifest may be read again
	accord  *accord                   // nil: the remote server is none, as far as is known
	unasked time.Time                 // when it may be asked again whether it is
	heads   time.Time                 // when heads are exchanged again
	notice  string                    // of the last visit
}

// Run visits until ctx ends, with a goroutine for each agreement. It may be called again after it has returned.
func (m *Manager) Run(ctx context.Context) {
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		clear(m.runners)
	}()
	var group sync.WaitGroup
	defer group.Wait()
	for {
		version := m.config.Store.Version()
		m.mu.Lock()
		for _, col := range m.config.Store.Collections() {
			name := col.Agreement().Name
			r := m.runners[name]
			if r == nil || r.col != col { // it is new, or its file was replaced
				if r != nil {
					r.cancel()
				}
				of, cancel := context.WithCancel(ctx)
				r = &runner{manager: m, col: col, cancel: cancel, wake: make(chan struct{}, 1), asked: make(chan chan error)}
				m.runners[name] = r
				group.Go(func() { r.run(of) })
				group.Go(func() { r.followJournal(of) })
			}
			r.notify()
		}
		m.mu.Unlock()
		if err := m.config.Store.Wait(ctx, version); err != nil {
			return
		}
	}
}

func (r *runner) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// followJournal wakes the runner when terms may have changed.
func (r *runner) followJournal(ctx context.Context) {
	var digest journal.Digest
	for {
		stats, err := r.col.Stats()
		if err != nil {
			return
		}
		if _, now := r.col.Terms(); now != digest {
			digest = now
			r.notify()
		}
		if r.col.Wait(ctx, journal.Position(stats.Entries)) != nil {
			return
		}
	}
}

func (r *runner) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer func() {
		if r.remote != nil {
			r.remote.close()
		}
	}()
	for {
		var asked chan error
		due := false
		select {
		case <-ctx.Done():
			return
		case asked = <-r.asked:
		case <-r.wake:
		case <-timer.C:
			due = true
		}
		due = r.again.Swap(false) || due
		changed, err := r.prepare()
		switch {
		case errors.Is(err, errPaused):
			timer.Stop()
			if r.col.Agreement().Mirror != nil {
				timer.Reset(pauseCheck) // a term may begin
			}
		case err == nil && !due && !changed && asked == nil:
			continue
		default:
			if err == nil {
				err = r.visit(ctx, asked != nil)
			}
			if ctx.Err() != nil {
				return
			}
			timer.Reset(r.finished(err))
		}
		if asked != nil {
			asked <- err
		}
	}
}

// prepare makes the remote collection that the terms name now. changed says that it is another one than before.
func (r *runner) prepare() (changed bool, err error) {
	a := r.col.Agreement()
	if a.Mirror == nil || a.State(r.manager.config.Now()) != agreement.Active {
		return false, errPaused
	}
	paused, err := Paused(r.col)
	if err != nil {
		return false, err
	}
	if paused != nil {
		return false, errPaused
	}
	secret, _ := r.manager.config.Store.Registry().Credential(store.CredentialName(a.Name, "mirror", a.Mirror.URL))
	if r.remote != nil && secret == r.secret && a.Mirror.Equal(r.terms) {
		return false, nil
	}
	if r.remote != nil {
		r.remote.close()
		r.remote = nil
	}
	made, err := newRemote(&a.Mirror.Remote, secret, r.manager.config.Now)
	if err != nil {
		return true, err
	}
	r.remote, r.terms, r.secret, r.missing, r.list = made, a.Mirror, secret, nil, time.Time{}
	r.accord, r.unasked, r.heads = nil, time.Time{}, time.Time{}
	return true, nil
}

// visit makes one visit, in its turn. asked says that an operator asks for it.
func (r *runner) visit(ctx context.Context, asked bool) error {
	m := r.manager
	select {
	case m.turns <- struct{}{}:
		defer func() { <-m.turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	r.identify(ctx)
	v := &visit{remote: r.remote, accord: r.accord, col: r.col, terms: r.terms, now: m.config.Now, limits: m.config.Limits, step: func(string) {}}
	err := v.run(ctx)
	r.notice = v.notice()
	if v.back {
		m.count(FaultClock)
	}
	if asked || v.came {
		r.heads = time.Time{}
	}
	if err == nil {
		r.exchange(ctx)
	}
	if err != nil || r.terms.Gone != agreement.GoneWithdraw || time.Now().Before(r.list) {
		return err
	}
	began := time.Now()
	r.missing, err = v.withdraw(ctx, r.missing)
	r.list = time.Now().Add(listShare * time.Since(began))
	return err
}

// finished notes how a visit went, and returns how long to wait for the next.
func (r *runner) finished(err error) time.Duration {
	m, now := r.manager, r.manager.config.Now()
	every := agreement.DefaultInterval
	if terms := r.col.Agreement().Mirror; terms != nil {
		every = terms.Every()
	}
	wait := every
	r.mu.Lock()
	o := &r.outcome
	o.Visited = now
	if err == nil || errors.Is(err, errPaused) || errors.Is(err, store.ErrStale) {
		*o = Outcome{Visited: now, Complete: o.Complete, Notice: r.notice}
		if err == nil {
			o.Complete = now
		}
	} else {
		if o.Failures++; o.Failures == 1 {
			o.Failing = now
		}
		o.Fault, o.Error, o.Advice = "server", err.Error(), ""
		f := faultOf(err)
		if f != nil {
			o.Fault, o.Advice = f.Name, f.Advice
		}
		wait = min(every<<min(o.Failures, 20), max(every, mostRest))
		if f != nil {
			wait = max(wait, min(f.After, 24*time.Hour))
		}
	}
	wait += rand.N(wait/10 + 1) // not all mirrors of a server at once
	o.Next = now.Add(wait)
	fault, failures := o.Fault, o.Failures
	r.mu.Unlock()

	m.mu.Lock()
	if failures > 0 {
		m.visits[1]++
		m.faults[fault]++
	} else {
		m.visits[0]++
	}
	m.mu.Unlock()
	if failures == 1 {
		m.config.Failed(fmt.Errorf("mirror of %s: %w", r.col.Agreement().Name, err))
	}
	return wait
}

// count counts a fault that ends no visit.
func (m *Manager) count(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults[name]++
}

// Counts returns how many visits succeeded and failed, and the faults by name.
func (m *Manager) Counts() (succeeded, failed uint64, faults map[string]uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	faults = map[string]uint64{}
	for name, n := range m.faults {
		faults[name] = n
	}
	return m.visits[0], m.visits[1], faults
}

// Outcome returns how the last visits for an agreement went.
func (m *Manager) Outcome(name agreement.Name) Outcome {
	m.mu.Lock()
	r := m.runners[name]
	m.mu.Unlock()
	if r == nil {
		return Outcome{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcome
}

// Visit visits for an agreement at once, and returns when that has ended. Its error is that of the visit.
func (m *Manager) Visit(ctx context.Context, name agreement.Name) error {
	m.mu.Lock()
	r := m.runners[name]
	m.mu.Unlock()
	if r == nil {
		return fmt.Errorf("the agreement %s has no mirror that runs", name)
	}
	ended := make(chan error, 1)
	select {
	case r.asked <- ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Notify has the mirror of an agreement notice that it was paused, or goes on.
func (m *Manager) Notify(name agreement.Name) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.runners[name]; r != nil {
		r.again.Store(true)
		r.notify()
	}
}

// Pause is who paused a mirror, and when.
type Pause struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// Paused returns how the mirror of a collection was paused, or nil if it was not.
func Paused(col *store.Collection) (p *Pause, err error) {
	err = col.Snapshot(func(s *store.Snapshot) error {
		text := s.State(follower, keyPaused)
		if text == nil {
			return nil
		}
		p = new(Pause)
		return json.Unmarshal(text, p)
	})
	return p, err
}

// SetPaused pauses the mirror of a collection, or lets it go on: p is nil.
func SetPaused(ctx context.Context, col *store.Collection, p *Pause) error {
	return change(ctx, col, func(u *store.FollowerUpdate, _ *cursor) error {
		if p == nil {
			u.Unset = [][]byte{[]byte(keyPaused)}
			return nil
		}
		text, err := json.Marshal(p)
		u.Set = append(u.Set, store.KeyValue{Key: []byte(keyPaused), Value: text})
		return err
	})
}

// Again has the mirror of a collection read everything again: what is here already stays as it is.
func Again(ctx context.Context, col *store.Collection) error {
	return change(ctx, col, func(u *store.FollowerUpdate, c *cursor) error {
		*c = cursor{URL: c.URL, Counts: c.Counts}
		u.Set = c.update(0).Set
		return nil
	})
}

// change changes what a mirror keeps.
func change(ctx context.Context, col *store.Collection, make func(*store.FollowerUpdate, *cursor) error) error {
	for try := 1; ; try++ {
		u := &store.FollowerUpdate{Name: follower}
		var c cursor
		err := col.Snapshot(func(s *store.Snapshot) (err error) {
			u.Turn, u.Position = s.Turn(follower), s.Cursor(follower)
			if terms := col.Agreement().Mirror; terms != nil {
				c, _, err = readCursor(s, terms.URL)
			}
			return err
		})
		if err == nil {
			err = make(u, &c)
		}
		if err != nil {
			return err
		}
		if _, err = col.Append(ctx, store.Batch{Follower: u}); errors.Is(err, store.ErrStale) && try < 10 {
			continue
		}
		return err
	}
}

// Progress is how far a mirror has come.
type Progress struct {
	After time.Time // everything that was added at the remote collection up to here was taken
	Counts
}

// Read reads how far the mirror of a collection has come.
func Read(col *store.Collection) (p Progress, err error) {
	terms := col.Agreement().Mirror
	if terms == nil {
		return p, nil
	}
	err = col.Snapshot(func(s *store.Snapshot) error {
		c, _, err := readCursor(s, terms.URL)
		p = Progress{c.After, c.Counts}
		return err
	})
	return p, err
}
