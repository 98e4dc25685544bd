package validate

import (
	"bytes"

	"github.com/accord-taxii/accord/stix/ijson"
)

// markingRules lists the rules on data markings (section 7.2).
var markingRules = []Rule{
	seen("S-057", must, layerSchema, "7.2.3", "A granular marking has selectors and exactly one of marking_ref and lang."),
	{ID: "S-059", Level: must, Severity: Error, Layer: layerSemantic, Section: "7.2.3",
		Summary: "lang of a granular marking is a well-formed language tag of RFC 5646; unregistered ones are a warning.", value: languageTag},
	{ID: "S-060", Level: must, Severity: Error, Layer: layerSemantic, Section: "7.2.3",
		Summary: "A selector is names and [indexes] joined by dots.", value: selectorForm},
	{ID: "S-061", Level: must, Severity: Error, Layer: layerSemantic, Section: "7.2.3",
		Summary: "A selector leads to something that the object has.", value: selectorTarget},
	{ID: "S-062", Level: mustNot, Severity: Error, Layer: layerSemantic, Section: "3.2",
		Summary: "A marking definition that marks itself.", types: "marking-definition", object: selfMarking},
}

func selectorForm(s *subject, _ *property, node int) {
	if s.t.Kind(node) == ijson.String && !isSelector(s.t.Bytes(node)) {
		s.report(node, "%s is no selector, expected names and [indexes] joined by dots, such as labels.[0] or hashes.SHA-256", s.show(node))
	}
}

func selectorTarget(s *subject, _ *property, node int) {
	if s.t.Kind(node) != ijson.String {
		return
	}
	b := s.t.Bytes(node)
	if !isSelector(b) {
		return // S-060
	}
	if at, ok := s.resolve(b); !ok {
		if at == "" {
			s.report(node, "%s selects nothing: the object does not have it", s.show(node))
			return
		}
		s.report(node, "%s selects nothing: there is no %s behind %s", s.show(node), shorten(b[len(at)+1:]), shorten([]byte(at)))
	}
}

// isSelector reports whether b has the form of a selector: components without brackets, or a bracketed index, joined by
// dots. The first is a property of the object; later ones may be dictionary keys with spaces, such as those of
// document_info_dict.
func isSelector(b []byte) bool {
	first := true
	for {
		component, rest, more := bytes.Cut(b, []byte("."))
		switch {
		case len(component) == 0:
			return false
		case component[0] == '[':
			if first || component[len(component)-1] != ']' || !digits(component[1:len(component)-1]) {
				return false
			}
		default:
			for _, c := range component {
				if c == '[' || c == ']' || c < ' ' || c == ' ' && first {
					return false
				}
			}
		}
		if !more {
			return true
		}
		b, first = rest, false
	}
}

// resolve follows a well-formed selector. If it fails, at is the part of the selector that could be followed.
func (s *subject) resolve(b []byte) (at string, ok bool) {
	node, start := s.root, 0
	for start <= len(b) {
		end := len(b)
		if i := bytes.IndexByte(b[start:], '.'); i >= 0 {
			end = start + i
		}
		next := s.child(node, b[start:end])
		if next < 0 {
			return string(b[:max(start-1, 0)]), false
		}
		node, start = next, end+1
	}
	return "", true
}

// child returns the value that one component of a selector selects in node, or -1.
func (s *subject) child(node int, component []byte) int {
	t := s.t
	n := &t.Nodes[node]
	if component[0] == '[' {
		if n.Kind != ijson.Array {
			return -1
		}
		index := 0
		for _, c := range component[1 : len(component)-1] {
			if index = index*10 + int(c-'0'); index >= int(n.Count) {
				return -1
			}
		}
		return s.item(node, index)
	}
	if n.Kind != ijson.Object {
		return -1
	}
	if node == s.root {
		if id, ok := names[string(component)]; ok && s.at[id] != 0 {
			return int(s.at[id])
		}
	}
	return s.member(node, component)
}

// manyChildren is the number of children from which a container is indexed for selectors: otherwise a long list of
// selectors into a long list would take the product of both.
const manyChildren = 32

func (s *subject) item(node, index int) int {
	t := s.t
	if t.Nodes[node].Count >= manyChildren {
		items, ok := s.items[node]
		if !ok {
			for item := range t.Items(node) {
				items = append(items, int32(item))
			}
			if s.items == nil {
				s.items = map[int][]int32{}
			}
			s.items[node] = items
		}
		return int(items[index])
	}
	for item := range t.Items(node) {
		if index == 0 {
			return item
		}
		index--
	}
	return -1
}

func (s *subject) member(node int, name []byte) int {
	t := s.t
	if t.Nodes[node].Count >= manyChildren {
		members, ok := s.indexed[node]
		if !ok {
			members = make(map[string]int32, t.Nodes[node].Count)
			for name, value := range t.Members(node) {
				members[string(t.Bytes(name))] = int32(value)
			}
			if s.indexed == nil {
				s.indexed = map[int]map[string]int32{}
			}
			s.indexed[node] = members
		}
		if value, ok := members[string(name)]; ok {
			return int(value)
		}
		return -1
	}
	for n, value := range t.Members(node) {
		if bytes.Equal(t.Bytes(n), name) {
			return value
		}
	}
	return -1
}

var (
	pObjectMarkingRefs = prop("object_marking_refs")
	pGranularMarkings  = prop("granular_markings")
)

func selfMarking(s *subject) {
	id := s.str(s.get(pID))
	for ref := range s.t.Items(s.get(pObjectMarkingRefs)) {
		if bytes.Equal(s.str(ref), id) && id != nil {
			s.report(ref, "the marking definition marks itself; leave the reference out")
		}
	}
	for marking := range s.t.Items(s.get(pGranularMarkings)) {
		if ref := s.t.Member(marking, "marking_ref"); id != nil && bytes.Equal(s.str(ref), id) {
			s.report(ref, "the marking definition marks itself; leave the reference out")
		}
	}
}
