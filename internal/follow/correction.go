package follow

import (
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// A correction replaces the text of a version at the source: an entry that removes the old text and, right after it, one that
// adds the new. The first is passed over, the second decides what becomes of the version in the target.

// superseded reports whether the text that an entry added has been replaced since: it decides about nothing any more.
func (b *batch) superseded(e *entry) (bool, error) {
	if e.present || e.recorded.Version == "" {
		return false, nil
	}
	now, ok, err := b.source.VersionOf(e.recorded)
	if err != nil || !ok || now.Act != journal.ActCorrect {
		return false, err
	}
	b.stopWaiting(e)
	b.report(e, Corrected, nil, "")
	return true, nil
}

// lift ends what the old text of a corrected version kept back: it may have been above the ceiling.
func (b *batch) lift(e *entry) error {
	if e.recorded.Act != journal.ActCorrect || !e.present {
		return nil
	}
	id := e.id()
	lifted := false
	if !b.state.nothing(prefixUnsure) {
		for _, word := range b.state.words(unsureList(id)) {
			if at, p := word[:max(len(word)-8, 0)], positionOf(word[max(len(word)-8, 0):]); at == e.at && p < e.position {
				b.state.unset(unsureList(id) + word)
				lifted = true
			}
		}
	}
	if over, _ := b.state.about(prefixOver, id); string(over) == e.at {
		at, err := b.over(id, e.position)
		if err != nil {
			return err
		}
		if at == "" {
			b.state.unset(prefixOver + string(id))
		} else {
			b.state.set(prefixOver+string(id), []byte(at))
		}
		lifted = true
	}
	if lifted {
		b.tasks = append(b.tasks, task{kind: taskRetry, id: id})
	}
	return nil
}

// over returns the instant of the newest stored version of an object that is above the ceiling for good, except the one added
// at a position; "" for none.
func (b *batch) over(id stix.ID, except journal.Position) (at string, err error) {
	versions, err := b.source.Versions(id)
	if err != nil {
		return "", err
	}
	for _, v := range versions {
		if v.Position == except || v.Position > b.position {
			continue
		}
		other, err := readEntry(b.source, v.Position)
		if err != nil {
			return "", err
		}
		d := b.judge(other, false)
		if len(d.Depends) == 0 && slices.ContainsFunc(d.Refusals, func(r agreement.Refusal) bool { return r.Marking }) {
			at = max(at, other.at)
		}
	}
	return at, nil
}

// withdrawOld withdraws the old text of a corrected version if the new one has not taken its place: it has to wait, be approved, or
// does not go at all. The version comes back by the new text.
func (b *batch) withdrawOld(e *entry) error {
	if e.recorded.Act != journal.ActCorrect {
		return nil
	}
	return b.withdraw(e.id(), withdrawal{
		pick: func(v *targetVersion) bool {
			if v.from == 0 || v.from == e.position {
				return false
			}
			rec, err := b.source.Entry(v.from)
			return err == nil && rec.Object == e.recorded.Object && versionKey(rec) == e.key
		}, by: e.position, mayReturn: true,
		reason: "corrected at the source; the new text has yet to go",
	})
}

// isCorrection reports whether a version that goes replaces the text that the release brought before. Where one of them is a copy,
// replace does that.
func isCorrection(e *entry, out *outgoing, present *targetVersion) bool {
	return present != nil && present.ours && present.from != e.position && e.recorded.Act == journal.ActCorrect &&
		out.original == (journal.Digest{}) && present.sealed == (journal.Digest{})
}

// refersNo reports that a version of the target, by the text that the source has now, no longer refers to an object: the
// reference was its old text's.
func (b *batch) refersNo(v *targetVersion, to stix.ID) bool {
	if v.from == 0 || b.source == nil {
		return false
	}
	if rec, err := b.source.Entry(v.from); err != nil || rec.Act != journal.ActCorrect {
		return false
	}
	e, err := readEntry(b.source, v.from)
	return err == nil && e.present && !slices.Contains(e.references, to)
}
