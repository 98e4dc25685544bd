package follow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// plan is one transaction in the target.
type plan struct {
	batch store.Batch
	more  bool // there may be something left to do
	none  bool // there is nothing to write
	work  *work
	seen  journal.Position // up to which the target's own journal has been looked at
}

// small is a batch that costs little more than its way to the disk, in objects and bytes.
const (
	smallChanges = 20
	smallBytes   = 64 << 10
)

// small says whether a plan needs no turn to be carried out: what one push leads to goes to forty targets side by side.
func (p *plan) small() bool {
	return len(p.batch.Changes) <= smallChanges && (p.work == nil || p.work.bytes <= smallBytes)
}

// step does one transaction of a release, and says whether there may be more to do.
func (m *Manager) step(ctx context.Context, f flow) (more bool, err error) {
	state, reason := f.phase(m.now())
	if state == paused {
		return false, nil
	}
	if err := m.enter(ctx); err != nil {
		return false, err
	}
	began := time.Now()
	leave := sync.OnceFunc(m.leave)
	defer leave()
	var p plan
	if state == takingBack {
		p, err = m.planTakingBack(f, reason)
	} else {
		p, err = m.planRelease(f)
	}
	if err == nil && !p.none {
		if p.small() {
			leave()
		}
		var r store.Result
		if r, err = f.target.Append(ctx, p.batch); err == nil {
			p.seen = onlyOurs(p.seen, r.Outcomes)
			if !p.small() {
				m.pace.rest(ctx, time.Since(began))
			}
		}
	}
	if err == nil && p.seen > 0 {
		m.see(f, p.seen)
	}
	if err != nil {
		return false, fmt.Errorf("release from %s to %s: %w", f.source.Agreement().Name, f.target.Agreement().Name, err)
	}
	if w := p.work; w != nil && w.released+w.withdrawn > 0 {
		m.log.Info().Str("source", string(f.source.Agreement().Name)).Str("target", string(f.target.Agreement().Name)).
			Int("released", w.released).Int("withdrawn", w.withdrawn).Msg("release")
	}
	return p.more, nil
}

// onlyOurs moves up to where a target's journal has been looked at behind what a batch has added, if nothing came between.
func onlyOurs(seen journal.Position, outcomes []store.Outcome) journal.Position {
	for _, o := range outcomes {
		if o.Kind == store.Added && o.Position == seen+1 {
			seen++
		}
	}
	return seen
}

// planRelease plans the next batch of the source's journal.
func (m *Manager) planRelease(f flow) (p plan, err error) {
	print, err := fingerprint(f.rule, f.target.Agreement())
	if err != nil {
		return plan{}, err
	}
	position, err := f.target.CursorOf(f.name)
	if err != nil {
		return plan{}, err
	}
	entries := m.pace.burst(m.batchEntries)
	next, err := m.chunks.read(f.source, journal.Position(position)+1, entries, m.batchBytes)
	if err != nil {
		return plan{}, err
	}
	passed, err := next.passedUnder(f)
	if err != nil {
		return plan{}, err
	}
	err = f.target.Look(func(target *store.Look) error {
		return f.source.Look(func(source *store.Look) (err error) {
			length, err := source.Length()
			if err != nil {
				return err
			}
			was := target.Memory(f.name, keyRule)
			// A source that is shorter than what was read of it has been restored from an older backup.
			if was != nil && !bytes.Equal(was, print) || journal.Position(position) > length {
				p = planReset(f, length, print)
				return nil
			}
			w := newWork(m.store, f, source, target)
			w.passed, w.most = passed, entries
			p, err = m.planEntries(w, journal.Position(position), next, print)
			return err
		})
	})
	return p, err
}

// planEntries does what is left from the batch before, and takes entries of the source until the batch is full.
func (m *Manager) planEntries(w *work, position journal.Position, next run, print []byte) (plan, error) {
	at := w.target.Cursor(w.flow.name)
	if at != uint64(position) {
		return plan{}, fmt.Errorf("the follower %s is at %d, it was at %d: somebody else moves it", w.flow.name, at, position)
	}
	reset, resetting := w.memory.get(keyReset)
	w.reset = resetting
	if _, known := w.memory.get(keyRule); !known {
		w.memory.set(keyRule, print)
	}
	full := func() bool { return len(w.changes) >= w.most || w.bytes >= m.batchBytes }
	tasks, words := w.memory.loadQueue()
	w.tasks = tasks
	seen, seenAll, err := m.wakeForOthers(w)
	if err != nil {
		return plan{}, err
	}
	finished, err := w.do(full)
	for _, it := range next.rest {
		if err != nil || !finished || full() {
			break
		}
		if err = w.entry(it); err == nil {
			position = it.position
			w.entries++
			finished, err = w.do(full)
		}
	}
	if err != nil {
		return plan{}, err
	}
	more := !finished || w.entries < len(next.rest) || next.whole || !seenAll
	if resetting && !more && position >= positionOf(string(reset)) {
		if more, err = w.dropAids(full); err != nil {
			return plan{}, err
		}
		if !more {
			w.memory.unset(keyReset)
		}
		more = true // what the dropping leads to
	}
	if len(words) > 0 || len(w.tasks) > 0 {
		w.memory.keepQueue(w.tasks, words)
	}
	p := plan{more: more, work: w, seen: seen}
	p.none = w.entries == 0 && len(w.changes) == 0 && len(w.memory.over) == 0
	p.batch = store.Batch{Changes: w.changes, Follower: w.memory.update(position)}
	return p, nil
}

