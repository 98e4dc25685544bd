package follow

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// A conflict is a version that a release would add and under which the target has other content, of an account or of another
// release, or whose object belongs to a member of the target. It is not there: it is counted and shown, nothing that refers to
// it goes because of it, and it is tried again when the other content is removed. An object without versions whose content lies
// beside another one, which came first, is there and in conflict all the same: readers of the last version get the other.

// conflict returns what is wrong with a version of the target that a release did not bring; "" if its content is what goes.
func (b *batch) conflict(out *outgoing, present *targetVersion) (string, error) {
	if present.digest == out.digest || present.position == 0 {
		return "", nil
	}
	text, err := b.target.Text(present.position, present.recorded)
	if err != nil || text == nil || stix.SameContent(text, out.object.Raw()) {
		return "", err
	}
	by := "another release"
	if present.recorded.Source.IsZero() {
		by = "the party " + present.recorded.Party
	}
	return fmt.Sprintf("the agreement %s has other content under this version, added by %s on %s; an operator can remove it",
		b.terms.Name, by, present.recorded.At.UTC().Format(time.RFC3339)), nil
}

// heldBack reports whether a version that the target does not have has to stay, and records why: the object belongs to a
// member there, or the version lies beside the object's own.
func (b *batch) heldBack(e *entry, out *outgoing, h *targetObject) (bool, error) {
	ours := slices.ContainsFunc(h.versions, func(v targetVersion) bool { return v.ours })
	if e.recorded.Version == "" {
		if !ours {
			return false, nil
		}
		first, err := b.beside(e)
		if err == nil && first != "" {
			b.report(e, Refused, []agreement.Refusal{{Term: "release", Message: first}}, "")
		}
		return first != "", err
	}
	if ours {
		return false, nil
	}
	reason, err := b.foreign(e, out, h)
	if err == nil && reason != "" {
		b.noteConflict(e, reason)
	}
	return reason != "", err
}

// beside says whose text of an unversioned object the source had first, if a version is not of the same contributor: in
// the target both would be the release's, and the later one the object's latest.
func (b *batch) beside(e *entry) (string, error) {
	versions, err := b.source.Versions(e.id())
	if err != nil || len(versions) == 0 {
		return "", err
	}
	first := versions[0]
	for _, v := range versions[1:] {
		if v.Position < first.Position {
			first = v
		}
	}
	if first.Entry.Party == e.recorded.Party && first.Entry.Source.Collection == e.recorded.Source.Collection {
		return "", nil
	}
	by := "another release"
	if first.Entry.Source.IsZero() {
		by = "the party " + first.Entry.Party
	}
	return "the object has other content, added first by " + by + ", and only that goes", nil
}

// foreign says why the target will not take a version, because the object, or the identity that it names as its creator,
// belongs to a party there; "" if it does not. The store decides: where this is silent, see lost.
func (b *batch) foreign(e *entry, out *outgoing, h *targetObject) (string, error) {
	if len(h.versions) > 0 && b.terms.Accept.Versions != agreement.VersionsAny {
		owner, ok, err := b.target.OwnerOf(out.object.ID)
		if err != nil {
			return "", err
		}
		if ok && owner.Source == (uuid.UUID{}) && owner.Party != "" && owner.Party != b.owner(e) {
			return fmt.Sprintf("in the agreement %s this object belongs to the party %s; an operator can remove what it added",
				b.terms.Name, owner.Party), nil
		}
	}
	if b.observe == nil {
		return "", nil
	}
	return b.foreignCreator(e, out), nil
}

// foreignCreator says why the target will not take a version because of the identity that it names as its creator, or is.
func (b *batch) foreignCreator(e *entry, out *outgoing) string {
	t := out.object.Tree
	creator := stix.ID(t.Str(t.Member(t.Root(), "created_by_ref")))
	if party := b.terms.PartyOf(creator); party != "" && party != b.owner(e) && !b.terms.Accept.Relay {
		return fmt.Sprintf("created_by_ref is the identity of the party %s, and the agreement %s takes that from it alone (accept.relay)",
			party, b.terms.Name)
	}
	if party := b.terms.PartyOf(out.object.ID); party != "" && party != b.owner(e) {
		return fmt.Sprintf("in the agreement %s this is the identity of the party %s", b.terms.Name, party)
	}
	return ""
}

