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
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// plan is one transaction in the target.
type plan struct {
	write store.Batch
	more  bool             // more work may follow
	none  bool             // write is empty
	batch *batch           // that write comes from; nil when only state changes
	seen  journal.Position // up to which the target's own journal has been examined
}

// A small batch costs little more than its sync to disk.
const (
	smallChanges = 20
	smallBytes   = 64 << 10
)

// mostState is how many keys of a follower's state one transaction changes, more or less.
const mostState = 20_000

// small reports whether a plan may be written without a worker slot: the release of one push goes to forty targets at once.
func (p *plan) small() bool {
	return len(p.write.Changes) <= smallChanges && (p.batch == nil || p.batch.bytes <= smallBytes)
}

// step writes one transaction of a release and reports whether more work may follow.
func (m *Manager) step(ctx context.Context, r route) (more bool, err error) {
	state, reason := r.phase(m.now())
	if state == paused {
		return false, nil
	}
	if err := m.acquireSlot(ctx); err != nil {
		return false, err
	}
	began := time.Now()
	freeSlot := sync.OnceFunc(m.releaseSlot)
	defer freeSlot()
	_, terms := r.target.Terms()
	var p plan
	if state == withdrawing {
		p, err = m.planWithdrawal(r, reason, nil)
	} else {
		p, err = m.planRunning(r)
	}
	if err == nil && !p.none {
		if p.small() {
			freeSlot()
		}
		if p.batch != nil {
			waitFor(ctx, p.batch.cause)
		}
		var result store.Result
		p.write.Terms = terms
		if result, err = r.target.Append(ctx, p.write); err == nil {
			p.seen = skipOwn(p.seen, result.Outcomes)
			m.lose(r, lostIn(p.write.Changes, result.Outcomes))
			if !p.small() {
				m.pace.rest(ctx, time.Since(began))
			}
		}
	}
	if errors.Is(err, store.ErrStale) {
		m.remember(r, nil)
		return true, nil // the target's terms or the follower have changed since: plan again
	}
	if err == nil && p.seen > 0 {
		m.setSeen(r, p.seen)
	}
	if err != nil {
		return false, fmt.Errorf("release from %s to %s: %w", r.source.Agreement().Name, r.target.Agreement().Name, err)
	}
	if b := p.batch; b != nil && b.released+b.withdrawn > 0 {
		m.log.Info().Str("source", string(r.source.Agreement().Name)).Str("target", string(r.target.Agreement().Name)).
			Int("released", b.released).Int("withdrawn", b.withdrawn).Msg("release")
	}
	return p.more, nil
}

// mostAhead is how far a clock may be behind a journal: times within a batch are moved apart, up to the next millisecond.
const mostAhead = 2 * time.Millisecond