// planReset begins to judge everything anew, under other terms than before.
func planReset(f flow, length journal.Position, print []byte) plan {
	u := &store.FollowerUpdate{Name: f.name}
	for _, prefix := range []string{prefixOver, prefixWait, prefixQueue, keyEnded} {
		u.Clear = append(u.Clear, []byte(prefix))
	}
	u.Set = []store.KeyValue{{Key: []byte(keyRule), Value: print}, {Key: []byte(keyReset), Value: []byte(positionWord(length))}}
	return plan{batch: store.Batch{Follower: u}, more: true}
}

// dropAids takes back, once everything has been judged anew, identities and marking definitions that are not of the
// rule's types and that nothing needs. Before, nobody could tell.
func (w *work) dropAids(full func() bool) (more bool, err error) {
	err = w.target.Walk(nil, func(v store.HeldVersion, _ []byte) bool {
		if full() {
			more = true
			return false
		}
		if !canAid(v.ID.Type()) || !heldOf(v, w.flow.source.ID()).mine {
			return true
		}
		if _, aid := w.memory.get(prefixAid + string(v.ID)); aid {
			return true
		}
		if len(w.flow.rule.Types) == 0 || containsType(w.flow.rule, v.ID.Type()) {
			return true
		}
		err = w.takeBack(v.ID, func(*held) bool { return true }, "it is of a type that is no longer released, and nothing needs it", 0)
		return err == nil
	})
	return more, err
}

func containsType(r agreement.Release, typ string) bool {
	for _, t := range r.Types {
		if t == typ {
			return true
		}
	}
	return false
}

// planTakingBack takes back some of what is there; when nothing is, it notes that.
func (m *Manager) planTakingBack(f flow, reason string) (p plan, err error) {
	err = f.target.Look(func(target *store.Look) error {
		ended := target.Memory(f.name, keyEnded) != nil
		if ended || target.Cursor(f.name) == 0 && target.Memory(f.name, keyRule) == nil {
			p.none = true
			return nil
		}
		w := newWork(m.store, f, nil, target)
		p.work = w
		most := m.pace.burst(m.batchEntries)
		walked := 0
		err := target.Walk(m.place(f), func(v store.HeldVersion, next []byte) bool {
			walked++
			m.remember(f, next)
			if heldOf(v, f.source.ID()).mine {
				if err = w.takeBack(v.ID, func(*held) bool { return true }, reason, 0); err != nil {
					return false
				}
			}
			p.more = next != nil
			return len(w.changes) < most && walked < 10*most
		})
		if err != nil {
			return err
		}
		p.batch = store.Batch{Changes: w.changes}
		if p.more {
			p.none = len(w.changes) == 0
			return nil
		}
		m.remember(f, nil)
		p.batch.Follower = &store.FollowerUpdate{
			Name: f.name, Position: target.Cursor(f.name),
			Clear: [][]byte{[]byte(prefixOver), []byte(prefixAid), []byte(prefixWait), []byte(prefixRefer), []byte(prefixQueue), []byte(keyReset)},
			Set:   []store.KeyValue{{Key: []byte(keyRule), Value: []byte{}}, {Key: []byte(keyEnded), Value: []byte(reason)}},
		}
		return nil
	})
	return p, err
}

// fingerprint is the same for rules and terms under which the same objects go.
func fingerprint(rule agreement.Release, target *agreement.Agreement) ([]byte, error) {
	text, err := json.Marshal(struct {
		Rule   agreement.Release
		Accept agreement.Accept
	}{rule, target.Accept})
	if err != nil {
		return nil, fmt.Errorf("write the rule of a release: %w", err)
	}
	sum := sha256.Sum256(text)
	return sum[:], nil
}

// ended says whether an error is how a release ends with the server.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, store.ErrClosed)
}
