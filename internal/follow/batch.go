package follow

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/ingest"
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
	from   *agreement.Agreement // terms of the source
	source *store.Snapshot
	target *store.Snapshot
	state  *state
	reset  bool // entries are being judged again
	most   int  // changes of a batch

	cause time.Time // of the newest entry that the batch follows from

	now      time.Time        // that dates in markings are judged at
	position journal.Position // of the entry applied last
	draw     func(n int) int  // a random number below n

	definitions       func(stix.ID) *ingest.Definition // of the source
	targetDefinitions func(stix.ID) *ingest.Definition // of the target

	changes     []store.Change
	bytes       int
	entries     int // journal entries applied
	released    int
	withdrawn   int
	tasks       []task
	objects     map[stix.ID]*targetObject
	removedHere map[string]bool           // versions that the batch removes from the target, by id and versionKey
	aided       map[stix.ID]bool          // known to be needed by a released object
	referred    map[journal.Position]bool // versions with many references whose references are recorded
	judging     string                    // see judgingOf

	returns      *bool               // see returnExists
	ids          *renamer            // nil: objects keep their identifiers
	authors      map[stix.ID]*author // read so far
	identities   map[stix.ID]string  // see declared
	authoring    map[stix.ID]bool    // see isAuthor
	markingStays map[stix.ID]string  // see staysMarking
	acted        bool                // the identity in whose name copies go is in the target

	copies    map[journal.Position]*changedCopy
	copyKey   []byte           // of the source; for digests of originals
	final     bool             // a version goes now as it can, or waits; see runLate
	byTerms   bool             // final: the terms are the cause
	judgedTo  journal.Position // reset: entries up to here had been judged by the terms before
	rejudging bool             // reset: the entry at hand is one of those, and judged for the first time by the new terms

	// observe is set by a preview and receives each decision about a version, by its position in the source. rec is nil if
	// the version was reported before.
	observe func(p journal.Position, e *journal.Entry, v Verdict, reasons []string, missing stix.ID)

	// took, if set, receives each version that the batch withdraws, and why.
	took func(id stix.ID, v *targetVersion, w withdrawal)
}

func newBatch(s *store.Store, r route, source, target *store.Snapshot, now time.Time) *batch {
	b := &batch{
		route: r, store: s, terms: r.target.Agreement(), from: r.source.Agreement(), state: newState(target, r.name), now: now, draw: rand.IntN,
		objects: make(map[stix.ID]*targetObject), removedHere: make(map[string]bool), aided: make(map[stix.ID]bool),
		referred: make(map[journal.Position]bool), copies: make(map[journal.Position]*changedCopy),
	}
	b.read(source, target)
	return b
}

