package follow

import (
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

// releaseNeeds releases first what an object needs, whatever the types of the rule. A needed object that is above the
// ceiling or has not arrived yet does not hold the object back; it is released when it can be.
func (b *batch) releaseNeeds(e *entry) error {
	creator := creatorOf(e.object)
	for _, id := range e.needs {
		if b.aided[id] || b.hides() && id == creator {
			continue
		}
		b.aided[id] = true
		if _, known := b.state.about(prefixAid, id); known {
			continue
		}
		b.state.set(prefixAid+string(id), nil)
		versions, err := b.needed(id)
		if err != nil {
			return err
		}
		for _, e := range versions {
			if err := b.place(e); err != nil {
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
	for _, v := range slices.Backward(vs) {
		e, err := readEntry(b.source, v.Position)
		if err != nil {
			return nil, err
		}
		if from, err := b.cameThrough(e); from || err != nil {
			return nil, err
		}
		d := b.judge(e, true)
		b.depend(e, d)
		if slices.ContainsFunc(d.Refusals, func(r agreement.Refusal) bool { return r.Marking }) {
			b.block(e, d)
		}
		if b.blocked(e) {
			break
		}
		if e.present && len(d.Refusals) == 0 {
			versions = append(versions, e)
		}
	}
	slices.Reverse(versions)
	return versions, nil
}