// waitFor waits until the clock has reached the time of an entry, so that what follows from it is not written earlier.
func waitFor(ctx context.Context, cause time.Time) {
	ahead := time.Until(cause)
	if ahead <= 0 || ahead > mostAhead { // more: a journal of another clock
		return
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// skipOwn advances seen over the entries that a batch has added, as long as no other entry lies between.
func skipOwn(seen journal.Position, outcomes []store.Outcome) journal.Position {
	for _, o := range outcomes {
		switch {
		case o.Kind == store.Added && o.Position == seen+1:
			seen++
		case o.Kind == store.Corrected && o.Position == seen+2:
			seen += 2
		}
	}
	return seen
}

// planRunning plans what a release does next that runs.
func (m *Manager) planRunning(r route) (plan, error) {
	if p, needed, err := m.planRenaming(r); needed || err != nil {
		return p, err
	}
	return m.planRelease(r)
}

// planRelease plans the next batch of the source's journal.
func (m *Manager) planRelease(r route) (p plan, err error) {
	print, err := r.fingerprint()
	if err != nil {
		return plan{}, err
	}
	position, err := r.target.CursorOf(r.name)
	if err != nil {
		return plan{}, err
	}
	entries := m.pace.burst(m.batchEntries)
	next, err := m.chunkCache.read(r.source, journal.Position(position)+1, entries, m.batchBytes)
	if err != nil {
		return plan{}, err
	}
	judging, err := judgingOf(r)
	if err != nil {
		return plan{}, err
	}
	key, err := copyKeyFor(r)
	if err != nil {
		return plan{}, err
	}
	err = r.target.Snapshot(func(target *store.Snapshot) error {
		return r.source.Snapshot(func(source *store.Snapshot) (err error) {
			length, err := source.Length()
			if err != nil {
				return err
			}
			was := target.State(r.name, keyRule)
			if journal.Position(position) > length && r.source.InCluster() {
				p.none = true // it has not come so far on this node
				return nil
			}
			// A source that is shorter than the position was restored from an older backup.
			if was != nil && !bytes.Equal(was, print) || journal.Position(position) > length {
				p = planReset(r, target, length, print)
				return nil
			}
			b := newBatch(m.store, r, source, target, m.now())
			b.judging, b.most = judging, entries
			b.setKey(key)
			p, err = m.planEntries(b, journal.Position(position), next, print)
			return err
		})
	})
	return p, err
}

// planEntries runs the tasks that the last batch left, then applies entries of the source until the batch is full.
func (m *Manager) planEntries(b *batch, position journal.Position, next tail, print []byte) (plan, error) {
	at := b.target.Cursor(b.route.name)
	if at != uint64(position) {
		return plan{}, fmt.Errorf("the follower %s is at %d, it was at %d: another node moves it: %w", b.route.name, at, position, store.ErrStale)
	}
	reset, resetting := b.state.get(keyReset)
	b.reset = resetting
	resetTo, judgedTo := parseReset(reset)
	b.judgedTo = judgedTo
	if _, known := b.state.get(keyRule); !known {
		b.state.set(keyRule, print)
	}
	full := func() bool {
		return len(b.changes) >= b.most || b.bytes >= m.batchBytes || len(b.state.over) >= mostState
	}
	b.position = position
	tasks, words := b.state.loadQueue()
	b.tasks = tasks
	b.judgeByTime()
	for _, l := range m.takeLost(b.route) {
		id, err := b.lostID(l)
		if err != nil {
			return plan{}, err
		}
		b.state.putValue(conflictList(id), positionWord(l.position), []byte("the target has other content under this version, or the object belongs to another party there"))
	}
	seen, seenAll, err := m.watchOthers(b)
	if err != nil {
		return plan{}, err
	}
	finished, err := b.runTasks(full)
	for _, e := range next.rest {
		if err != nil || !finished || full() {
			break
		}
		if err = b.apply(e); err == nil {
			position = e.position
			b.entries++
			finished, err = b.runTasks(full)
		}
	}
	if err != nil {
		return plan{}, err
	}
	if finished {
		if finished, err = b.runLate(prefixLate, full); err != nil {
			return plan{}, err
		}
	}
	more := !finished || b.entries < len(next.rest) || next.whole || !seenAll
	if !more {
		if finished, err = b.runLate(prefixLast, full); err != nil {
			return plan{}, err
		}
		more = !finished
	}
	if resetting && !more && position >= resetTo {
		if more, err = b.dropAids(full); err != nil {
			return plan{}, err
		}
		if !more {
			b.state.unset(keyReset)
		}
		more = true // the tasks that follow from it
	}
	if len(words) > 0 || len(b.tasks) > 0 {
		b.state.keepQueue(b.tasks, words)
	}
	p := plan{more: more, batch: b, seen: seen}
	p.none = b.entries == 0 && len(b.changes) == 0 && len(b.state.over) == 0
	if !p.none {
		b.state.set(keySeen, []byte(positionWord(seen)))
	}
	p.write = store.Batch{Changes: b.changes, Follower: b.state.update(position)}
	return p, nil
}

// judgeByTime schedules what dates decide, if they have come.
func (b *batch) judgeByTime() {
	if b.due(prefixEmbargo) || b.due(prefixExpiry) {
		b.tasks = append(b.tasks, task{kind: taskDue})
	}
	if b.state.nothing(prefixTime) {
		return
	}
	for _, word := range b.state.words(prefixTime) {
		at, definition := parseTimeWord(word)
		if at.After(b.now) {
			return
		}
		b.state.unset(prefixTime + word)
		b.tasks = append(b.tasks, task{kind: taskJudge, id: definition})
	}
}

// planReset starts to judge every entry again because the terms have changed.
func planReset(r route, target *store.Snapshot, length journal.Position, print []byte) plan {
	_, judgedTo := parseReset(target.State(r.name, keyReset))
	judgedTo = min(max(judgedTo, journal.Position(target.Cursor(r.name))), length)
	u := &store.FollowerUpdate{Name: r.name, Turn: target.Turn(r.name)}
	for _, prefix := range append([]string{keyEnded}, judgements...) {
		u.Clear = append(u.Clear, []byte(prefix))
	}
	u.Set = []store.KeyValue{{Key: []byte(keyRule), Value: print}, {Key: []byte(keyReset), Value: []byte(positionWord(length) + positionWord(judgedTo))}}
	return plan{write: store.Batch{Follower: u}, more: true}
}

// parseReset reads up to where entries are judged again, and up to where they had been judged by earlier terms.
func parseReset(value []byte) (to, judgedTo journal.Position) {
	if len(value) != 16 {
		return positionOf(string(value)), 0 // of an older format
	}
	return positionOf(string(value[:8])), positionOf(string(value[8:]))
}

// dropAids withdraws identities and marking definitions whose type the rule does not name and that no released object
// needs. This is known only after every entry has been judged again.
func (b *batch) dropAids(full func() bool) (more bool, err error) {
	err = b.target.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
		if full() {
			more = true
			return false
		}
		if !canAid(v.ID.Type()) || !targetVersionOf(v, b.route.source.ID()).ours {
			return true
		}
		id := stix.ID("")
		if id, err = b.hereFrom(v.Entry); err != nil || v.ID == b.actingID() {
			return err == nil
		}
		if _, aid := b.state.get(prefixAid + string(id)); aid {
			return true
		}
		goes := false
		if goes, err = b.goesByItself(v); goes || err != nil {
			return err == nil
		}
		err = b.withdraw(id, withdrawal{reason: "its type is no longer released, and no released object needs it", mayReturn: true})
		return err == nil
	})
	return more, err
}

