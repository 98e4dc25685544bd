package validate

import (
	"bytes"

	"github.com/accord-taxii/accord/stix/ijson"
)

// The observable container (section 2.13), deprecated: members of observed-data.objects refer to each other by their keys,
// need no identifier, and may be of STIX 2.0.

// containerMembers judges each member of an observable container as an SCO of its own.
func (s *subject) containerMembers(node int) {
	if !s.isObject(node) {
		return
	}
	for _, member := range s.t.Members(node) {
		if !s.isObject(member) {
			continue
		}
		typ := s.t.Str(s.t.Member(member, "type"))
		if s.m.types[typ] == nil {
			s.free(node, member, 1)
			continue
		}
		inner := newSubject(s.m, s.o, s.opts)
		inner.found, inner.container, inner.typ = s.found, node, typ
		inner.category = s.m.types[typ].category
		inner.keys, inner.indexed = s.keys, s.indexed
		inner.layOut(member)
		inner.judge()
		s.indexed = inner.indexed
		inner.release()
	}
}

// containerReference holds a reference inside a container to a member of it (S-124) of an allowed type (S-125).
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

// connectedContainer reports members of an observable container that no chain of references joins to the first one.
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

// joinReferences joins member i with every member that a property named _ref or _refs below node names.
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
