package follow

import (
	"bytes"
	"slices"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// editor writes an object's text anew, changed. What it does not change it copies byte by byte.
type editor struct {
	tree *ijson.Tree
	drop func(id stix.ID) bool // references to these objects are left out

	lists   []string // names of the lists that lost some of their items
	dropped int      // references and members left out
}

// text returns the changed text. If nothing has changed it is the object's own.
func (e *editor) text() []byte {
	text := e.object(make([]byte, 0, len(e.tree.Text)), e.tree.Root(), true)
	if e.dropped == 0 {
		return e.tree.Text
	}
	return text
}

func (e *editor) object(dst []byte, node int, top bool) []byte {
	t := e.tree
	dst = append(dst, '{')
	empty := true
	for name, value := range t.Members(node) {
		before := len(dst)
		if !empty {
			dst = append(dst, ',')
		}
		dst = append(append(dst, t.Raw(name)...), ':')
		var keep bool
		if dst, keep = e.member(dst, name, value, top); !keep {
			e.dropped++
			dst = dst[:before]
			continue
		}
		empty = false
	}
	return append(dst, '}')
}

// member writes the value of a member and reports whether the member stays.
func (e *editor) member(dst []byte, name, value int, top bool) (_ []byte, keep bool) {
	t := e.tree
	word := t.Bytes(name)
	if top && apart(word) {
		return append(dst, t.Raw(value)...), true
	}
	if t.Kind(value) == ijson.String && bytes.HasSuffix(word, []byte("_ref")) && e.drops(value) {
		return dst, false
	}
	return e.value(dst, word, value)
}

// apart reports whether a member of an object is no reference to what the object speaks of; see references.
func apart(name []byte) bool {
	switch string(name) {
	case "created_by_ref", "object_marking_refs", "granular_markings":
		return true
	}
	return false
}

func (e *editor) drops(node int) bool {
	id, err := stix.ParseID(e.tree.Str(node))
	return err == nil && e.drop(id)
}

func (e *editor) value(dst []byte, name []byte, value int) (_ []byte, keep bool) {
	switch t := e.tree; t.Kind(value) {
	case ijson.Object:
		return e.object(dst, value, false), true
	case ijson.Array:
		return e.list(dst, name, value)
	default:
		return append(dst, t.Raw(value)...), true
	}
}

// list writes a list, unless all that it had was left out.
func (e *editor) list(dst []byte, name []byte, node int) (_ []byte, keep bool) {
	t := e.tree
	refs := bytes.HasSuffix(name, []byte("_refs"))
	dst = append(dst, '[')
	had, has := 0, 0
	for item := range t.Items(node) {
		had++
		before := len(dst)
		if has > 0 {
			dst = append(dst, ',')
		}
		keep := !refs || t.Kind(item) != ijson.String || !e.drops(item)
		if keep {
			dst, keep = e.value(dst, name, item)
		}
		if !keep {
			e.dropped++
			dst = dst[:before]
			continue
		}
		has++
	}
	if has < had && !slices.Contains(e.lists, string(name)) {
		e.lists = append(e.lists, string(name))
	}
	return append(dst, ']'), has > 0 || had == 0
}

// moved reports whether a granular marking names an item of a list by its number, and the list has lost items: the marking
// would be on another one.
func (e *editor) moved() bool {
	t := e.tree
	for marking := range t.Items(t.Member(t.Root(), "granular_markings")) {
		for selector := range t.Items(t.Member(marking, "selectors")) {
			for _, list := range e.lists {
				if bytes.Contains(t.Bytes(selector), []byte(list+".[")) {
					return true
				}
			}
		}
	}
	return false
}
