package validate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// Across holds objects that came together, in one bundle, envelope, list or file, to each other: versions of one object, and
// what references say of objects that are at hand (rules S-201 to S-219). objects are their nodes in t. A reference to anything
// else is no finding. The answer has the findings of each object by its place in objects; nil when there are none. They are
// warnings, but for a second content under an identifier and version that an object before has, which the server refuses.
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

// Join puts findings of [Object] and of [Across] on one object together: errors first, each kind in the order of the rule
// table, at most as many as Options says.
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

// member is one of several objects: the nodes of what the rules between objects look at, -1 for what it does not have.
type member struct {
	node                   int
	typ, id                []byte // nil when not strings
	created, modified      int
	spec                   int
	createdBy, revoked     int
	extensions, markedRefs int
	markedParts            int
	earlier                int // place of the one before with the same id, -1 for none
}

// across is the objects that are held to each other.
type across struct {
	m       *model
	t       *ijson.Tree
	opts    Options
	judge   func(text []byte, opts Options) bool // isValid; a field, since the table of rules cannot refer to itself
	members []member
	byID    map[string]int // id -> place of the last member that has it

	// What several members look at is put in order once, so that the time does not grow with the product of both.
	sorted  map[int][]int           // last place of an id -> its places by modified
	indexed map[int]map[string]int  // node of an object -> its values
	sets    map[int]map[string]bool // node of a list -> its strings

	rule  *Rule // that is running
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

// str is the text of a string value, nil for anything else.
func (a *across) str(node int) []byte {
	if a.t.Kind(node) != ijson.String {
		return nil
	}
	return a.t.Bytes(node)
}

// time is the text of a timestamp of the right form, nil for anything else.
func (a *across) time(node int) []byte {
	if b := a.str(node); timestampForm(b) {
		return b
	}
	return nil
}

// sameTime reports whether two values are timestamps of one instant.
func (a *across) sameTime(x, y int) bool {
	tx, ty := a.time(x), a.time(y)
	return tx != nil && ty != nil && compareTimes(tx, ty) == 0
}

// version is the member that id names: the one whose modified is the given instant, or the latest when modified is nil; -1
// for none at hand.
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

// sortedVersions are the places of the versions of an object by modified, the object named by the last that came.
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

// named are the values of an object by their names. Many others may look into one, so it is indexed once.
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

// listed are the strings of a list.
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

// put stores a value in a map that is made when the first is stored.
func put[V any](m map[int]V, key int, value V) map[int]V {
	if m == nil {
		m = map[int]V{}
	}
	m[key] = value
	return m
}

// is reports whether the member is of the object type.
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

// show is the value at node for a message.
func (a *across) show(node int) string { return shorten(a.t.Raw(node)) }

// content is what one version of an object says, in a form that is equal for equal content.
func (a *across) content(m *member) []byte { return stix.AppendContent(nil, a.t, m.node) }

// valid reports whether an object is one that the server stores, as far as the object alone says. It is asked of the few
// objects that share an identifier and a version with another of other content.
func (a *across) valid(m *member) bool {
	return a.judge(a.t.Raw(m.node), Options{SpecVersions: a.opts.SpecVersions, MaxFindings: 1})
}

// isValid is the verdict on one object's text.
func isValid(text []byte, opts Options) bool {
	o, findings := Parse(text, new(ijson.Tree), ijson.Limits{})
	return !Invalid(findings) && !Invalid(Object(o, opts))
}

// storedAs is the version under which the server stores an object: the instant of modified, else of created, and the spec
// version. node is where the instant stands, -1 for an object without a version.
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
