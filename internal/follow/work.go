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

// work is what one batch of a source's journal comes to in the target. Entries are taken strictly in order, and what
// follows from one is done before the next, so where batches end makes no difference to the outcome.
type work struct {
	flow   flow
	store  *store.Store
	terms  *agreement.Agreement // of the target
	source *store.Look
	target *store.Look
	memory *memory
	reset  bool // everything is being judged anew
	most   int  // changes of a batch

	changes   []store.Change
	bytes     int
	entries   int // journal entries that were looked at
	released  int
	withdrawn int
	tasks     []task
	holdings  map[stix.ID]*holding
	buried    map[string]bool  // what the batch took from the target, by id and versionKey
	aided     map[stix.ID]bool // known to go because something released needs it
	passed    passed           // which of the batch's items are known to pass

	// note, of a preview, is told what becomes of a version, by where the source has it; e is nil for one that it has been
	// told of.
	note func(p journal.Position, e *journal.Entry, v Verdict, reasons []string, missing stix.ID)
}

func newWork(s *store.Store, f flow, source, target *store.Look) *work {
	return &work{
		flow: f, store: s, terms: f.target.Agreement(), source: source, target: target,
		memory: newMemory(target, f.name), holdings: make(map[stix.ID]*holding), buried: make(map[string]bool),
		aided: make(map[stix.ID]bool),
	}
}

func (w *work) change(ch store.Change, size int) {
	if w.note == nil {
		w.changes = append(w.changes, ch)
	}
	w.bytes += size
}

// say tells a preview what becomes of a version.
func (w *work) say(it *item, v Verdict, refusals []agreement.Refusal, missing stix.ID) {
	if w.note == nil {
		return
	}
	var reasons []string
	for _, r := range refusals {
		reasons = append(reasons, r.String())
	}
	w.note(it.position, &it.entry, v, reasons, missing)
}

// entry does what one entry of the source comes to.
func (w *work) entry(it *item) error {
	var err error
	switch it.entry.Kind {
	case journal.Added:
		err = w.added(it)
	case journal.Deleted, journal.Withdrawn:
		err = w.removed(it)
	}
	if err != nil {
		return fmt.Errorf("entry %d of %s: %w", it.position, w.flow.source.Agreement().Name, err)
	}
	return nil
}

// added releases a version that was added to the source, if it may go.
func (w *work) added(it *item) error {
	id := it.id()
	_, aid := w.memory.of(prefixAid, id)
	refusals := w.judge(it, aid)
	i := slices.IndexFunc(refusals, func(r agreement.Refusal) bool { return r.Marking })
	over, blocked := w.memory.of(prefixOver, id)
	if i >= 0 {
		if string(over) < it.at {
			w.memory.set(prefixOver+string(id), []byte(it.at))
		}
		w.say(it, Refused, refusals, "")
		reason := fmt.Sprintf("version %s is above the ceiling: %s", versionText(it), refusals[i].Message)
		return w.takeBack(id, func(h *held) bool { return h.notAfter(it) }, reason, it.position)
	}
	this := it.key
	if blocked && it.at <= string(over) {
		w.say(it, Blocked, nil, "")
		return w.takeBack(id, func(h *held) bool { return h.key == this }, "a later version is above the ceiling", it.position)
	}
	if !it.present {
		w.say(it, Deleted, nil, "")
		return nil // its removal comes later in the journal
	}
	if len(refusals) > 0 {
		w.say(it, Refused, refusals, "")
		if w.reset && canAid(it.object.Type) && onlyTypes(refusals) {
			return w.sayIfThere(it) // perhaps something released needs it: see work.dropAids
		}
		return w.takeBack(id, func(h *held) bool { return h.key == this }, refusals[0].Message, it.position)
	}
	for _, ref := range it.references {
		if ref != id && !w.holds(ref) {
			w.memory.put(waitList(ref), positionWord(it.position))
			w.say(it, Waits, nil, ref)
			return nil
		}
	}
	return w.release(it)
}

// sayIfThere tells a preview that the target has a version all the same.
func (w *work) sayIfThere(it *item) error {
	h, err := w.holding(it.id())
	if err == nil {
		if v := h.find(it.key); v != nil && v.mine {
			w.say(it, There, nil, "")
		}
	}
	return err
}

func onlyTypes(refusals []agreement.Refusal) bool {
	return len(refusals) == 1 && refusals[0].Term == "release.types"
}

// notAfter says whether a version that is held is older than another one of the source, or that one.
func (h *held) notAfter(it *item) bool {
	if h.version == "" {
		return h.from <= it.position
	}
	return h.at <= it.at
}

func versionText(it *item) string {
	return cmp.Or(it.entry.Version, it.entry.At.Format("2006-01-02T15:04:05.000000Z"))
}

// release adds a version that may go to the target, after what it needs to be understood.
func (w *work) release(it *item) error {
	if err := w.releaseNeeds(it); err != nil {
		return err
	}
	id := it.id()
	h, err := w.holding(id)
	if err != nil {
		return err
	}
	key := it.key
	there := h.find(key)
	if there != nil && there.mine {
		w.say(it, There, nil, "")
		w.refers(it)
		return nil
	}
	if there == nil && (w.buried[string(id)+key] || w.target.Buried(it.entry)) {
		w.say(it, Gone, nil, "")
		return nil
	}
	verdict := Goes
	if there != nil {
		verdict = There // somebody else brought it; from now on this source vouches for it too
	}
	w.say(it, verdict, nil, "")
	w.change(store.Change{Add: &store.Addition{
		Object: it.object, Facts: it.facts, TLP: w.level(it), Warnings: it.entry.Warnings,
		Source: journal.Source{Collection: w.flow.source.ID(), Position: it.position},
	}}, len(it.object.Raw()))
	w.released++
	w.refers(it)
	if there != nil {
		there.mine = true
		return nil
	}
	if len(h.versions) == 0 && w.memory.waits(id) {
		w.tasks = append(w.tasks, task{taskWake, id})
	}
	h.versions = append(h.versions, held{
		key: key, at: it.at, version: it.entry.Version, spec: it.entry.SpecVersion, digest: it.entry.Digest,
		from: it.position, mine: true, instant: it.object.Instant,
	})
	return nil
}