// noteConflict records a conflict.
func (b *batch) noteConflict(e *entry, reason string) {
	b.stopWaiting(e)
	b.state.putValue(conflictList(e.id()), positionWord(e.position), []byte(reason))
	if b.observe != nil {
		b.observe(e.position, &e.recorded, Conflicts, []string{reason}, "")
	}
}

// shadowedBy returns the version of an object without versions that another contributor had added to the target before: readers of
// the last version are given that, though the released content is there. ours is nil for content that the batch adds.
func (b *batch) shadowedBy(h *targetObject, ours *targetVersion) *targetVersion {
	var first *targetVersion
	for i := range h.versions {
		v := &h.versions[i]
		if v == ours || v.version != "" || v.ours || v.position == 0 || ours != nil && ours.position > 0 && v.position > ours.position {
			continue
		}
		if first == nil || v.position < first.position {
			first = v
		}
	}
	return first
}

// noteShadow records that a version which the target has is in conflict with another content of its object.
func (b *batch) noteShadow(e *entry, by *targetVersion) {
	if e.recorded.Version != "" || by == nil {
		return
	}
	who := "another release"
	if by.recorded.Source.IsZero() {
		who = "the party " + by.recorded.Party
	}
	reason := fmt.Sprintf("it lies beside other content of the object, which %s added first, on %s, and which readers of the last version are given; an operator can remove that",
		who, by.recorded.At.UTC().Format(time.RFC3339))
	b.state.putValue(conflictList(e.id()), positionWord(e.position), []byte(reason))
	if b.observe != nil {
		b.observe(e.position, &e.recorded, Conflicts, []string{reason}, "")
	}
}

// watchShadow looks whether content that a member added to the target came before that of the release.
func (b *batch) watchShadow(id stix.ID) error {
	h, err := b.targetObject(id)
	if err != nil {
		return err
	}
	for i := range h.versions {
		v := &h.versions[i]
		if !v.ours || v.from == 0 || b.shadowedBy(h, v) == nil {
			continue
		}
		e, err := readEntry(b.source, v.from)
		if err != nil {
			return err
		}
		b.noteShadow(e, b.shadowedBy(h, v))
	}
	return nil
}

// settleConflict forgets a conflict that is over.
func (b *batch) settleConflict(e *entry) {
	if b.state.nothing(prefixConflict) {
		return
	}
	key := conflictList(e.id()) + positionWord(e.position)
	if _, was := b.state.get(key); was {
		b.state.unset(key)
	}
}

// inConflict reports whether the target has an object only as others have it, against what the source says.
func (b *batch) inConflict(id stix.ID) bool {
	if !b.state.has(conflictList(id)) {
		return false
	}
	h, err := b.targetObject(id)
	if err != nil {
		return true // the next question about it reports the error
	}
	for i := range h.versions {
		if h.versions[i].ours {
			return false
		}
	}
	return true
}

// lost is an addition that the target refused though the plan expected none to be there: others were faster.
type lost struct {
	id       stix.ID
	position journal.Position
}

// lostID returns the object of the source that was lost.
func (b *batch) lostID(l lost) (stix.ID, error) {
	if b.ids == nil || l.id == b.actingID() {
		return l.id, nil
	}
	e, err := b.source.Entry(l.position)
	return stix.ID(e.Object), err
}

// lostIn lists the additions of a batch that the target did not take.
func lostIn(changes []store.Change, outcomes []store.Outcome) (list []lost) {
	for i, o := range outcomes {
		if add := changes[i].Add; add != nil && o.Kind != store.Added && o.Kind != store.Already && o.Kind != store.Corrected && o.Kind != store.Gone {
			list = append(list, lost{add.Object.ID, add.Source.Position})
		}
	}
	return list
}
