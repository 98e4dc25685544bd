package validate

import (
	"fmt"

	"github.com/accord-taxii/accord/stix/ijson"
)

// markingCircle reports marking definitions that mark themselves through others (directly: S-062).
func markingCircle(a *across) {
	c := circles{a: a, number: map[int]int{}, low: map[int]int{}, group: map[int]int{}}
	for i := range a.members {
		if a.members[i].is("marking-definition") && (a.members[i].markedRefs >= 0 || a.members[i].markedParts >= 0) {
			c.visit(i)
		}
	}
	for i := range a.members {
		if !a.members[i].is("marking-definition") {
			continue
		}
		for _, e := range a.markings(i) {
			if e.to != i && c.group[e.to] != 0 && c.group[e.to] == c.group[i] {
				a.report(i, e.path, "%s leads back to this marking definition; markings of markings may not form a circle", shorten(a.members[e.to].id))
			}
		}
	}
}

// marking is a reference from one marking definition to another among the objects.
type marking struct {
	path string
	to   int
}

// markings returns the marking definitions among the objects that mark the member.
func (a *across) markings(place int) []marking {
	var found []marking
	m := &a.members[place]
	add := func(ref int, path func() string) {
		if a.t.Kind(ref) != ijson.String {
			return
		}
		if to, ok := a.byID[string(a.t.Bytes(ref))]; ok && a.members[to].is("marking-definition") {
			found = append(found, marking{path(), to})
		}
	}
	n := 0
	for ref := range a.t.Items(m.markedRefs) {
		add(ref, func() string { return fmt.Sprintf("/object_marking_refs/%d", n) })
		n++
	}
	n = 0
	for part := range a.t.Items(m.markedParts) {
		add(a.t.Member(part, "marking_ref"), func() string { return fmt.Sprintf("/granular_markings/%d/marking_ref", n) })
		n++
	}
	return found
}

// circles finds the strongly connected groups of marking definitions (Tarjan's algorithm, without recursion: a chain of
// markings may be as long as the input).
type circles struct {
	a           *across
	number, low map[int]int // from 1 on
	open        []int       // visited and not yet in a group
	group       map[int]int // of those in a group; from 1
	groups      int
}

// step is a marking definition being visited, and how many of its markings were followed.
type step struct {
	place int
	edges []marking
	next  int
}

func (c *circles) visit(start int) {
	if c.number[start] != 0 {
		return
	}
	path := []step{c.enter(start)}
	for len(path) > 0 {
		s := &path[len(path)-1]
		if s.next < len(s.edges) {
			to := s.edges[s.next].to
			s.next++
			switch {
			case c.number[to] == 0:
				path = append(path, c.enter(to))
			case c.group[to] == 0:
				c.low[s.place] = min(c.low[s.place], c.number[to])
			}
			continue
		}
		place := s.place
		path = path[:len(path)-1]
		if len(path) > 0 {
			above := path[len(path)-1].place
			c.low[above] = min(c.low[above], c.low[place])
		}
		if c.low[place] == c.number[place] {
			c.close(place)
		}
	}
}

func (c *circles) enter(place int) step {
	c.number[place] = len(c.number) + 1
	c.low[place] = c.number[place]
	c.open = append(c.open, place)
	return step{place: place, edges: c.a.markings(place)}
}

// close makes a group of everything opened since place.
func (c *circles) close(place int) {
	c.groups++
	for {
		last := c.open[len(c.open)-1]
		c.open = c.open[:len(c.open)-1]
		c.group[last] = c.groups
		if last == place {
			return
		}
	}
}
