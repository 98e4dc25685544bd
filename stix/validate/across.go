package validate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// Across checks objects that came together, in one bundle, envelope, list or file, against each other: the versions of
// one object, and the references between the objects (rules S-201 to S-219). objects holds their nodes in t. References
// to other objects are not checked. The result maps an index in objects to the findings of that object; it is nil if
// there are none. All are warnings, except for an object whose identifier and version an earlier object has with other
// content, which the server refuses.
func Across(t *ijson.Tree, objects []int, opts Options) map[int][]Finding {
	if len(objects) < 2 {
		return nil
	}
	a := &across{m: the, t: t, opts: opts, judge: isValid, byID: make(map[string]int, len(objects))}
	a.gather(objects)
	for i := range a.m.rules {
		if r := &a.m.rules[i]; r.across != nil {
			a.rule = r
			r.across(a)
		}
	}
	return a.found
}

// Join merges the findings of [Object] and [Across] for one object: errors first, each severity in the order of the
// rule table, at most Options.MaxFindings.
func Join(own, more []Finding, opts Options) []Finding {
	if len(more) == 0 {
		return own
	}
	all := slices.Concat(own, more)
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Rule, b.Rule))
	})
	most := opts.MaxFindings
	if most <= 0 {
		most = DefaultMaxFindings
	}
	return all[:min(len(all), most)]
}

// member is one of several objects: the nodes of the properties that the rules between objects use, -1 for those it
// does not have.
type member struct {
	node                   int
	typ, id                []byte // nil if not strings
	created, modified      int
	spec                   int
	createdBy, revoked     int
	extensions, markedRefs int
	markedParts            int
	earlier                int // index of the previous member with the same id, or -1
}

// across is the state of Across.
type across struct {
	m       *model
	t       *ijson.Tree
	opts    Options
	judge   func(text []byte, opts Options) bool // isValid; a field, because the table of rules cannot refer to itself
	members []member
	byID    map[string]int // id -> index of its last member

	// What several members use is sorted or indexed once, so that the time does not grow with the product of both.
	sorted  map[int][]int           // index of an id's last member -> indexes of its members, by modified
	indexed map[int]map[string]int  // node of an object -> its values
	sets    map[int]map[string]bool // node of a list -> its strings

	rule  *Rule // the running rule
	found map[int][]Finding
}

func (a *across) gather(objects []int) {
	a.members = make([]member, len(objects))
	for i, node := range objects {
		a.members[i] = a.read(node)
		m := &a.members[i]
		if m.id == nil {
			continue
		}
		if earlier, ok := a.byID[string(m.id)]; ok {
			m.earlier = earlier
		}
		a.byID[string(m.id)] = i
	}
}

func (a *across) read(node int) member {
	m := member{node: node, created: -1, modified: -1, spec: -1, createdBy: -1, revoked: -1, extensions: -1, markedRefs: -1, markedParts: -1, earlier: -1}
	for name, value := range a.t.Members(node) {
		switch string(a.t.Bytes(name)) {
		case "type":
			m.typ = a.str(value)
		case "id":
			m.id = a.str(value)
		case "created":
			m.created = value
		case "modified":
			m.modified = value
		case "spec_version":
			m.spec = value
		case "created_by_ref":
			m.createdBy = value
		case "revoked":
			m.revoked = value
		case "extensions":
			m.extensions = value
		case "object_marking_refs":
			m.markedRefs = value
		case "granular_markings":
			m.markedParts = value
		}
	}
	return m
}

// str returns the text of a string value, or nil for any other value.
func (a *across) str(node int) []byte {
	if a.t.Kind(node) != ijson.String {
		return nil
	}
	return a.t.Bytes(node)
}

// time returns the text of a well-formed timestamp, or nil for any other value.
func (a *across) time(node int) []byte {
	if b := a.str(node); timestampForm(b) {
		return b
	}
	return nil
}

// sameTime reports whether two values are timestamps of the same instant.
func (a *across) sameTime(x, y int) bool {
	tx, ty := a.time(x), a.time(y)
	return tx != nil && ty != nil && compareTimes(tx, ty) == 0
}

