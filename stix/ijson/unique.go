package ijson

import (
	"bytes"
	"fmt"
)

// fewMembers is the largest number of members that are compared pair by pair; with more, names are put into a set.
const fewMembers = 24

// unique refuses the object at node obj if two of its members have the same name, compared after un-escaping.
func (p *parser) unique(obj int) {
	t := p.tree
	if t.Nodes[obj].Count > fewMembers {
		p.uniqueMany(obj)
		return
	}
	end := t.Nodes[obj].Next
	for i := uint32(obj) + 1; i < end; i = t.Nodes[i+1].Next {
		a := &t.Nodes[i]
		for j := uint32(obj) + 1; j < i; j = t.Nodes[j+1].Next {
			b := &t.Nodes[j]
			if !a.Escaped && !b.Escaped {
				if a.End-a.Start != b.End-b.Start || p.text[a.Start+1] != p.text[b.Start+1] ||
					!bytes.Equal(p.text[a.Start:a.End], p.text[b.Start:b.End]) {
					continue
				}
			} else if !bytes.Equal(p.nameAt(i), p.nameAt(j)) {
				continue
			}
			p.duplicate(obj, int(i))
			return
		}
	}
}

func (p *parser) uniqueMany(obj int) {
	t := p.tree
	seen := make(map[string]struct{}, t.Nodes[obj].Count)
	end := t.Nodes[obj].Next
	for i := uint32(obj) + 1; i < end; i = t.Nodes[i+1].Next {
		name := p.nameAt(i)
		if _, ok := seen[string(name)]; ok {
			p.duplicate(obj, int(i))
			return
		}
		seen[string(name)] = struct{}{}
	}
}

// nameAt returns the un-escaped name at node i. (The tree's own Text is set only when parsing has succeeded.)
func (p *parser) nameAt(i uint32) []byte {
	n := &p.tree.Nodes[i]
	s := p.text[n.Start+1 : n.End-1]
	if !n.Escaped {
		return s
	}
	return appendUnescaped(nil, s)
}

func (p *parser) duplicate(obj, name int) {
	p.refuse(&Error{
		Code:    Duplicate,
		Offset:  int(p.tree.Nodes[name].Start),
		Message: fmt.Sprintf("the member %s stands twice in one object; names must be unique", quoted(p.nameAt(uint32(name)))),
		Path:    p.pointer(obj) + "/" + EscapePointer(string(p.nameAt(uint32(name)))),
	})
}

// tooLong refuses the string of that many bytes that opens at start. The error has the pointer of the value, or for a
// member's name that of the object.
func (p *parser) tooLong(start, bytes int) {
	if p.refused != nil {
		return
	}
	t, what := p.tree, "the string"
	path := p.pointerAlong(t.stack)
	if n := len(t.stack); n > 0 {
		switch top := &t.Nodes[t.stack[n-1]]; {
		case top.Kind == Array:
			path += fmt.Sprintf("/%d", top.Count-1)
		case p.text[start-1] == ':':
			path += "/" + EscapePointer(string(p.nameAt(uint32(len(t.Nodes)-1))))
		default:
			what = "the member name"
		}
	}
	p.refuse(&Error{Code: LongString, Offset: start, Path: path,
		Message: fmt.Sprintf("%s has %d bytes, at most %d are allowed", what, bytes, p.limits.StringBytes)})
}

// pointer returns the JSON pointer of the object at node obj while its ancestors are still open.
func (p *parser) pointer(obj int) string {
	return p.pointerAlong(append(append([]uint32{}, p.tree.stack...), uint32(obj)))
}

// pointerAlong returns the JSON pointer of the last of the open containers, which are given from the outermost.
func (p *parser) pointerAlong(open []uint32) string {
	t := p.tree
	var path string
	for k := 0; k+1 < len(open); k++ {
		parent, child := open[k], open[k+1]
		if t.Nodes[parent].Kind == Object {
			path += "/" + EscapePointer(string(p.nameAt(child-1)))
			continue
		}
		path += fmt.Sprintf("/%d", t.Nodes[parent].Count-1)
	}
	return path
}

// quoted shortens a name for a message.
func quoted(name []byte) string {
	const most = 80
	if len(name) > most {
		return fmt.Sprintf("%.*q...", most, name)
	}
	return fmt.Sprintf("%q", name)
}