// read gives the batch the snapshots that it reads.
func (b *batch) read(source, target *store.Snapshot) {
	b.source, b.target = source, target
	b.authors, b.markingStays = nil, nil
	if source != nil {
		b.definitions = ingest.Definitions(source)
	}
	if target != nil {
		b.targetDefinitions = ingest.Definitions(target)
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
	b.position = e.position
	b.causedAt(e)
	b.rejudging = b.reset && e.position <= b.judgedTo
	defer func() { b.rejudging = false }()
	var err error
	switch e.recorded.Kind {
	case journal.Added:
		if err = b.lift(e); err == nil {
			err = b.added(e)
		}
		if err == nil {
			err = b.withdrawOld(e)
		}
	case journal.Deleted, journal.Withdrawn:
		err = b.removed(e)
	case journal.Decided:
		err = b.decided(e)
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("entry %d of %s: %w", e.position, b.route.source.Agreement().Name, err)
	}
	if id := e.id(); (id.Type() == "marking-definition" || b.hides() && id.Type() == "identity") && b.state.has(definedList(id)) {
		b.tasks = append(b.tasks, task{kind: taskJudge, id: id})
	}
	return nil
}

// causedAt notes when an entry that the batch follows from was written.
func (b *batch) causedAt(e *entry) {
	if e.recorded.At.After(b.cause) {
		b.cause = e.recorded.At
	}
}

// added releases a version that was added to the source, if the terms allow it.
func (b *batch) added(e *entry) error {
	id := e.id()
	if over, err := b.superseded(e); over || err != nil {
		return err
	}
	_, aid := b.state.about(prefixAid, id)
	if why, err := b.passedOver(e); why != "" || err != nil {
		b.report(e, Refused, []agreement.Refusal{{Term: "release.feedback", Message: why}}, "")
		if err != nil || b.route.forward == nil {
			return err
		}
		b.stopWaiting(e) // feedback whose subject has left goes with it
		return b.withdraw(id, withdrawal{pick: func(v *targetVersion) bool { return v.of(e) }, reason: why, by: e.position, mayReturn: true})
	}
	b.dependOnAuthor(e)
	d := b.judge(e, aid)
	b.depend(e, d)
	if i := slices.IndexFunc(d.Refusals, func(r agreement.Refusal) bool { return r.Marking }); i >= 0 {
		b.block(e, d)
		b.report(e, Refused, d.Refusals, "")
		reason := fmt.Sprintf("version %s is above the ceiling: %s", versionText(e), d.Refusals[i].Message)
		if d.Refusals[i].Term == "release.where" {
			reason = fmt.Sprintf("version %s does not meet the conditions of the release: %s", versionText(e), d.Refusals[i].Message)
		}
		return b.withdraw(id, withdrawal{pick: func(h *targetVersion) bool { return h.notAfter(e) }, reason: reason, by: e.position, mayReturn: b.rejudging})
	}
	b.unblock(e)
	this := func(reason string) error {
		return b.withdraw(id, withdrawal{pick: func(h *targetVersion) bool { return h.of(e) }, reason: reason, by: e.position, mayReturn: b.rejudging})
	}
	if b.blocked(e) {
		b.stopWaiting(e)
		b.report(e, Blocked, nil, "")
		return this("a later version may not go")
	}
	if !e.present {
		b.report(e, Deleted, nil, "")
		return nil // the journal has its removal further on
	}
	if len(d.Refusals) > 0 {
		b.stopWaiting(e)
		b.report(e, Refused, d.Refusals, "")
		if b.reset && canAid(e.object.Type) && onlyTypes(d.Refusals) {
			return b.reportPresent(e) // a released object may need it: see dropAids
		}
		return this(d.Refusals[0].Message)
	}
	if done, err := b.expire(e); done || err != nil {
		return err
	}
	if waits, err := b.gate(e); waits || err != nil {
		return err
	}
	return b.place(e)
}

// refused reports whether the terms refuse a version, or a later version blocks it.
func (b *batch) refused(e *entry) bool {
	_, aid := b.state.about(prefixAid, e.id())
	return len(b.judge(e, aid).Refusals) > 0 || b.blocked(e)
}

// depend records what a decision depends on beside the version itself: marking definitions, and dates in them.
func (b *batch) depend(e *entry, d agreement.Decision) {
	for _, definition := range d.Depends {
		b.state.put(definedList(definition), positionWord(e.position))
		if !d.Changes.IsZero() {
			b.state.put(prefixTime, timeWord(d.Changes, definition))
		}
	}
}

// block records a version above the ceiling: it blocks itself and the older versions of its object. If definitions and dates
// keep it there, that may end.
func (b *batch) block(e *entry, d agreement.Decision) {
	b.stopWaiting(e)
	b.stopHoldingUpTo(e)
	id := e.id()
	if len(d.Depends) > 0 {
		b.state.put(unsureList(id), e.at+positionWord(e.position))
		return
	}
	if over, _ := b.state.about(prefixOver, id); string(over) < e.at {
		b.state.set(prefixOver+string(id), []byte(e.at))
	}
}

// unblock forgets that a version was above the ceiling. The older versions that it blocked are judged again.
func (b *batch) unblock(e *entry) {
	if b.state.nothing(prefixUnsure) {
		return
	}
	key := unsureList(e.id()) + e.at + positionWord(e.position)
	if _, was := b.state.get(key); was && e.present {
		b.state.unset(key)
		b.tasks = append(b.tasks, task{kind: taskRetry, id: e.id()})
	}
}

// blocked reports whether a version, or a later version of its object, is above the ceiling.
func (b *batch) blocked(e *entry) bool {
	if over, any := b.state.about(prefixOver, e.id()); any && e.at <= string(over) {
		return true
	}
	if b.state.nothing(prefixUnsure) {
		return false
	}
	for _, word := range b.state.words(unsureList(e.id())) {
		if len(word) > 8 && e.at <= word[:len(word)-8] {
			return true
		}
	}
	return false
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

// onlyTypes reports whether nothing refuses a version but what does not matter for an object that a released one needs.
func onlyTypes(refusals []agreement.Refusal) bool {
	return !slices.ContainsFunc(refusals, func(r agreement.Refusal) bool { return r.Term != "release.types" && r.Term != "release.where" })
}

// notAfter reports whether a version in the target is not newer than an entry's version.
func (h *targetVersion) notAfter(e *entry) bool {
	if h.version == "" {
		return h.from <= e.position
	}
	return h.at <= e.at
}

func versionText(e *entry) string {
	return cmp.Or(e.recorded.Version, e.recorded.At.Format(journal.TimeFormat))
}

// release adds a version to the target as it goes, after the objects it needs.
func (b *batch) release(e *entry, out *outgoing) error {
	b.stopWaiting(e)
	if err := b.releaseNeeds(e); err != nil {
		return err
	}
	id := e.id()
	h, err := b.targetObject(id)
	if err != nil {
		return err
	}
	present := h.find(out.key)
	own := *out // the targets of a source share copies
	out = &own
	out.correction = isCorrection(e, out, present)
	if present != nil && present.ours && !out.correction {
		replaced, err := b.replace(e, out, present)
		if err != nil {
			return err
		}
		if !replaced {
			b.report(e, There, out.notes(), "")
			b.refer(e, out)
			b.scheduleExpiry(e)
			b.noteShadow(e, b.shadowedBy(h, present))
			return nil
		}
		present = nil
	}
	if present == nil && b.gone(e, out) {
		b.report(e, Gone, nil, "")
		return nil
	}
	if present == nil {
		if held, err := b.heldBack(e, out, h); held || err != nil {
			return err
		}
	}
	if len(e.references) >= manyReferences && !b.referred[e.position] {
		b.tasks = append(b.tasks, task{kind: taskRefer, id: stix.ID(positionWord(e.position))})
		return nil
	}
	verdict := Goes
	if out.correction {
		if reason := b.foreignCreator(e, out); reason != "" {
			b.noteConflict(e, reason)
			return b.withdraw(id, withdrawal{pick: func(v *targetVersion) bool { return v.key == out.key }, reason: reason, by: e.position})
		}
	} else if present != nil {
		reason, err := b.conflict(out, present)
		if err != nil {
			return err
		}
		if reason != "" {
			b.noteConflict(e, reason)
			return nil
		}
		verdict = There // another source or account brought it; from now on this source is among its provenance
	}
	b.report(e, verdict, out.notes(), "")
	if err := b.introduce(e, out); err != nil {
		return err
	}
	sent := b.send(e, out)
	b.scheduleExpiry(e)
	b.noteShadow(e, b.shadowedBy(h, nil))
	if present != nil {
		present.ours = true
		if out.correction {
			present.from, present.digest = e.position, out.digest
		}
		return nil
	}
	b.arrived(id, h)
	h.versions = append(h.versions, sent)
	return nil
}

// send adds a version to the target, and returns it as it will be there.
func (b *batch) send(e *entry, out *outgoing) targetVersion {
	b.change(store.Change{Add: &store.Addition{
		Object: out.object, Facts: out.facts, TLP: b.level(e), Warnings: e.recorded.Warnings, Owner: b.owner(e), Correction: out.correction,
		Source: journal.Source{Collection: b.route.source.ID(), Position: e.position}, Original: out.original,
	}}, len(out.object.Raw()))
	b.released++
	b.refer(e, out)
	return targetVersion{
		key: out.key, at: out.at, version: out.object.Version, spec: e.recorded.SpecVersion, digest: out.digest,
		from: e.position, ours: true, instant: out.object.Instant, sealed: out.original,
	}
}

// gone reports whether a version was in the target and left it for good.
func (b *batch) gone(e *entry, out *outgoing) bool {
	if b.removedHere[string(e.id())+out.key] {
		return true
	}
	rec := e.recorded
	rec.Object, rec.Digest, rec.Version = string(out.object.ID), out.digest, out.object.Version
	return b.target.Tombstoned(rec, b.route.source.ID())
}

// arrived wakes what waits for an object that the target did not have, and what went without a reference to it.
func (b *batch) arrived(id stix.ID, h *targetObject) {
	if len(h.versions) > 0 {
		return
	}
	if b.state.has(waitList(id)) {
		b.tasks = append(b.tasks, task{kind: taskWake, id: id})
	}
	if b.state.has(cutList(id)) {
		b.tasks = append(b.tasks, task{kind: taskFill, id: id})
	}
}

// level returns the TLP level that a released version counts as in the target.
func (b *batch) level(e *entry) stix.TLP {
	if level, known := e.under(b.judging).known(); known {
		return level
	}
	return b.judge(e, true).Level
}

// refer records the references of a version that goes, and those that it goes without.
func (b *batch) refer(e *entry, out *outgoing) {
	if !b.referred[e.position] {
		b.referSome(e, out.key, out.references)
	}
	for _, id := range out.without {
		b.state.put(cutList(id), positionWord(e.position))
	}
}

// referSome records some of a version's references.
func (b *batch) referSome(e *entry, key string, references []stix.ID) {
	word := string(e.id()) + "\x00" + key
	for _, ref := range references {
		b.state.put(referList(ref), word)
	}
}

// removed withdraws a version that the source has removed.
func (b *batch) removed(e *entry) error {
	if e.recorded.Act == journal.ActCorrect {
		return nil // the next entry has the new text
	}
	id := e.id()
	s, err := b.source.Entry(e.recorded.Of)
	if err != nil {
		return err
	}
	reason := e.recorded.Reason
	if e.recorded.Kind == journal.Deleted {
		reason = "deleted at the source"
		if e.recorded.Reason != "" && !b.hides() {
			reason += ": " + e.recorded.Reason
		}
	}
	b.stopHolding(e.recorded.Of, s.At)
	key := versionKey(s)
	if s.Version == "" && b.source.Holds(id) {
		b.tasks = append(b.tasks, task{kind: taskRetry, id: id}) // what lay beside it may be the object's own now: see beside
	}
	h, err := b.targetObject(id)
	if err != nil {
		return err
	}
	if s.Version == "" && h.find(key) == nil && h.from(e.recorded.Of) == nil && !b.source.Holds(id) {
		// The target has the same content spelled differently.
		return b.withdraw(id, withdrawal{reason: reason, by: e.position})
	}
	return b.withdraw(id, withdrawal{reason: reason, by: e.position,
		pick: func(h *targetVersion) bool { return h.key == key || h.from > 0 && h.from == e.recorded.Of }})
}
