package follow

import (
	"fmt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// A conflict is a version that a release would add and under which the target has other content, of an account or of another
// release. It is not there: it is counted and shown, nothing that refers to it goes because of it, and it is tried again
// when the other content is removed.

// conflict returns what is wrong with a version of the target that a release did not bring; "" if its content is that of e.
func (b *batch) conflict(e *entry, present *targetVersion) (string, error) {
	if present.digest == e.recorded.Digest || present.position == 0 {
		return "", nil
	}
	text, err := b.target.Text(present.position, present.recorded)
	if err != nil || text == nil || stix.SameContent(text, e.object.Raw()) {
		return "", err
	}
	by := "another release"
	if present.recorded.Source.IsZero() {
		by = "the party " + present.recorded.Party
	}
	return fmt.Sprintf("the agreement %s has other content under this version, added by %s on %s; an operator can remove it",
		b.terms.Name, by, present.recorded.At.Format("2006-01-02T15:04:05Z")), nil
}

// noteConflict records a conflict.
func (b *batch) noteConflict(e *entry, reason string) {
	b.stopWaiting(e)
	b.state.putValue(conflictList(e.id()), positionWord(e.position), []byte(reason))
	if b.observe != nil {
		b.observe(e.position, &e.recorded, Conflicts, []string{reason}, "")
	}
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

// lostIn lists the additions of a batch that the target did not take.
func lostIn(changes []store.Change, outcomes []store.Outcome) (list []lost) {
	for i, o := range outcomes {
		if add := changes[i].Add; add != nil && o.Kind != store.Added && o.Kind != store.Already && o.Kind != store.Gone {
			list = append(list, lost{add.Object.ID, add.Source.Position})
		}
	}
	return list
}

// conflicts counts the versions of a release that are in conflict with the target.
func (r route) conflicts() (n int, err error) {
	err = r.target.Snapshot(func(target *store.Snapshot) error {
		n = len(newState(target, r.name).words(prefixConflict))
		return nil
	})
	return n, err
}
