package cluster

import (
	"maps"
	"slices"
	"time"
)

// claims are what other nodes say of how far the log is. A follower cannot know who is right, so what one says counts as long as it is
// asked: a node that has said too much makes a follower stale until another one gives the log.
type claims struct {
	giver uint64            // the node that gives the log
	of    map[uint64]uint64 // by member
}

// gives notes how far the log is as the node says that gives it. It reports whether something that was said before does not count any
// more: then neither does what contact it had.
func (c *claims) gives(from, place uint64) (less bool) {
	if from != c.giver {
		delete(c.of, c.giver)
		c.giver, less = from, true
	}
	less = less || place < c.of[from]
	c.of[from] = place
	return less
}

// says notes what a node says that was asked.
func (c *claims) says(from, place uint64) { c.of[from] = max(c.of[from], place) }

// keep forgets what others say than these and the one that gives the log.
func (c *claims) keep(these []Member) {
	maps.DeleteFunc(c.of, func(id, _ uint64) bool {
		return id != c.giver && !slices.ContainsFunc(these, func(m Member) bool { return m.ID == id })
	})
}

// furthest returns how far the log is if all are right.
func (c *claims) furthest() (place uint64) {
	for _, one := range c.of {
		place = max(place, one)
	}
	return place
}

// asked takes what a node says that was asked how far the log is.
func (f *following) asked(m Member, place uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.claims.says(m.ID, place)
	f.knows(f.node.config.Now())
	f.publish()
}

// knows takes how far the log is as others say now. The caller holds f.mu.
func (f *following) knows(at time.Time) {
	f.claims.keep(f.trust.voters())
	place := max(f.claims.furthest(), f.view.handed)
	f.view.committed = place
	list := slices.Clone(f.view.behind)                    // others read the one that was published
	for len(list) > 0 && list[len(list)-1].place > place { // what was said then does not count any more
		list = list[:len(list)-1]
	}
	switch last := len(list) - 1; {
	case last < 0 && place <= f.mark:
		f.view.fresh = later(f.view.fresh, f.view.contact)
	case last >= 0 && list[last].place >= place:
		list[last].contact = f.view.contact
	case last >= 0 && at.Sub(list[last].at) < tickTime: // a sample a tick, no younger than any of that time
		list[last].place = place
	default:
		list = append(list, sample{place, at, f.view.contact})
	}
	f.view.behind = list
}
