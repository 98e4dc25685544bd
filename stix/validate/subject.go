package validate

import (
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// subject is one object prepared for the rules: the nodes of its properties. It lives for one call of Object.
type subject struct {
	m    *model
	o    stix.Object
	t    *ijson.Tree
	opts Options

	root     int
	typ      string
	def      *structure    // properties of its type, of its category for a custom type
	category stix.Category // guessed for a custom type
	known    bool          // the Standard defines the type
	declared bool          // a custom type whose extension declares its category
	legacy   bool          // STIX 2.0
	defanged bool

	at     []int32 // node of the value of each top-level property, by nameID; 0 if it has none
	custom []int32 // nodes of the names of top-level members that its type does not define
	unapt  []int32 // nodes of the names of common properties that do not apply to its category

	container int                      // node of the observable container that the subject is a member of, 0 for none
	items     map[int][]int32          // long lists, indexed for selectors
	indexed   map[int]map[string]int32 // large objects, indexed for selectors

	rule  *Rule // that is running
	found *collector
	own   collector
}

var subjects = sync.Pool{New: func() any { return new(subject) }}

func newSubject(m *model, o stix.Object, opts Options) *subject {
	s := subjects.Get().(*subject)
	own, at, custom, unapt := s.own, s.at, s.custom, s.unapt
	*s = subject{m: m, o: o, t: o.Tree, opts: opts, own: own, at: at, custom: custom[:0], unapt: unapt[:0]}
	s.found = &s.own
	s.found.reset(opts.MaxFindings)
	if len(s.at) < len(names) {
		s.at = make([]int32, len(names))
	}
	return s
}

func (s *subject) release() {
	s.o, s.t, s.found, s.items, s.indexed = stix.Object{}, nil, nil, nil, nil
	subjects.Put(s)
}

// commonNames lists the properties that are common to some category and so are not custom properties in others.
var commonNames = [...]nameID{prop("created_by_ref"), prop("created"), prop("modified"), prop("revoked"), prop("labels"),
	prop("confidence"), prop("lang"), prop("external_references"), prop("object_marking_refs"), prop("granular_markings"),
	prop("defanged"), prop("extensions"), prop("type"), prop("id"), prop("spec_version")}

func isCommonName(id nameID) bool {
	for _, c := range commonNames {
		if c == id {
			return true
		}
	}
	return false
}

// layOut finds the properties of the object at node root, and the members that its type does not define.
func (s *subject) layOut(root int) {
	s.root = root
	if s.container == 0 {
		s.typ, s.category = s.o.Type, stix.CategoryOf(s.o.Type)
	}
	s.def, s.known = s.m.types[s.typ]
	if !s.known {
		s.category = s.o.Category()
		s.def = s.m.common[s.category]
		s.declared = s.declares()
	}
	s.lay(root)
}

// lay finds the members of the object at node root that are properties of s.def.
func (s *subject) lay(root int) {
	clear(s.at)
	t := s.t
	end := int(t.Nodes[root].Next)
	for name := root + 1; name < end; name = int(t.Nodes[name+1].Next) {
		id, ok := s.nameID(name)
		switch {
		case !ok:
			s.custom = append(s.custom, int32(name))
		case s.def.prop(id) != nil:
			s.at[id] = int32(name + 1)
		case isCommonName(id):
			s.at[id] = int32(name + 1)
			s.unapt = append(s.unapt, int32(name))
		default:
			s.custom = append(s.custom, int32(name))
		}
	}
	s.defanged = t.Kind(s.get(pDefanged)) == ijson.True
}

var pDefanged = prop("defanged")

// prop returns the structure's property with that number, or nil.
func (d *structure) prop(id nameID) *property {
	if int(id) >= len(d.props) {
		return nil
	}
	return d.props[id]
}

func (s *subject) nameID(name int) (nameID, bool) {
	id, ok := names[string(s.t.Bytes(name))]
	return id, ok
}

// get returns the node of a top-level property's value, or -1 if the object does not have it.
func (s *subject) get(id nameID) int {
	if n := s.at[id]; n != 0 {
		return int(n)
	}
	return -1
}

// has reports whether the object has the property.
func (s *subject) has(id nameID) bool { return s.at[id] != 0 }

// str returns the text of a string value, or nil for any other value. It copies the text only if it has escapes.
func (s *subject) str(node int) []byte {
	if s.t.Kind(node) != ijson.String {
		return nil
	}
	return s.t.Bytes(node)
}

// declares reports whether an extension of a custom object declares the category of its type.
func (s *subject) declares() bool {
	for _, ext := range s.t.Members(s.t.Member(s.t.Root(), "extensions")) {
		if kind := s.t.Member(ext, "extension_type"); s.t.Is(kind, "new-sdo") || s.t.Is(kind, "new-sro") || s.t.Is(kind, "new-sco") {
			return true
		}
	}
	return false
}

// report adds a finding of the running rule, at its own severity.
func (s *subject) report(node int, format string, args ...any) {
	s.say(s.rule, s.rule.Severity, node, format, args...)
}

// warn adds a finding of the running rule as a warning.
func (s *subject) warn(node int, format string, args ...any) {
	s.say(s.rule, Warning, node, format, args...)
}

// unlessDefanged adds a finding of the running rule: a warning if the object says that it is defanged, otherwise an
// error.
func (s *subject) unlessDefanged(node int, format string, args ...any) {
	if s.defanged {
		s.warn(node, format, args...)
		return
	}
	s.say(s.rule, Error, node, format, args...)
}

func (s *subject) say(r *Rule, sev Severity, node int, format string, args ...any) {
	if s.found.full(sev) {
		return
	}
	s.found.add(Finding{Rule: r.ID, Severity: sev, Path: s.t.Pointer(node), Message: fmt.Sprintf(format, args...), Section: r.Section})
}

// put adds a finding of a rule by its identifier.
func (s *subject) put(rule string, sev Severity, node int, format string, args ...any) {
	s.say(s.m.byID[rule], sev, node, format, args...)
}

// showMost is the number of bytes of a value that a message quotes.
const showMost = 80

// show returns the value at node for a message: its JSON text, shortened.
func (s *subject) show(node int) string {
	return shorten(s.t.Raw(node))
}

func shorten(raw []byte) string {
	if len(raw) <= showMost {
		return string(raw)
	}
	cut := showMost
	for cut > 0 && !utf8.RuneStart(raw[cut]) {
		cut--
	}
	return string(raw[:cut]) + "..."
}

// nameOf returns the name of the member whose value is at node, for a message.
func (s *subject) nameOf(node int) string { return shorten(s.t.Bytes(node - 1)) }
