package follow

import (
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// lookBack is how many entries of a target's own journal one step examines.
const lookBack = 5000

// watchOthers examines what accounts and other releases have done to the target since the last step: it wakes versions that
// wait for an object which arrived, and withdraws versions that refer to one which left. It returns the position up to which
// the target's journal has been examined, and whether that is its end. The first time it examines what waits instead.
func (m *Manager) watchOthers(b *batch) (seen journal.Position, all bool, err error) {
	length, err := b.target.Length()
	if err != nil {
		return 0, false, err
	}
	seen, known := m.seenOf(b.route)
	if !known {
		var kept []byte
		kept, known = b.state.get(keySeen)
		seen = positionOf(string(kept))
	}
	if !known || seen > length {
		for _, id := range b.state.waitedFor() {
			if b.target.Holds(id) {
				b.tasks = append(b.tasks, task{kind: taskWake, id: id})
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
		if e.Source.Collection != b.route.source.ID() {
			if err := b.watchOther(e); err != nil {
				return 0, false, err
			}
		}
	}
	return seen, seen >= length, nil
}

// watchOther examines one entry of the target. What its retention deleted has aged, and is not taken back: what speaks of it
// may stay.
func (b *batch) watchOther(e journal.Entry) error {
	there := stix.ID(e.Object)
	id, err := b.hereOf(e)
	if err != nil {
		return err
	}
	left := e.Kind == journal.Withdrawn || e.Kind == journal.Deleted && (e.Account != "" || e.Act != "") // not by retention
	if (e.Kind == journal.Withdrawn || e.Kind == journal.Deleted) && b.state.has(conflictList(id)) {
		b.tasks = append(b.tasks, task{kind: taskResolve, id: id})
	}
	if e.Kind == journal.Deleted && e.Account != "" && e.Act == "" && b.source.Holds(id) {
		b.tasks = append(b.tasks, task{kind: taskRetry, id: id}) // a member deleted what the release brings, too
	}
	switch {
	case e.Kind == journal.Added:
		b.arrived(id, &targetObject{})
		if e.Version == "" {
			return b.watchShadow(id)
		}
	case left && !b.target.Holds(there) && b.state.has(referList(id)):
		b.tasks = append(b.tasks, task{kind: taskCascade, id: id})
	}
	return nil
}
