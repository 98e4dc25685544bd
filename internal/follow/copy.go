package follow

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// A release may change an object on the way. The changed copy is another text, under the original's version. Its entry in the
// target names the original's entry, and has a keyed digest of the original's digest: a plain one would let its readers test
// guesses about what was left out. When what a copy depends on changes, another copy takes its place: the version is
// withdrawn and added again in one transaction.

// outgoing is a version as a release passes it on.
type outgoing struct {
	object     stix.Object
	facts      *store.Facts
	digest     journal.Digest
	key        string // see versionKey
	at         string // see entry.at
	references []stix.ID
	original   journal.Digest // zero: it is unchanged; else see store.Addition.Original
	without    []stix.ID      // references that it goes without
	changes    []string       // how else it differs from the original
	correction bool           // it replaces the text that the release brought before
}

// whole is a version that goes as it is.
func whole(e *entry) *outgoing {
	return &outgoing{object: e.object, facts: e.facts, digest: e.recorded.Digest, key: e.key, at: e.at, references: e.references}
}

// mostCut bounds the references of a version that goes without some of them: one that has more waits for all of them, since it
// might have to be copied anew whenever one comes or goes.
const mostCut = manyReferences - 1

// cuttable reports whether a version may go without references. What an object without versions refers to is its content.
func (b *batch) cuttable(e *entry) bool {
	return b.route.rule.Cuts() && e.recorded.Version != "" && len(e.references) <= mostCut
}

// cut returns a version without its references to some objects; nil if that is no valid object.
func (b *batch) cut(e *entry, base *outgoing, missing []stix.ID) (*outgoing, error) {
	lacks := make(map[stix.ID]bool, len(missing))
	for _, id := range missing {
		lacks[id] = true
	}
	ed := editor{tree: base.object.Tree, drop: func(id stix.ID) bool { return lacks[b.ids.from(id)] }}
	text := ed.text()
	if ed.moved() {
		return nil, nil
	}
	out, _, err := b.changed(e, text)
	if out == nil || err != nil {
		return nil, err
	}
	out.without, out.changes = missing, base.changes
	return out, nil
}

// changed returns a version with another text; nil and a rule if the text breaks a rule that the original keeps.
func (b *batch) changed(e *entry, text []byte) (out *outgoing, broken string, err error) {
	tree := new(ijson.Tree)
	if err := tree.Parse(text, ijson.Limits{Depth: 1 << 20}); err != nil {
		return nil, "", fmt.Errorf("read the copy of the object added at %d: %w", e.position, err)
	}
	o := stix.FromTree(tree)
	if broken := breaksMore(o, e.object); broken != "" {
		return nil, broken, nil
	}
	facts, err := store.FactsOf(o)
	if err != nil {
		return nil, "what can be stored", nil
	}
	if b.ids != nil {
		b.ids.know(e)
	}
	out = &outgoing{object: o, facts: &facts, digest: sha256.Sum256(text), references: b.ids.all(references(o)), original: b.seal(e.recorded.Digest)}
	rec := e.recorded
	rec.Digest, rec.Version = out.digest, o.Version
	out.key, out.at = versionKey(rec), instantKey(rec)
	return out, "", nil
}

// breaksMore returns a rule that a copy breaks and its original keeps, "" if there is none.
func breaksMore(o, original stix.Object) string {
	opts := validate.Options{SpecVersions: []string{"2.0", "2.1"}}
	broken := errorsIn(o, opts)
	if len(broken) == 0 {
		return ""
	}
	before := errorsIn(original, opts)
	for _, rule := range broken {
		if !slices.Contains(before, rule) {
			return rule
		}
	}
	return ""
}

