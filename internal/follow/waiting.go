package follow

import (
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

// A version that refers to objects which the target does not have waits. It waits for one of them at a time, drawn at
// random: whatever order they arrive in, a version with n references is looked at about log n times, not n times.
//
// Objects may refer to each other in a circle, as processes do to parent and children. A version that waits only for
// objects with waiting versions goes together with them once nothing else is missing.

// mostInCircle bounds how many versions are released together because they refer to each other.
const mostInCircle = 128

// place releases a version that the terms allow, or lets it wait for what it refers to.
func (b *batch) place(e *entry) error {
	c, err := b.base(e)
	if err != nil {
		return err
	}
	if c.out == nil && c.waits != "" {
		b.awaitAuthor(e, c.waits)
		return nil
	}
	if c.out == nil {
		return b.refuseChange(e, c.why)
	}
	base := c.out
	missing := b.missing(e, base)
	if len(missing) == 0 {
		return b.release(e, base)
	}
	b.report(e, Waits, nil, missing[0])
	var absent []stix.ID // no version waits either
	for _, id := range missing {
		if !b.state.has(pendingList(id)) {
			absent = append(absent, id)
		}
	}
	if len(absent) == 0 {
		circle, lacking, err := b.circle(member{e, base, missing})
		if err != nil {
			return err
		}
		if len(circle) > 0 {
			for _, m := range circle {
				if err := b.release(m.entry, m.base); err != nil {
					return err
				}
			}
			return nil
		}
		absent = lacking
	}
	if b.cuttable(e) {
		return b.placeCut(e, base, missing)
	}
	if len(absent) == 0 {
		absent = missing
	}
	if b.rejudging || b.final && b.ids != nil { // it may have gone without its references, by the terms before or for its author
		if err := b.takeBack(e, fmt.Sprintf("it refers to %s, which is not there", b.ids.to(missing[0]))); err != nil {
			return err
		}
	}
	b.wait(e, absent[b.draw(len(absent))])
	return nil
}

// awaitAuthor reports that a version waits for the identity of its author. It is judged again when that comes; see dependOnAuthor.
func (b *batch) awaitAuthor(e *entry, id stix.ID) {
	b.stopWaiting(e)
	b.report(e, Held, []agreement.Refusal{{Term: "release.change.author", Message: fmt.Sprintf(
		"the identity %s of its author is not in the agreement, so what else names the author is unknown", id)}}, "")
}

// missing lists the objects that a version refers to and the target does not have.
func (b *batch) missing(e *entry, base *outgoing) (ids []stix.ID) {
	for _, id := range base.references {
		if id != e.id() && !b.holds(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// wait records that a version waits for an object.
func (b *batch) wait(e *entry, on stix.ID) {
	b.stopWaiting(e)
	word := positionWord(e.position)
	b.state.putValue(pendingList(e.id()), word, []byte(on))
	b.state.put(waitList(on), word)
}

// stopWaiting forgets that a version waits, or is in conflict.
func (b *batch) stopWaiting(e *entry) {
	b.settleConflict(e)
	b.stopHolding(e.position, e.recorded.At)
	if b.state.nothing(prefixPending) {
		return
	}
	word := positionWord(e.position)
	if on, waits := b.state.get(pendingList(e.id()) + word); waits {
		b.state.unset(pendingList(e.id()) + word)
		b.state.unset(waitList(stix.ID(on)) + word)
	}
}

// member is a version that may be released together with others.
type member struct {
	*entry
	base    *outgoing
	missing []stix.ID
}

// circle returns the versions that can be released together with the first, it among them, because they refer only to each other
// and to what the target has. If there are none, lacking lists the objects that keep them back; it is empty too if more
// versions hang together than mostInCircle.
func (b *batch) circle(first member) (together []member, lacking []stix.ID, err error) {
	members := []member{first}
	looked := map[stix.ID]bool{first.id(): true}
	for i := 0; i < len(members); i++ {
		for _, id := range members[i].missing {
			if looked[id] {
				continue
			}
			looked[id] = true
			waiting := b.state.words(pendingList(id))
			if len(waiting) == 0 {
				lacking = append(lacking, id)
			}
			for _, word := range waiting {
				if len(members) == mostInCircle {
					return nil, nil, nil
				}
				other, err := readEntry(b.source, positionOf(word))
				if err != nil {
					return nil, nil, err
				}
				if !other.present || b.refused(other) {
					continue // its removal, or another judgement, comes later
				}
				c, err := b.base(other)
				if err != nil {
					return nil, nil, err
				}
				if c.out != nil {
					members = append(members, member{other, c.out, b.missing(other, c.out)})
				}
			}
		}
	}
	members = closed(members)
	if !slices.ContainsFunc(members, func(m member) bool { return m.position == first.position }) {
		return nil, lacking, nil
	}
	return members, nil, nil
}

// closed returns those of the members that refer only to each other: the largest such set.
func closed(members []member) []member {
	for {
		there := make(map[stix.ID]bool, len(members))
		for _, m := range members {
			there[m.id()] = true
		}
		kept := slices.DeleteFunc(slices.Clone(members), func(m member) bool {
			return slices.ContainsFunc(m.missing, func(id stix.ID) bool { return !there[id] })
		})
		if len(kept) == len(members) {
			return kept
		}
		members = kept
	}
}
