package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
)

// applyAgain is the pause before something is applied once more that could not be for lack of space.
const applyAgain = time.Second

// applier hands committed messages to the files: each agreement's in order, by a goroutine that runs while there are any;
// those about accord.db before anything behind them is handed out.
type applier struct {
	machine Machine
	marked  func(place uint64)          // everything up to a place is in the files
	noted   func(place uint64, n *Note) // a note came by
	rotate  func(*rotation) error       // a rotation of the signing key came by
	closed  func(uuid.UUID, error)      // an agreement was closed
	failed  func(error)                 // accord.db cannot be changed: the node stops
	stop    <-chan struct{}             // closed when the node stops
	ended   sync.WaitGroup              // of the goroutines

	handing chan struct{} // has one while a command is handed out, or while nothing is to be: see settle

	mu     sync.Mutex
	wake   chan struct{}               // has one when queue is not empty
	queue  []placed                    // guarded by mu; handed out by the core, not looked at yet
	marks  *marks                      // guarded by mu
	lines  map[uuid.UUID]*fileLine     // guarded by mu; agreements with a goroutine
	shut   map[uuid.UUID]error         // guarded by mu; agreements that are closed here
	ending map[uuid.UUID]chan struct{} // guarded by mu; those of shut whose file is still in its place; closed when it is not, or cannot be closed
	later  chan struct{}               // guarded by mu; closed and replaced when the mark moves
	last   uint64                      // guarded by mu; the last place that was put into a line
}

// fileLine is what waits for the file of an agreement.
type fileLine struct{ waiting []placed }

// errLineBusy says that an agreement cannot be reopened at this moment.
var errLineBusy = errors.New("messages of this agreement are being passed over")

func newApplier(machine Machine, mark uint64) *applier {
	a := &applier{machine: machine, marks: newMarks(mark), wake: make(chan struct{}, 1), handing: make(chan struct{}, 1), lines: map[uuid.UUID]*fileLine{}, shut: map[uuid.UUID]error{}, ending: map[uuid.UUID]chan struct{}{}, later: make(chan struct{}), last: mark}
	for _, about := range machine.Closed() {
		a.shut[about] = fmt.Errorf("its file is to be fetched anew")
	}
	return a
}

