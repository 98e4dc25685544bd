package validate

import (
	"bytes"

	"github.com/accord-taxii/accord/stix/ijson"
)

// judge runs every rule that applies to the object: value rules while walking over its values, then the rules on the
// whole object.
func (s *subject) judge() {
	t := s.t
	if s.container == 0 {
		s.nulls()
	}
	end := int(t.Nodes[s.root].Next)
	for name := s.root + 1; name < end; name = int(t.Nodes[name+1].Next) {
		var p *property
		if id, ok := s.nameID(name); ok {
			p = s.def.prop(id)
		}
		if p == nil {
			s.free(name, name+1, 1)
			continue
		}
		s.values(p, name+1)
	}
	s.objectRules()
}

func (s *subject) objectRules() {
	for _, r := range s.def.object {
		if s.container == 0 || r.types != "" {
			s.rule = r
			r.object(s)
		}
	}
}

// nulls reports null values anywhere (S-005).
func (s *subject) nulls() {
	for i := range s.t.Nodes {
		if s.t.Nodes[i].Kind == ijson.Null {
			s.put("S-005", Error, i, "found null, which is no STIX value; leave the property out instead")
		}
	}
}

// values walks over the value of a property: one value, or each item of a list.
func (s *subject) values(p *property, node int) {
	if !p.list {
		s.value(p, node)
		return
	}
	if s.t.Kind(node) != ijson.Array {
		return
	}
	end := int(s.t.Nodes[node].Next)
	for item := node + 1; item < end; item = int(s.t.Nodes[item].Next) {
		s.value(p, item)
	}
}

func (s *subject) value(p *property, node int) {
	for _, r := range p.rules {
		s.rule = r
		r.value(s, p, node)
	}
	switch p.kind {
	case kindStructure:
		s.members(p.of, node)
	case kindDictionary:
		s.dictionary(node)
	case kindExtensions:
		s.extensions(node)
	case kindContainer:
		s.containerMembers(node)
	}
}

// members walks over a nested structure of the Standard.
func (s *subject) members(d *structure, node int) {
	if s.t.Kind(node) != ijson.Object {
		return
	}
	end := int(s.t.Nodes[node].Next)
	for name := node + 1; name < end; name = int(s.t.Nodes[name+1].Next) {
		var p *property
		if id, ok := s.nameID(name); ok {
			p = d.prop(id)
		}
		if p == nil {
			s.free(name, name+1, 1)
			continue
		}
		s.values(p, name+1)
	}
}

// extensions walks over the content of each extension: predefined ones by their definition in the Standard, others as
// custom content.
func (s *subject) extensions(node int) {
	if s.t.Kind(node) != ijson.Object {
		return
	}
	s.extensionKeys(node)
	for name, value := range s.t.Members(node) {
		if d := s.def.extensions[string(s.t.Bytes(name))]; d != nil {
			s.members(d, value)
			continue
		}
		s.free(name, value, 0)
	}
}

// dictionary walks over the values of a dictionary that the Standard defines. Its keys may be any names, so they say
// nothing about the values.
func (s *subject) dictionary(node int) {
	for name, value := range s.t.Members(node) {
		if kind := s.t.Kind(value); kind == ijson.Array || kind == ijson.Object || kind == ijson.Number {
			s.free(name, value, 1)
		}
	}
}

// free walks over content that the Standard does not define. name is the nearest member name above node, and depth is
// how far node is below an extension. The schemas check the extension itself, at depth 0; elsewhere empty lists and
// objects are a warning.
func (s *subject) free(name, node, depth int) {
	t := s.t
	n := &t.Nodes[node]
	switch n.Kind {
	case ijson.String:
		s.freeString(name, node)
	case ijson.Number:
		if !finite(t.Raw(node)) {
			s.put("S-008", Error, node, "%s is no finite number of double precision", s.show(node))
		}
	case ijson.Array:
		if n.Count == 0 && depth > 0 {
			s.put("S-026", Warning, node, "the list is empty; leave it out instead")
		}
		for item := node + 1; item < int(n.Next); item = int(t.Nodes[item].Next) {
			s.free(name, item, depth+1)
		}
	case ijson.Object:
		if n.Count == 0 && depth > 0 {
			s.put("S-027", Warning, node, "the dictionary is empty; leave it out instead")
		}
		for name := node + 1; name < int(n.Next); name = int(t.Nodes[name+1].Next) {
			s.free(name, name+1, depth+1)
		}
	}
}

// freeString checks a custom string against the suffix of its property's name.
func (s *subject) freeString(name, node int) {
	property := s.t.Bytes(name)
	value := s.t.Bytes(node)
	switch {
	case bytes.HasSuffix(property, []byte("_hex")):
		if !hexForm(value) {
			s.put("S-084", Warning, node, "%s is not hexadecimal, as a name that ends in _hex says; expected an even number of digits and a-f", s.show(node))
		}
	case bytes.HasSuffix(property, []byte("_bin")):
		if !base64Form(value) {
			s.put("S-084", Warning, node, "%s is not base64, as a name that ends in _bin says; expected RFC 4648 base64 with padding", s.show(node))
		}
	case bytes.HasSuffix(property, []byte("_ref")), bytes.HasSuffix(property, []byte("_refs")):
		if typ, _, ok := splitID(value); ok && string(typ) == "bundle" {
			s.put("S-197", Error, node, "%s names a bundle; a bundle is only a wrapper and nothing may refer to it", s.show(node))
		}
	}
}