func errorsIn(o stix.Object, opts validate.Options) (rules []string) {
	for _, f := range validate.Object(o, opts) {
		if f.Severity == validate.Error {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// seal returns the keyed digest of an original's digest.
func (b *batch) seal(original journal.Digest) journal.Digest {
	mac := hmac.New(sha256.New, b.copyKey)
	mac.Write([]byte("original\x00"))
	mac.Write(original[:])
	return journal.Digest(mac.Sum(nil))
}

// putOff has the decision how a version goes made once the batch is done or, if it is not urgent, once the release has caught
// up with the source: what it waits for may be on its way. byTerms says that the terms are the cause.
func (b *batch) putOff(p journal.Position, urgent, byTerms bool) {
	prefix, value := prefixLast, []byte(nil)
	if urgent {
		prefix = prefixLate
	}
	if byTerms {
		value = []byte{taskCascadeTerms}
	}
	if _, there := b.state.get(prefix + positionWord(p)); !there || value == nil {
		b.state.putValue(prefix, positionWord(p), value)
	}
}

// runLate decides how the versions under a prefix go, until the batch is full, and reports whether none is left.
func (b *batch) runLate(prefix string, full func() bool) (bool, error) {
	for !b.state.nothing(prefix) {
		words := b.state.words(prefix)
		if len(words) == 0 {
			break
		}
		for _, word := range words {
			if full() {
				return false, nil
			}
			value, _ := b.state.get(prefix + word)
			b.state.unset(prefix + word)
			b.final, b.byTerms = true, len(value) > 0
			err := b.again(positionOf(word))
			b.final, b.byTerms = false, false
			if err != nil {
				return false, err
			}
			if done, err := b.runTasks(full); !done || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// placeCut decides about a version whose references the target does not have all, in a release that cuts them.
func (b *batch) placeCut(e *entry, base *outgoing, missing []stix.ID) error {
	if !b.final {
		b.report(e, Waits, nil, missing[0])
		b.putOff(e.position, false, b.rejudging)
		return nil
	}
	out, err := b.cut(e, base, missing)
	if err != nil {
		return err
	}
	if out != nil {
		return b.release(e, out)
	}
	b.report(e, Waits, nil, missing[0])
	b.waitForAny(e, missing)
	return b.takeBack(e, fmt.Sprintf("it refers to %s, which is not there, and is no valid object without", b.ids.to(missing[0])))
}

// waitForAny records that a version waits until one of several objects arrives.
func (b *batch) waitForAny(e *entry, missing []stix.ID) {
	b.wait(e, missing[0])
	for _, id := range missing[1:] {
		b.state.put(waitList(id), positionWord(e.position))
	}
}

// takeBack withdraws a version that cannot go without a reference.
func (b *batch) takeBack(e *entry, reason string) error {
	return b.withdraw(e.id(), withdrawal{pick: func(v *targetVersion) bool { return v.of(e) }, reason: reason, mayReturn: b.rejudging || b.byTerms})
}

// replace withdraws the copy that the target has of a version, if the new one has another text, and reports whether it did.
func (b *batch) replace(e *entry, out *outgoing, present *targetVersion) (bool, error) {
	if present.digest == out.digest || present.others || out.original == (journal.Digest{}) && present.sealed == (journal.Digest{}) {
		return false, nil
	}
	if present.position > 0 {
		text, err := b.target.Text(present.position, present.recorded)
		if err != nil || text == nil || stix.SameContent(text, out.object.Raw()) {
			return false, err
		}
	}
	err := b.withdraw(e.id(), withdrawal{
		pick: func(v *targetVersion) bool { return v.key == present.key }, by: e.position, mayReturn: true, replaced: true,
		reason: "another copy of it takes its place",
	})
	return err == nil, err
}

// fill has the versions that went without a reference to an object go with it.
func (b *batch) fill(t *task, full func() bool) (bool, error) {
	return b.each(t, cutList(t.id), full, func(word string) error {
		b.state.unset(cutList(t.id) + word)
		b.putOff(positionOf(word), false, false)
		return nil
	})
}

// copyAnew has a version that the target has go anew, without what it can no longer refer to, and reports whether the source
// still has it.
func (b *batch) copyAnew(id stix.ID, key string, byTerms bool) (bool, error) {
	h, err := b.targetObject(id)
	if err != nil {
		return false, err
	}
	v := h.find(key)
	if v == nil || !v.ours {
		return v == nil, nil
	}
	versions, err := b.source.Versions(id)
	if err != nil {
		return false, err
	}
	for _, s := range versions {
		if s.Position <= b.position && (versionKey(s.Entry) == key || s.Position == v.from) {
			b.putOff(s.Position, true, byTerms)
			return true, nil
		}
	}
	return false, nil
}

// notes says what a version goes without.
func (out *outgoing) notes() (list []agreement.Refusal) {
	for _, text := range out.changes {
		list = append(list, agreement.Refusal{Term: "release.change", Message: text})
	}
	for i, id := range out.without {
		if i == mostNotes {
			list = append(list, agreement.Refusal{Term: "release.references", Message: fmt.Sprintf("and without those to %d others", len(out.without)-i)})
			break
		}
		list = append(list, agreement.Refusal{Term: "release.references", Message: fmt.Sprintf("without its reference to %s, which is not there", id)})
	}
	return list
}

// mostNotes bounds how many references that a version goes without are named.
const mostNotes = 5