// version returns the index of the member with the given id: the one with the given modified, or the latest if modified
// is nil. It returns -1 if there is none.
func (a *across) version(id, modified []byte) int {
	last, ok := a.byID[string(id)]
	switch {
	case !ok:
		return -1
	case a.members[last].earlier < 0: // the usual case: one version
		if modified == nil || compareModified(a.time(a.members[last].modified), modified) == 0 {
			return last
		}
		return -1
	}
	sorted := a.sortedVersions(last)
	if modified == nil {
		return sorted[len(sorted)-1]
	}
	at, found := slices.BinarySearchFunc(sorted, modified, func(place int, want []byte) int {
		return compareModified(a.time(a.members[place].modified), want)
	})
	if !found {
		return -1
	}
	return sorted[at]
}

// sortedVersions returns the indexes of the versions of an object, sorted by modified. last is the index of the last
// version in the input.
func (a *across) sortedVersions(last int) []int {
	sorted, ok := a.sorted[last]
	if !ok {
		for place := last; place >= 0; place = a.members[place].earlier {
			sorted = append(sorted, place)
		}
		slices.SortStableFunc(sorted, func(x, y int) int {
			return compareModified(a.time(a.members[x].modified), a.time(a.members[y].modified))
		})
		a.sorted = put(a.sorted, last, sorted)
	}
	return sorted
}

// named returns the values of an object by name. It indexes an object once, because many others may refer to it.
func (a *across) named(object int) map[string]int {
	values, ok := a.indexed[object]
	if !ok {
		values = map[string]int{}
		for name, value := range a.t.Members(object) {
			values[a.t.Str(name)] = value
		}
		a.indexed = put(a.indexed, object, values)
	}
	return values
}

// listed returns the strings of a list.
func (a *across) listed(list int) map[string]bool {
	set, ok := a.sets[list]
	if !ok {
		set = map[string]bool{}
		for item := range a.t.Items(list) {
			if b := a.str(item); b != nil {
				set[string(b)] = true
			}
		}
		a.sets = put(a.sets, list, set)
	}
	return set
}

// put stores a value in a map, which it makes if it is nil, and returns the map.
func put[V any](m map[int]V, key int, value V) map[int]V {
	if m == nil {
		m = map[int]V{}
	}
	m[key] = value
	return m
}

// is reports whether the member has the object type.
func (m *member) is(typ string) bool { return string(m.typ) == typ }

// report adds a warning of the running rule on a member.
func (a *across) report(place int, path, format string, args ...any) {
	a.say(Warning, place, path, format, args...)
}

func (a *across) say(severity Severity, place int, path, format string, args ...any) {
	if len(a.found[place]) >= DefaultMaxFindings {
		return
	}
	if a.found == nil {
		a.found = map[int][]Finding{}
	}
	a.found[place] = append(a.found[place], Finding{Rule: a.rule.ID, Severity: severity, Path: path, Message: fmt.Sprintf(format, args...), Section: a.rule.Section})
}

// show returns the value at node for a message.
func (a *across) show(node int) string { return shorten(a.t.Raw(node)) }

// content returns the content of a member in a form that is equal for equal content.
func (a *across) content(m *member) []byte { return stix.AppendContent(nil, a.t, m.node) }

// valid reports whether an object by itself is one that the server stores. It is only called for the few objects that
// share an identifier and version with another object of different content.
func (a *across) valid(m *member) bool {
	return a.judge(a.t.Raw(m.node), Options{SpecVersions: a.opts.SpecVersions, MaxFindings: 1})
}

// isValid reports whether an object's text has no errors.
func isValid(text []byte, opts Options) bool {
	o, findings := Parse(text, new(ijson.Tree), ijson.Limits{})
	return !Invalid(findings) && !Invalid(Object(o, opts))
}

// storedAs returns the version under which the server stores an object: the node of the timestamp in modified, else in
// created, or -1 for an object without a version, and the spec version.
func (a *across) storedAs(m *member) (node int, spec string) {
	node = m.modified
	if node < 0 {
		node = m.created
	}
	if in := a.time(node); in == nil || realTime(in) != noFault {
		return -1, ""
	}
	spec = a.t.Str(m.spec)
	if m.spec < 0 {
		spec = "2.0"
		if stix.CategoryOf(string(m.typ)) == stix.SCO {
			spec = "2.1"
		}
	}
	return node, spec
}