// refers remembers what a relationship object refers to.
func (w *work) refers(it *item) {
	for _, ref := range it.references {
		w.memory.put(referList(ref), string(it.id()))
	}
}

// releaseNeeds lets what an object needs go first, whatever the types of the rule. What is marked above the ceiling, or not
// there yet, does not hold the object back; once it comes, it goes.
func (w *work) releaseNeeds(it *item) error {
	for _, id := range it.needs {
		if w.aided[id] {
			continue
		}
		w.aided[id] = true
		if _, known := w.memory.of(prefixAid, id); known {
			continue
		}
		w.memory.set(prefixAid+string(id), nil)
		versions, err := w.needed(id)
		if err != nil {
			return err
		}
		for _, it := range versions {
			if err := w.release(it); err != nil {
				return err
			}
		}
	}
	return nil
}

// needed are the versions of an object that go because another needs it: those after the last one that is marked above the
// ceiling. From now on its versions go as their entries come; these are those that came before.
func (w *work) needed(id stix.ID) (versions []*item, err error) {
	vs, err := w.source.Versions(id)
	if err != nil {
		return nil, err
	}
	over, blocked := w.memory.of(prefixOver, id)
	for _, v := range slices.Backward(vs) {
		it, err := readItem(w.source, v.Position)
		if err != nil {
			return nil, err
		}
		refusals := w.judge(it, true)
		if blocked && it.at <= string(over) || slices.ContainsFunc(refusals, func(r agreement.Refusal) bool { return r.Marking }) {
			break
		}
		if it.present && len(refusals) == 0 {
			versions = append(versions, it)
		}
	}
	slices.Reverse(versions)
	return versions, nil
}

// removed takes a version back that the source has lost.
func (w *work) removed(it *item) error {
	id := it.id()
	of, err := w.source.Entry(it.entry.Of)
	if err != nil {
		return err
	}
	reason := it.entry.Reason
	if it.entry.Kind == journal.Deleted {
		reason = "deleted at the source"
		if it.entry.Reason != "" {
			reason += ": " + it.entry.Reason
		}
	}
	key := versionKey(of)
	h, err := w.holding(id)
	if err != nil {
		return err
	}
	if of.Version == "" && h.find(key) == nil && !w.source.Holds(id) {
		// The target has the same content in another spelling.
		return w.takeBack(id, func(*held) bool { return true }, reason, it.position)
	}
	return w.takeBack(id, func(h *held) bool { return h.key == key }, reason, it.position)
}

// do does as much of what is left to do as fits, and says whether nothing is left.
func (w *work) do(full func() bool) (bool, error) {
	for len(w.tasks) > 0 {
		t := w.tasks[0]
		w.tasks = w.tasks[1:]
		finished, err := w.task(t, full)
		if err != nil {
			return false, err
		}
		if !finished {
			w.tasks = append([]task{t}, w.tasks...)
			return false, nil
		}
	}
	return true, nil
}

func (w *work) task(t task, full func() bool) (bool, error) {
	list := waitList(t.id)
	if t.kind == taskCascade {
		list = referList(t.id)
	}
	for _, word := range w.memory.words(list) {
		if full() {
			return false, nil
		}
		w.memory.unset(list + word)
		var err error
		if t.kind == taskCascade {
			err = w.takeBack(stix.ID(word), func(*held) bool { return true },
				fmt.Sprintf("it refers to %s, which was withdrawn", t.id), 0)
		} else {
			err = w.wake(positionOf(word))
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// lookBack is how many entries of a target's own journal one step looks at.
const lookBack = 5000

// wakeForOthers finds what waits for an object that others have brought to the target since the last step: accounts, or
// other releases. It returns up to where the target's journal has been looked at, and whether that is all of it. The first
// time it looks at what waits instead.
func (m *Manager) wakeForOthers(w *work) (seen journal.Position, all bool, err error) {
	length, err := w.target.Length()
	if err != nil {
		return 0, false, err
	}
	seen, known := m.seenOf(w.flow)
	if !known {
		for _, id := range w.memory.waitedFor() {
			if w.target.Holds(id) {
				w.tasks = append(w.tasks, task{taskWake, id})
			}
		}
		return length, true, nil
	}
	for n := 0; seen < length && n < lookBack; n++ {
		seen++
		e, err := w.target.Entry(seen)
		if err != nil {
			return 0, false, err
		}
		id := stix.ID(e.Object)
		if e.Kind == journal.Added && e.Source.Collection != w.flow.source.ID() && w.memory.waits(id) {
			w.tasks = append(w.tasks, task{taskWake, id})
		}
	}
	return seen, seen >= length, nil
}

// wake tries again to release a version that waited.
func (w *work) wake(p journal.Position) error {
	it, err := readItem(w.source, p)
	if err != nil {
		return err
	}
	return w.entry(it)
}
