package validate

import (
	"bytes"
	"slices"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// versionRules lists the rules on several versions of one object, and on what one producer names (sections 2.9 and 3.6).
var versionRules = []Rule{
	refusing(between("S-201", must, "3.6", "Two objects with one id and one modified have one content, but for defaults that are left out; the second content is refused.", sameVersionSameContent)),
	between("S-202", mustNot, "3.2, 3.6", "created differs between versions of an object.", createdKept),
	between("S-203", mustNot, "3.5, 3.6", "created_by_ref differs between versions of an object.", creatorKept),
	between("S-204", mustNot, "3.2, 3.6", "A version later than one that is revoked.", nothingAfterRevoked),
	refusing(between("S-205", mustNot, "7.2.1", "Two marking definitions with one id and different content; where created differs as well, a warning.", markingKept)),
	between("S-206", mustNot, "2.9", "One UUID under two object types from one producer.", oneUUIDOneType),
}

// between returns a row for a rule on several objects that came together.
func between(id string, level Level, section, summary string, check func(*across)) Rule {
	return Rule{ID: id, Level: level, Severity: Warning, Layer: layerCross, Section: section, Summary: summary, across: check}
}

// refusing returns the row of a rule that the server also checks, so that breaking it is an error.
func refusing(r Rule) Rule {
	r.Severity = Error
	return r
}

// versionsOf yields, for each id that several members have, their indexes in the order of the input.
func (a *across) versionsOf(yield func(places []int)) {
	var places []int
	for i := range a.members {
		m := &a.members[i]
		if m.earlier < 0 || a.byID[string(m.id)] != i {
			continue
		}
		places = places[:0]
		for k := i; k >= 0; k = a.members[k].earlier {
			places = append(places, k)
		}
		slices.Reverse(places)
		yield(places)
	}
}

func sameVersionSameContent(a *across) {
	a.versionsOf(func(places []int) {
		if !a.members[places[0]].is("marking-definition") { // S-205
			a.oneContent(places, func(place, node int) {
				name := a.t.Bytes(node - 1)
				a.say(Error, place, "/"+string(name), "an object before has this id and this %s, %s, and other content; the server stores one text of a version and refuses this one, "+
					"a change needs a later modified", name, a.show(node))
			})
		}
	})
}

// oneContent calls conflict for each object whose version an earlier object has with other content. The server stores
// the first valid one.
func (a *across) oneContent(places []int, conflict func(place, node int)) {
	type version struct{ instant, spec string }
	first := map[version]int{} // its place
	contents := map[int][]byte{}
	content := func(place int) []byte {
		c, ok := contents[place]
		if !ok {
			c = a.content(&a.members[place])
			contents[place] = c
		}
		return c
	}
	validity := map[int]bool{}
	valid := func(place int) bool {
		v, ok := validity[place]
		if !ok {
			v = a.valid(&a.members[place])
			validity[place] = v
		}
		return v
	}
	for _, place := range places {
		node, spec := a.storedAs(&a.members[place])
		if node < 0 {
			continue
		}
		at := a.time(node)
		v := version{string(at[:19]) + string(bytes.TrimRight(fraction(at), "0")), spec}
		held, ok := first[v]
		switch {
		case !ok:
			first[v] = place
		case bytes.Equal(content(held), content(place)):
		case !valid(held):
			first[v] = place
		default:
			conflict(place, node)
		}
	}
}

// compareModified compares timestamps. A missing timestamp is less than any other.
func compareModified(x, y []byte) int {
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return -1
	case y == nil:
		return 1
	}
	return compareTimes(x, y)
}

func createdKept(a *across) {
	a.versionsOf(func(places []int) {
		if a.members[places[0]].is("marking-definition") {
			return // S-205
		}
		first := -1
		for _, place := range places {
			created := a.members[place].created
			switch {
			case a.time(created) == nil:
			case first < 0:
				first = created
			case !a.sameTime(first, created):
				a.report(place, "/created", "created is %s, and %s in another version of the object here; it never changes", a.show(created), a.show(first))
			}
		}
	})
}

func creatorKept(a *across) {
	a.versionsOf(func(places []int) {
		first := -1
		for _, place := range places {
			creator := a.members[place].createdBy
			switch {
			case a.str(creator) == nil:
			case first < 0:
				first = creator
			case !bytes.Equal(a.str(first), a.str(creator)):
				a.report(place, "/created_by_ref", "created_by_ref is %s, and %s in another version of the object here; only its creator makes versions of an object",
					a.show(creator), a.show(first))
			}
		}
	})
}

func nothingAfterRevoked(a *across) {
	a.versionsOf(func(places []int) {
		var end []byte
		for _, place := range places {
			m := &a.members[place]
			if at := a.time(m.modified); a.t.Kind(m.revoked) == ijson.True && at != nil && (end == nil || compareTimes(at, end) < 0) {
				end = at
			}
		}
		if end == nil {
			return
		}
		for _, place := range places {
			if at := a.time(a.members[place].modified); at != nil && compareTimes(at, end) > 0 {
				a.report(place, "/modified", "the version of %s is later than that of %s, which revoked the object for good", at, end)
			}
		}
	})
}

func markingKept(a *across) {
	a.versionsOf(func(places []int) {
		first := &a.members[places[0]]
		if !first.is("marking-definition") {
			return
		}
		a.oneContent(places, func(place, _ int) {
			a.say(Error, place, "/id", "a marking definition before has this id and other content; marking definitions have no versions, another content needs another id")
		})
		for _, place := range places[1:] {
			if m := &a.members[place]; a.time(first.created) != nil && a.time(m.created) != nil && !a.sameTime(first.created, m.created) {
				a.report(place, "/id", "a marking definition before has this id and was created %s, this one %s; marking definitions have no versions, another content needs another id",
					a.show(first.created), a.show(m.created))
			}
		}
	})
}

func oneUUIDOneType(a *across) {
	type key struct{ uuid, creator string }
	first := map[key][]byte{}
	for i := range a.members {
		m := &a.members[i]
		creator := a.str(m.createdBy)
		typ, uuid, ok := splitID(m.id)
		if !ok || creator == nil || stix.CategoryOf(string(typ)) == stix.SCO {
			continue
		}
		k := key{string(uuid), string(creator)}
		if other, seen := first[k]; !seen {
			first[k] = typ
		} else if !bytes.Equal(other, typ) {
			a.report(i, "/id", "%s has the UUID of a %s of the same creator here; each object has one of its own", shorten(m.id), other)
		}
	}
}
