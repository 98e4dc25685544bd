package follow

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// batch collects the changes that a run of a source's journal causes in the target. Entries are applied strictly in order,
// and what follows from one is done before the next, so the outcome does not depend on where batches end.
type batch struct {
	route  route
	store  *store.Store
	terms  *agreement.Agreement // of the target
	source *store.Snapshot
	target *store.Snapshot
	state  *state
	reset  bool // entries are being judged again
	most   int  // changes of a batch

	changes     []store.Change
	bytes       int
	entries     int // journal entries applied
	released    int
	withdrawn   int
	tasks       []task
	objects     map[stix.ID]*targetObject
	removedHere map[string]bool  // versions that the batch removes from the target, by id and versionKey
	aided       map[stix.ID]bool // known to be needed by a released object
	judged      judged           // cached judgements of the batch's entries

	// observe is set by a preview and receives each decision about a version, by its position in the source. rec is nil if
	// the version was reported before.
	observe func(p journal.Position, e *journal.Entry, v Verdict, reasons []string, missing stix.ID)
}

func newBatch(s *store.Store, r route, source, target *store.Snapshot) *batch {
	return &batch{
		route: r, store: s, terms: r.target.Agreement(), source: source, target: target,
		state: newState(target, r.name), objects: make(map[stix.ID]*targetObject), removedHere: make(map[string]bool),
		aided: make(map[stix.ID]bool),
	}
}

func (b *batch) change(ch store.Change, size int) {
	if b.observe == nil {
		b.changes = append(b.changes, ch)
	}
	b.bytes += size
}

// report passes a decision about a version to a preview.
func (b *batch) report(e *entry, v Verdict, refusals []agreement.Refusal, missing stix.ID) {
	if b.observe == nil {
		return
	}
	var reasons []string
	for _, r := range refusals {
		reasons = append(reasons, r.String())
	}
	b.observe(e.position, &e.recorded, v, reasons, missing)
}

// apply applies one entry of the source.
func (b *batch) apply(e *entry) error {
	var err error
	switch e.recorded.Kind {
	case journal.Added:
		err = b.added(e)
	case journal.Deleted, journal.Withdrawn:
		err = b.removed(e)
	}
	if err != nil {
		return fmt.Errorf("entry %d of %s: %w", e.position, b.route.source.Agreement().Name, err)
	}
	return nil
}

// added releases a version that was added to the source, if the terms allow it.
func (b *batch) added(e *entry) error {
	id := e.id()
	_, aid := b.state.s(prefixAid, id)
	refusals := b.judge(e, aid)
	i := slices.IndexFunc(refusals, func(r agreement.Refusal) bool { return r.Marking })
	over, blocked := b.state.s(prefixOver, id)
	if i >= 0 {
		if string(over) < e.at {
			b.state.set(prefixOver+string(id), []byte(e.at))
		}
		b.report(e, Refused, refusals, "")
		reason := fmt.Sprintf("version %s is above the ceiling: %s", versionText(e), refusals[i].Message)
		return b.withdraw(id, func(h *targetVersion) bool { return h.notAfter(e) }, reason, e.position)
	}
	this := e.key
	if blocked && e.at <= string(over) {
		b.report(e, Blocked, nil, "")
		return b.withdraw(id, func(h *targetVersion) bool { return h.key == this }, "a later version is above the ceiling", e.position)
	}
	if !e.present {
		b.report(e, Deleted, nil, "")
		return nil // the journal has its removal further on
	}
	if len(refusals) > 0 {
		b.report(e, Refused, refusals, "")
		if b.reset && canAid(e.object.Type) && onlyTypes(refusals) {
			return b.reportPresent(e) // a released object may need it: see dropAids
		}
		return b.withdraw(id, func(h *targetVersion) bool { return h.key == this }, refusals[0].Message, e.position)
	}
	for _, ref := range e.references {
		if ref != id && !b.holds(ref) {
			b.state.put(waitList(ref), positionWord(e.position))
			b.report(e, Waits, nil, ref)
			return nil
		}
	}
	return b.release(e)
}

// reportPresent tells a preview if the target has a version nevertheless.
func (b *batch) reportPresent(e *entry) error {
	h, err := b.targetObject(e.id())
	if err == nil {
		if v := h.find(e.key); v != nil && v.ours {
			b.report(e, There, nil, "")
		}
	}
	return err
}

func onlyTypes(refusals []agreement.Refusal) bool {
	return len(refusals) == 1 && refusals[0].Term == "release.types"
}

// notAfter reports whether a version in the target is not newer than an entry's version.
func (h *targetVersion) notAfter(e *entry) bool {
	if h.version == "" {
		return h.from <= e.position
	}
	return h.at <= e.at
}

func versionText(e *entry) string {
	return cmp.Or(e.recorded.Version, e.recorded.At.Format("2006-01-02T15:04:05.000000Z"))
}

