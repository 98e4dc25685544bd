package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/budget"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Memory that a stream holds of its budgets: while it waits, and while it makes a step.
const (
	idleMemory    = 16 << 10
	stepMemory    = 128 << 10
	contentMemory = 2*stepBytes + stepMemory
)

// How a reader must read.
const (
	pieceBytes = 16 << 10        // that are written at once
	slowTime   = 3 * time.Second // for a piece; then the stream ends with its last event
)

// Reader describes the caller that a stream is for.
type Reader struct {
	Caller     agreement.Caller
	Collection *store.Collection

	// Again finds out anew who sent the request: its account may have changed. It is called again at the time that it returns,
	// when the credentials may end; zero: they do not end by themselves. nil: the caller needs no credentials.
	Again func(*http.Request) (caller agreement.Caller, until time.Time, err error)

	// Noted says that texts are noted as deliveries to the caller.
	Noted bool

	// Began is called when the stream begins: until then the request is one like any other. It returns what is called when
	// the stream has ended, or goes on after the request has. nil: nothing.
	Began func() (ended func())
}

// stream is one request that is being answered.
type stream struct {
	reading
	service  *Service
	reader   Reader
	request  *http.Request
	ctx      context.Context // ends when the reader has gone
	out      output
	memory   *budget.Reservation
	hub      *hub
	revision uint64    // of the registry, when the caller was last identified
	until    time.Time // when its credentials may end; zero: never
	slow     bool      // a piece took long

	told     journal.Position // the id of the last event
	sent     uint64           // bytes
	began    time.Time
	stepped  time.Time // when something was told last; zero: nothing was
	caughtUp bool      // all that was there has been told
}

// errGone says that the reader cannot be written to.
var errGone = errors.New("the reader is gone")

// Serve answers a request with the events of a collection, until the reader goes, its rights end, or the service stops. An
// error means that nothing was written. Whether the caller may read is judged by agreement.Permit, as for a page of TAXII. A stream
// that takes its connection over goes on after Serve has returned.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, reader Reader) error {
	revision, until := s.config.Store.Registry().Revision, time.Time{}
	if reader.Again != nil { // what changed since the request was identified counts
		var caller agreement.Caller
		var err error
		if caller, until, err = reader.Again(r); err != nil {
			return err
		} else if caller != reader.Caller {
			return fmt.Errorf("%w: the account has just been changed", ErrBusy)
		}
	}
	if err := agreement.Permit(reader.Collection.Agreement(), reader.Caller, agreement.Read, s.config.Now()); err != nil {
		return err
	}
	q, err := parseQuery(r)
	if err != nil {
		return err
	}
	t := &stream{reading: reading{col: reader.Collection, query: q}, service: s, reader: reader, request: r, ctx: r.Context(),
		out: &answer{w, http.NewResponseController(w)}, memory: budget.From(r.Context()), revision: revision, until: until, began: time.Now()}
	if err := t.memory.Grow(r.Context(), idleMemory); err != nil {
		return err
	}
	if err := t.begin(); err != nil {
		return err
	}
	leave, err := s.enter(reader.Caller, r.RemoteAddr)
	if err != nil {
		return err
	}
	if reader.Began != nil {
		defer reader.Began()()
	}
	canTake := canTakeOver(w, r)
	t.head(w, canTake)
	if r.Method == http.MethodHead {
		leave()
		return nil
	}
	if canTake {
		if err := t.takeOver(w, r, leave); err != nil {
			s.config.Failed(fmt.Errorf("events of the agreement %s: %w", t.col.Agreement().Name, err))
			leave()
		}
		return nil
	}
	defer leave()
	t.answer()
	return nil
}

// head writes the head of the answer.
func (t *stream) head(w http.ResponseWriter, last bool) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx hands each event on as it comes
	if last {
		h.Set("Connection", "close")
	}
	w.WriteHeader(http.StatusOK)
}

// takeOver has the stream go on without its request. leave is called when it has ended.
func (t *stream) takeOver(w http.ResponseWriter, r *http.Request, leave func()) error {
	out, err := takeOver(w, r, t.service.config.Closed)
	if err != nil {
		return fmt.Errorf("%w: %w", errTaken, err)
	}
	ctx, gone := context.WithCancel(context.Background())
	t.out, t.ctx, t.request, t.memory = out, ctx, detached(ctx, r), t.memory.Move()
	go out.watch(gone)
	go t.run(gone, leave)
	return nil
}

