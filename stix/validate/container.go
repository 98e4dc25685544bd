package validate

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/accord-taxii/accord/schemas"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// The observable container (section 2.13), deprecated: members of observed-data.objects refer to each other by their keys,
// need no identifier, and may be of STIX 2.0.

// containerMembers validates each member of an observable container as an SCO.
func (s *subject) containerMembers(node int) {
	if !s.isObject(node) {
		return
	}
	for name, member := range s.t.Members(node) {
		if !s.isObject(member) {
			continue
		}
		typ := s.t.Str(s.t.Member(member, "type"))
		def := s.m.types[typ]
		switch {
		case def == nil && typ != "bundle":
			s.free(name, member, 1)
			continue
		case def == nil || def.category != stix.SCO:
			s.put("S-014", Error, member, "a %s stands in objects, expected a cyber-observable object", typ)
			continue
		}
		inner := newSubject(s.m, s.o, s.opts)
		inner.found, inner.container, inner.typ, inner.category = s.found, node, typ, stix.SCO
		inner.indexed, inner.legacy = s.indexed, s.legacy
		inner.layOut(member)
		inner.judge()
		s.indexed = inner.indexed
		s.containerShape(inner, member)
		inner.release()
	}
}

// containerShape checks a member against the schema of its type. To do so, it rewrites the member as an independent
// object: with a made-up identifier, identifiers instead of keys in its references, and header fields as lists.
func (s *subject) containerShape(inner *subject, member int) {
	if s.found.full(Error) {
		return
	}
	text := append(s.standAlone(nil, member, ""), '}')
	text = append(fmt.Appendf(nil, `{"id":%q`, inner.typ+standInUUID), append([]byte{','}, text[1:]...)...)
	var tree ijson.Tree
	if err := tree.Parse(text, ijson.Limits{}); err != nil || schemas.Check(inner.typ, &tree) {
		return
	}
	prefix := s.t.Pointer(member)
	for _, v := range schemas.Explain(inner.typ, &tree) {
		if s.found.full(Error) {
			return
		}
		// A member of STIX 2.0 may have only properties that STIX 2.1 does not define.
		if len(inner.custom)+len(inner.unapt) > 0 && atLeastOne[v.Rule] {
			continue
		}
		v.Path = prefix + v.Path
		if !said(s.found.errors, nil, v) {
			s.found.add(s.m.finding(v.Rule, Error, v.Path, v.Message))
		}
	}
}

// atLeastOne holds the rules that require at least one of a type's properties.
var atLeastOne = map[string]bool{"S-152": true, "S-155": true, "S-165": true, "S-169": true, "S-170": true, "S-172": true, "S-173": true}

const standInUUID = "--00000000-0000-4000-8000-000000000000"

// standAlone appends the value at node with identifiers in place of the keys in its references, without the id and
// spec_version of the member itself. name is the property that holds the value, or "" for the member, whose closing
// brace is left out.
func (s *subject) standAlone(dst []byte, node int, name string) []byte {
	t := s.t
	switch t.Kind(node) {
	case ijson.String:
		if strings.HasSuffix(name, "_ref") || strings.HasSuffix(name, "_refs") {
			if other := s.member(s.get(pObjects), t.Bytes(node)); other >= 0 {
				if typ := t.Str(t.Member(other, "type")); typeForm([]byte(typ)) {
					return fmt.Appendf(dst, "%q", typ+standInUUID)
				}
			}
			return append(dst, `"unknown`+standInUUID+`"`...)
		}
	case ijson.Array:
		dst = append(dst, '[')
		for item := range t.Items(node) {
			if item != node+1 {
				dst = append(dst, ',')
			}
			dst = s.standAlone(dst, item, name)
		}
		return append(dst, ']')
	case ijson.Object:
		dst = append(dst, '{')
		first := true
		for n, value := range t.Members(node) {
			if name == "" && (t.Is(n, "id") || t.Is(n, "spec_version")) {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(append(dst, t.Raw(n)...), ':')
			if headerFields[name] && t.Kind(value) == ijson.String {
				dst = append(append(append(dst, '['), t.Raw(value)...), ']')
				continue
			}
			dst = s.standAlone(dst, value, t.Str(n))
		}
		if name == "" {
			return dst
		}
		return append(dst, '}')
	}
	return append(dst, t.Raw(node)...)
}

// headerFields holds the dictionaries whose values are lists in STIX 2.1 (S-150) and single strings in STIX 2.0.
var headerFields = map[string]bool{"additional_header_fields": true, "request_header": true}

// containerReference checks that a reference inside a container names a member of it (S-124) of an allowed type
// (S-125).
func (s *subject) containerReference(p *property, node int) {
	if s.t.Kind(node) != ijson.String {
		return
	}
	member := s.member(s.container, s.t.Bytes(node))
	if member < 0 {
		s.put("S-124", Error, node, "%s is no key of the same objects; references inside objects stay inside", s.show(node))
		return
	}
	typ := s.t.Member(member, "type")
	if s.t.Kind(typ) == ijson.String && !p.refs.has(s.t.Bytes(typ)) {
		s.put("S-125", Error, node, "%s is a %s, expected %s", s.show(node), s.t.Str(typ), p.refs.text)
	}
}

// connectedContainer reports members of an observable container that no chain of references connects to the first one.
func connectedContainer(s *subject) {
	node := s.get(pObjects)
	if !s.isObject(node) || s.t.Nodes[node].Count < 2 {
		return
	}
	g := &graph{}
	of := make(map[string]int, s.t.Nodes[node].Count)
	for name := range s.t.Members(node) {
		of[string(s.t.Bytes(name))] = g.node()
	}
	i := 0
	for _, member := range s.t.Members(node) {
		s.joinReferences(g, of, i, member)
		i++
	}
	i = 0
	for _, member := range s.t.Members(node) {
		if g.find(i) != g.find(0) {
			s.report(member, "no reference connects this member of objects with the first; members of one observed-data belong together")
			return
		}
		i++
	}
}

// joinReferences joins member i with every member named in a property below node whose name ends in _ref or _refs.
func (s *subject) joinReferences(g *graph, of map[string]int, i, node int) {
	t := s.t
	end := int(t.Nodes[node].Next)
	for k := node + 1; k < end; k++ {
		if t.Nodes[k].Kind != ijson.String || t.Text[min(int(t.Nodes[k].End), len(t.Text)-1)] != ':' {
			continue
		}
		name, value := t.Bytes(k), k+1
		switch {
		case bytes.HasSuffix(name, []byte("_ref")):
			if other, ok := of[string(s.str(value))]; ok {
				g.join(i, other)
			}
		case bytes.HasSuffix(name, []byte("_refs")):
			for item := range t.Items(value) {
				if other, ok := of[string(s.str(item))]; ok {
					g.join(i, other)
				}
			}
		}
	}
}

// graph tells which of its nodes are connected.
type graph struct{ parent []int }

func (g *graph) node() int {
	g.parent = append(g.parent, len(g.parent))
	return len(g.parent) - 1
}

func (g *graph) find(i int) int {
	for g.parent[i] != i {
		g.parent[i] = g.parent[g.parent[i]]
		i = g.parent[i]
	}
	return i
}

func (g *graph) join(i, k int) { g.parent[g.find(i)] = g.find(k) }