// release adds a version to the target, after the objects it needs.
func (b *batch) release(e *entry) error {
	if err := b.releaseNeeds(e); err != nil {
		return err
	}
	id := e.id()
	h, err := b.targetObject(id)
	if err != nil {
		return err
	}
	key := e.key
	there := h.find(key)
	if there != nil && there.ours {
		b.report(e, There, nil, "")
		b.refers(e)
		return nil
	}
	if there == nil && (b.removedHere[string(id)+key] || b.target.Tombstoned(e.recorded)) {
		b.report(e, Gone, nil, "")
		return nil
	}
	verdict := Goes
	if there != nil {
		verdict = There // another source or account brought it; from now on this source is among its provenance
	}
	b.report(e, verdict, nil, "")
	b.change(store.Change{Add: &store.Addition{
		Object: e.object, Facts: e.facts, TLP: b.level(e), Warnings: e.recorded.Warnings,
		Source: journal.Source{Collection: b.route.source.ID(), Position: e.position},
	}}, len(e.object.Raw()))
	b.released++
	b.refers(e)
	if there != nil {
		there.ours = true
		return nil
	}
	if len(h.versions) == 0 && b.state.waits(id) {
		b.tasks = append(b.tasks, task{taskWake, id})
	}
	h.versions = append(h.versions, targetVersion{
		key: key, at: e.at, version: e.recorded.Version, spec: e.recorded.SpecVersion, digest: e.recorded.Digest,
		from: e.position, ours: true, instant: e.object.Instant,
	})
	return nil
}

// refers records what a relationship object refers to.
func (b *batch) refers(e *entry) {
	for _, ref := range e.references {
		b.state.put(referList(ref), string(e.id()))
	}
}

// releaseNeeds releases first what an object needs, whatever the types of the rule. A needed object that is above the
// ceiling or has not arrived yet does not hold the object back; it is released when it can be.
func (b *batch) releaseNeeds(e *entry) error {
	for _, id := range e.needs {
		if b.aided[id] {
			continue
		}
		b.aided[id] = true
		if _, known := b.state.s(prefixAid, id); known {
			continue
		}
		b.state.set(prefixAid+string(id), nil)
		versions, err := b.needed(id)
		if err != nil {
			return err
		}
		for _, e := range versions {
			if err := b.release(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// needed returns the versions of an object that another object needs: those after the last one above the ceiling. They came
// before; later versions are released as their entries are applied.
func (b *batch) needed(id stix.ID) (versions []*entry, err error) {
	vs, err := b.source.Versions(id)
	if err != nil {
		return nil, err
	}
	over, blocked := b.state.s(prefixOver, id)
	for _, v := range slices.Backward(vs) {
		e, err := readEntry(b.source, v.Position)
		if err != nil {
			return nil, err
		}
		refusals := b.judge(e, true)
		if blocked && e.at <= string(over) || slices.ContainsFunc(refusals, func(r agreement.Refusal) bool { return r.Marking }) {
			break
		}
		if e.present && len(refusals) == 0 {
			versions = append(versions, e)
		}
	}
	slices.Reverse(versions)
	return versions, nil
}

// removed withdraws a version that the source has removed.
func (b *batch) removed(e *entry) error {
	id := e.id()
	s, err := b.source.Entry(e.recorded.Of)
	if err != nil {
		return err
	}
	reason := e.recorded.Reason
	if e.recorded.Kind == journal.Deleted {
		reason = "deleted at the source"
		if e.recorded.Reason != "" {
			reason += ": " + e.recorded.Reason
		}
	}
	key := versionKey(s)
	h, err := b.targetObject(id)
	if err != nil {
		return err
	}
	if s.Version == "" && h.find(key) == nil && !b.source.Holds(id) {
		// The target has the same content spelled differently.
		return b.withdraw(id, func(*targetVersion) bool { return true }, reason, e.position)
	}
	return b.withdraw(id, func(h *targetVersion) bool { return h.key == key }, reason, e.position)
}

// runTasks runs the waiting tasks until the batch is full, and reports whether none is left.
func (b *batch) runTasks(full func() bool) (bool, error) {
	for len(b.tasks) > 0 {
		t := b.tasks[0]
		b.tasks = b.tasks[1:]
		finished, err := b.task(t, full)
		if err != nil {
			return false, err
		}
		if !finished {
			b.tasks = append([]task{t}, b.tasks...)
			return false, nil
		}
	}
	return true, nil
}

func (b *batch) task(t task, full func() bool) (bool, error) {
	list := waitList(t.id)
	if t.kind == taskCascade {
		list = referList(t.id)
	}
	for _, word := range b.state.words(list) {
		if full() {
			return false, nil
		}
		b.state.unset(list + word)
		var err error
		if t.kind == taskCascade {
			err = b.withdraw(stix.ID(word), func(*targetVersion) bool { return true },
				fmt.Sprintf("it refers to %s, which was withdrawn", t.id), 0)
		} else {
			err = b.wake(positionOf(word))
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// lookBack is how many entries of a target's own journal one step examines.
const lookBack = 5000

// wakeForOthers wakes the versions that wait for an object which accounts or other releases have added to the target since
// the last step. It returns the position up to which the target's journal has been examined, and whether that is its end.
// The first time it examines what waits instead.
func (m *Manager) wakeForOthers(b *batch) (seen journal.Position, all bool, err error) {
	length, err := b.target.Length()
	if err != nil {
		return 0, false, err
	}
	seen, known := m.seenOf(b.route)
	if !known {
		for _, id := range b.state.waitedFor() {
			if b.target.Holds(id) {
				b.tasks = append(b.tasks, task{taskWake, id})
			}
		}
		return length, true, nil
	}
	for n := 0; seen < length && n < lookBack; n++ {
		seen++
		e, err := b.target.Entry(seen)
		if err != nil {
			return 0, false, err
		}
		id := stix.ID(e.Object)
		if e.Kind == journal.Added && e.Source.Collection != b.route.source.ID() && b.state.waits(id) {
			b.tasks = append(b.tasks, task{taskWake, id})
		}
	}
	return seen, seen >= length, nil
}

// wake tries to release a version that waited.
func (b *batch) wake(p journal.Position) error {
	e, err := readEntry(b.source, p)
	if err != nil {
		return err
	}
	return b.apply(e)
}