// run answers a stream whose request has ended.
func (t *stream) run(gone context.CancelFunc, leave func()) {
	defer leave()
	defer t.memory.Release()
	defer gone()
	defer t.out.close()
	defer func() {
		if cause := recover(); cause != nil {
			t.service.config.Failed(fmt.Errorf("events of the agreement %s: %v\n%s", t.col.Agreement().Name, cause, debug.Stack()))
		}
	}()
	t.answer()
}

// answer writes the stream, and its end where the reader can still be told. What needs a deep stack is done by workers: the goroutine of
// a stream waits, most of its time.
func (t *stream) answer() {
	hub, leave := t.service.join(t.col)
	defer leave()
	t.hub = hub
	hub.expire(t.until)
	err := t.do(func() error { return t.write(newPiece(append([]byte("retry: 2000\n\n"), t.heartbeat()...))) })
	if err == nil {
		err = t.follow()
	}
	t.do(func() error { return t.end(err) })
}

// end writes the last event, if the reader can be told.
func (t *stream) end(err error) error {
	cause := Gone
	var end *End
	if errors.As(err, &end) {
		end.After, cause = t.cursor, end.Cause
		last := event{id: t.cursor, name: EventEnd, data: encode(end)}
		if t.write(newPiece(last.appendTo(nil))) == nil {
			t.out.finish(t.service.config.WriteTime)
		}
	}
	t.service.config.Ended(Ending{Caller: t.reader.Caller, Agreement: t.col.Agreement().Name, Remote: t.request.RemoteAddr, Cause: cause, Bytes: t.sent, Took: time.Since(t.began)})
	return nil
}

func (t *stream) do(f func() error) error { return t.service.workers.do(f) }

// follow writes what happens until it must not, and says why: an *End, or errGone.
func (t *stream) follow() error {
	beat := time.NewTicker(t.service.config.Heartbeat)
	defer beat.Stop()
	for {
		changed := t.hub.change() // before anything is read: what comes later wakes the stream
		var more bool
		var rest time.Duration
		err := t.do(func() (err error) {
			more, rest, err = t.turn()
			return err
		})
		if err == nil {
			err = t.pause(rest)
		}
		if err != nil {
			return err
		}
		if more {
			continue
		}
		select {
		case <-changed:
		case <-beat.C:
			if err := t.do(t.beat); err != nil {
				return err
			}
		case <-t.service.stopping:
			return stopping()
		case <-t.ctx.Done():
			return errGone
		}
	}
}

// turn writes what a step reads, and says how long to rest then; more is false when there was nothing to read.
func (t *stream) turn() (more bool, rest time.Duration, err error) {
	if err := t.judge(false); err != nil {
		return false, 0, err
	}
	before := t.sent
	if more, err = t.advance(); err != nil {
		return false, 0, err
	}
	if t.slow {
		return false, 0, &End{Cause: Slow, Reason: fmt.Sprintf("the reader took longer than %v for %d bytes; it can go on after the last position", slowTime, pieceBytes)}
	}
	if more {
		t.stepped = time.Now()
		return true, t.service.pace.sent(t.sent - before), nil
	}
	if !t.caughtUp && t.told < t.cursor { // so that a reader knows, and need not read all that again
		if err := t.write(newPiece(t.heartbeat())); err != nil {
			return false, 0, err
		}
	}
	t.caughtUp = true
	if !t.stepped.IsZero() {
		rest = max(t.hub.pause()-time.Since(t.stepped), 0)
	}
	return false, rest, nil
}

// beat says that nothing has happened.
func (t *stream) beat() error {
	if err := t.judge(true); err != nil {
		return err
	}
	return t.write(newPiece(t.heartbeat()))
}

// pause waits, unless the stream is to end.
func (t *stream) pause(d time.Duration) error {
	if d <= 0 {
		select {
		case <-t.service.stopping:
			return stopping()
		case <-t.ctx.Done():
			return errGone
		default:
			return nil
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.service.stopping:
		return stopping()
	case <-t.ctx.Done():
		return errGone
	}
}

func stopping() *End { return &End{Cause: Stopping, Reason: "the server is stopping"} }

func (t *stream) heartbeat() []byte {
	t.told = t.cursor
	e := heartbeat(t.cursor, t.service.config.Now())
	return e.appendTo(nil)
}

// judge says whether the reader may read now; identified anew when accounts have changed, when its credentials may have ended,
// or when again says so.
func (t *stream) judge(again bool) error {
	if t.reader.Again != nil {
		revision := t.service.config.Store.Registry().Revision
		if again || revision != t.revision || !t.until.IsZero() && !t.service.config.Now().Before(t.until) {
			caller, until, err := t.reader.Again(t.request)
			if err != nil {
				return &End{Cause: Account, Reason: "the account's credentials are no longer accepted: " + err.Error()}
			}
			if caller != t.reader.Caller {
				return &End{Cause: Account, Reason: "the account was changed"}
			}
			t.revision, t.until = revision, until
			t.hub.expire(until)
		}
	}
	err := agreement.Permit(t.col.Agreement(), t.reader.Caller, agreement.Read, t.service.config.Now())
	var outside *agreement.OutsideError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &outside) && (outside.State == agreement.Suspended || outside.State == agreement.Scheduled):
		return &End{Cause: Suspended, Reason: err.Error()}
	case errors.As(err, &outside):
		return &End{Cause: Ended, Reason: err.Error()}
	case errors.Is(err, agreement.ErrNoRole):
		return &End{Cause: Rights, Reason: "this account has no role in the agreement any more"}
	}
	return &End{Cause: Rights, Reason: err.Error()}
}