// goesByItself reports whether an identity or marking definition in the target would go if no released object needed it.
func (b *batch) goesByItself(v store.StoredVersion) (bool, error) {
	if len(b.route.rule.Types) > 0 && !containsType(b.route.rule, v.ID.Type()) {
		return false, nil
	}
	if b.route.rule.Where == nil {
		return true, nil
	}
	p, err := b.positionIn(v)
	if err != nil || p == 0 {
		return true, err
	}
	e, err := readEntry(b.source, p)
	return err == nil && (!e.present || len(b.judge(e, false).Refusals) == 0), err
}

// positionIn returns where the source has added a version that the target has; 0 if it no longer has it.
func (b *batch) positionIn(v store.StoredVersion) (journal.Position, error) {
	if v.Entry.Source.Collection == b.route.source.ID() {
		return v.Entry.Source.Position, nil
	}
	versions, err := b.source.Versions(v.ID)
	for _, s := range versions {
		if versionKey(s.Entry) == versionKey(v.Entry) {
			return s.Position, nil
		}
	}
	return 0, err
}

func containsType(r agreement.Release, typ string) bool {
	for _, t := range r.Types {
		if t == typ {
			return true
		}
	}
	return false
}

// planWithdrawal withdraws some of what the source has released; when nothing is left, it records that. If the release goes on
// afterwards, it keeps the state in then and judges everything anew.
func (m *Manager) planWithdrawal(r route, reason string, then []store.KeyValue) (p plan, err error) {
	err = r.target.Snapshot(func(target *store.Snapshot) error {
		ended := target.State(r.name, keyEnded) != nil
		if then == nil && ended || target.Cursor(r.name) == 0 && target.State(r.name, keyRule) == nil {
			p.none = true
			return nil
		}
		b := newBatch(m.store, r, nil, target, m.now())
		p.batch = b
		most := m.pace.burst(m.batchEntries)
		walked := 0
		var failed error
		err := target.Walk(m.place(r), func(v store.StoredVersion, next []byte) bool {
			walked++
			m.remember(r, next)
			if targetVersionOf(v, r.source.ID()).ours {
				if failed = b.withdraw(v.ID, withdrawal{reason: reason, mayReturn: !r.ruled || then != nil}); failed != nil {
					return false
				}
			}
			p.more = next != nil
			return len(b.changes) < most && walked < 10*most
		})
		if err := errors.Join(err, failed); err != nil {
			return err
		}
		p.write = store.Batch{Changes: b.changes}
		if p.more {
			p.none = len(b.changes) == 0
			p.write.Follower = &store.FollowerUpdate{Name: r.name, Turn: target.Turn(r.name), Position: target.Cursor(r.name)}
			return nil
		}
		m.remember(r, nil)
		p.write.Follower = &store.FollowerUpdate{
			Name: r.name, Turn: target.Turn(r.name), Position: target.Cursor(r.name),
			Clear: [][]byte{[]byte(keyReset)},
			Set:   []store.KeyValue{{Key: []byte(keyRule), Value: []byte{}}, {Key: []byte(keyEnded), Value: []byte(reason)}},
		}
		if then != nil {
			p.write.Follower.Set = append([]store.KeyValue{{Key: []byte(keyRule), Value: []byte{}}}, then...)
		}
		for _, prefix := range prefixes {
			p.write.Follower.Clear = append(p.write.Follower.Clear, []byte(prefix))
		}
		return nil
	})
	return p, err
}

// judging counts the ways in which releases have been decided: after an upgrade everything is judged again.
const judging = 2

// fingerprint identifies what decides about the route.
func (r route) fingerprint() ([]byte, error) {
	return fingerprint(r.rule, r.target.Agreement(), r.source.Agreement())
}

// fingerprint identifies the rule and the terms that decide which objects are released.
func fingerprint(rule agreement.Release, target, source *agreement.Agreement) ([]byte, error) {
	text, err := json.Marshal(struct {
		Judging  int
		Rule     agreement.Release
		Accept   agreement.Accept
		Consents []string `json:",omitempty"`
	}{judging, rule, target.Accept, source.Consents()})
	if err != nil {
		return nil, fmt.Errorf("write the rule of a release: %w", err)
	}
	sum := sha256.Sum256(text)
	return sum[:], nil
}