// hand takes committed commands. It does not wait.
func (a *applier) hand(list []placed) {
	a.mu.Lock()
	for _, p := range list {
		a.marks.begin(p.place)
	}
	a.queue = append(a.queue, list...)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run hands out what hand has taken until the node stops.
func (a *applier) run() {
	defer a.ended.Done()
	for {
		select {
		case <-a.stop:
			return
		case <-a.wake:
		}
		a.mu.Lock()
		list := a.queue
		a.queue = nil
		a.mu.Unlock()
		for _, p := range list {
			select {
			case a.handing <- struct{}{}:
			case <-a.stop:
				return
			}
			on := a.one(p)
			<-a.handing
			if !on {
				return
			}
		}
	}
}

// settle has all files come to one place and rest there: what was handed out is applied, and nothing more is handed out until
// resume is called.
func (a *applier) settle(ctx context.Context) (resume func(), err error) {
	select {
	case a.handing <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-a.stop:
		return nil, errStopped
	}
	resume = func() { <-a.handing }
	for {
		a.mu.Lock()
		settled, changed := a.marks.mark >= a.last, a.later
		a.mu.Unlock()
		if settled {
			return resume, nil
		}
		select {
		case <-changed:
			continue
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-a.stop:
			err = errStopped
		}
		resume()
		return nil, err
	}
}

// one hands out a command. It reports false when the node stops.
func (a *applier) one(p placed) bool {
	switch {
	case p.kind == kindNote:
		a.noted(p.place, p.note)
	case p.kind == kindMessage && p.about == uuid.Nil:
		if err := a.apply(uuid.Nil, []placed{p}); err != nil && a.machine.Judge(err) == Ended {
			return false
		} else if err != nil {
			a.failed(fmt.Errorf("apply place %d of the log to accord.db: %w", p.place, err))
			return false
		}
	case p.kind == kindKeys:
		if err := a.again(func() error { return a.rotate(p.keys) }); err != nil && a.machine.Judge(err) == Ended {
			return false
		} else if err != nil {
			a.failed(fmt.Errorf("rotate the signing key at place %d of the log: %w", p.place, err))
			return false
		}
	case p.kind == kindMessage:
		a.mu.Lock()
		line := a.lines[p.about]
		if line == nil {
			line = &fileLine{}
			a.lines[p.about] = line
			a.ended.Add(1)
			go a.work(p.about, line)
		}
		line.waiting = append(line.waiting, p)
		a.last = p.place
		a.mu.Unlock()
		return true
	}
	a.done([]placed{p})
	return true
}

// work applies what waits for the file of an agreement until nothing does.
func (a *applier) work(about uuid.UUID, line *fileLine) {
	defer a.ended.Done()
	for {
		a.mu.Lock()
		list := line.waiting
		line.waiting = nil
		if len(list) == 0 {
			delete(a.lines, about)
			a.mu.Unlock()
			return
		}
		shut := a.shut[about] != nil
		a.mu.Unlock()
		if !shut {
			if err := a.apply(about, list); err != nil && !a.after(about, err) {
				return // the mark stays before these messages: they come again after the next start
			}
		}
		if !a.outOfUse(about) {
			return
		}
		a.done(list)
	}
}

// apply applies messages, again and again while the error says so.
func (a *applier) apply(about uuid.UUID, list []placed) error {
	messages := make([]store.Logged, len(list))
	for i, p := range list {
		messages[i] = store.Logged{Place: p.place, Message: p.message}
	}
	return a.again(func() error { return a.machine.Apply(about, messages) })
}

// again calls do, again and again while the error says so.
func (a *applier) again(do func() error) error {
	for {
		err := do()
		if err == nil || a.machine.Judge(err) != Again {
			return err
		}
		select {
		case <-a.stop:
			return err
		case <-time.After(applyAgain):
		}
	}
}

// after does what follows from messages that could not be applied to the file of an agreement. It reports whether they count
// as done: a file that is closed is fetched anew, with what they did.
func (a *applier) after(about uuid.UUID, err error) bool {
	switch a.machine.Judge(err) {
	case Damaged:
		return a.close(about, err)
	case Stop:
		a.failed(fmt.Errorf("apply the log to collection %s: %w", about, err))
	case Ended:
		return a.isShut(about) // it was closed meanwhile, for another reason
	}
	return false
}

// close takes the file of an agreement out of use. From then on its messages are passed over, until it has been fetched anew.
func (a *applier) close(about uuid.UUID, reason error) bool {
	a.mu.Lock()
	already := a.shut[about] != nil
	a.shut[about] = reason
	ended := make(chan struct{})
	if !already {
		a.ending[about] = ended
	}
	a.mu.Unlock()
	if already {
		return true
	}
	defer close(ended)
	if err := a.machine.Close(about, reason); err != nil {
		a.failed(fmt.Errorf("close the file of collection %s, which is not to be used (%w): %w", about, reason, err))
		return false
	}
	a.mu.Lock()
	delete(a.ending, about)
	a.mu.Unlock()
	a.closed(about, reason)
	return true
}

// outOfUse waits until the file of an agreement is out of its place, if it is being closed. What it does not have must not count as
// done before: a crash would leave it in use without that.
func (a *applier) outOfUse(about uuid.UUID) bool {
	a.mu.Lock()
	ended := a.ending[about]
	a.mu.Unlock()
	if ended == nil {
		return true
	}
	<-ended
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ending[about] == nil
}

// isShut reports whether an agreement is closed here.
func (a *applier) isShut(about uuid.UUID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.shut[about] != nil
}

// allShut lists the agreements that are closed here.
func (a *applier) allShut() []uuid.UUID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.SortedFunc(maps.Keys(a.shut), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
}

// reserve keeps what comes for an agreement that is closed waiting, until readmit. last is the last place that was passed over.
func (a *applier) reserve(about uuid.UUID) (last uint64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lines[about] != nil { // it is about to end: nothing is applied
		return 0, errLineBusy
	}
	a.lines[about] = &fileLine{}
	return a.last, nil
}

// passed returns the last place that was put into a line, or passed over.
func (a *applier) passed() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// readmit goes on with what has waited since reserve: with the file in use again, or, after an error, as before.
func (a *applier) readmit(about uuid.UUID, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		delete(a.shut, about)
	}
	a.ended.Add(1)
	go a.work(about, a.lines[about])
}

func (a *applier) done(list []placed) {
	a.mu.Lock()
	moved := false
	for _, p := range list {
		moved = a.marks.end(p.place) || moved
	}
	mark := a.marks.mark
	if moved {
		close(a.later)
		a.later = make(chan struct{})
	}
	a.mu.Unlock()
	if moved {
		a.machine.Applied(mark)
		a.marked(mark)
	}
}

// moved returns a channel that is closed when the mark moves.
func (a *applier) moved() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.later
}

// closedCount returns how many agreements are closed.
func (a *applier) closedCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.shut)
}

// mark returns up to where all files have everything.
func (a *applier) mark() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.marks.mark
}