// advance takes a step and writes its events; more is false when there was nothing to read.
func (t *stream) advance() (more bool, err error) {
	if length, err := t.length(); err == nil && length <= t.cursor {
		return false, nil
	}
	if s := t.shared(t.hub, t.service.config.Now()); s != nil {
		return true, t.advanceBy(s)
	}
	memory := stepMemory
	if t.query.content {
		memory = contentMemory
	}
	if err := t.memory.Grow(t.ctx, memory); err != nil {
		return false, &End{Cause: Busy, Reason: err.Error()}
	}
	defer t.memory.Adjust(idleMemory)
	events, end, err := t.step(t.service.config.Now())
	if errors.Is(err, store.ErrClosed) {
		return false, stopping()
	}
	if err != nil {
		t.service.config.Failed(fmt.Errorf("events of the agreement %s: %w", t.col.Agreement().Name, err))
		return false, &End{Cause: Failed, Reason: "the journal could not be read; the operator finds the cause in the log"}
	}
	if end == t.cursor {
		return false, nil
	}
	if err := t.deliver(events); err != nil {
		return false, err
	}
	t.cursor = end
	return true, nil
}

// advanceBy writes what another stream may have read: the same bytes.
func (t *stream) advanceBy(s *sharedStep) error {
	from := t.cursor
	for _, p := range s.told {
		if err := t.judge(false); err != nil {
			return err
		}
		if err := t.write(p.piece); err != nil {
			return err
		}
		t.cursor, t.told = p.last, p.last
	}
	t.cursor = from
	t.take(s)
	t.cursor = s.end
	return nil
}

func (t *stream) length() (journal.Position, error) {
	stats, err := t.col.Stats()
	return journal.Position(stats.Entries), err
}

// deliver writes events. Texts in them are noted as a delivery before the first byte.
func (t *stream) deliver(events []event) error {
	size := 0
	var positions []journal.Position
	for i := range events {
		size += len(events[i].data)
		if events[i].position > 0 {
			positions = append(positions, events[i].position)
		}
	}
	if t.query.content {
		t.memory.Adjust(max(contentMemory, 2*size))
	}
	whole := false
	if len(positions) > 0 && t.reader.Noted && t.service.config.Deliveries != nil {
		slices.Sort(positions)
		begun, err := t.service.config.Deliveries.Begin(t.ctx, delivery.Delivery{Collection: t.col.ID(), Account: string(t.reader.Caller.Account),
			Party: string(t.reader.Caller.Party), Way: delivery.Stream, Positions: slices.Compact(positions), At: t.service.config.Now()})
		if errors.Is(err, context.Canceled) {
			return errGone
		}
		if err != nil {
			t.service.config.Failed(fmt.Errorf("note a delivery of events: %w", err))
			return &End{Cause: Failed, Reason: "the delivery could not be noted; the operator finds the cause in the log"}
		}
		defer func() { begun.End(whole) }()
	}
	for _, p := range piecesOf(events, t.cursor) {
		if err := t.judge(false); err != nil {
			return err
		}
		if err := t.write(p.piece); err != nil {
			return err
		}
		t.cursor, t.told = p.last, p.last
	}
	whole = true
	return nil
}

// write writes a piece, in parts where it is large, and sends it off.
func (t *stream) write(p piece) error {
	b := p.events()
	for len(b) > 0 {
		part := p
		if n := min(len(b), pieceBytes); n < len(p.events()) {
			part = newPiece(b[:n])
		}
		began := time.Now()
		if t.out.write(part, t.service.config.WriteTime) != nil {
			return errGone
		}
		n := len(part.events())
		b, t.sent = b[n:], t.sent+uint64(n)
		t.slow = t.slow || time.Since(began) > slowTime
	}
	return nil
}
