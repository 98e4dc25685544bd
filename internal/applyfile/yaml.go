package applyfile

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/accord-taxii/accord/internal/control"
)

// reader walks the nodes of a YAML document and collects what is wrong with it. It decodes no value into a map or by
// reflection, so every value still knows its line.
type reader struct {
	problems
	outboxes []outbox // of the agreement that is being read
	visits   int      // nodes still to be seen: anchors can make a small file unfold into an endless one
}

// maxVisits is more than an apply file of thousands of agreements has nodes.
const maxVisits = 2 << 20

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

// document parses text and returns the node at its root, nil when there is none to look at.
func (r *reader) document(text []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			r.add(0, "the file is empty")
			return nil
		}
		r.syntax(err)
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		r.add(second.Line, "a second document begins here; an apply file is one document")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
	if len(doc.Content) == 0 {
		r.add(0, "the file is empty")
		return nil
	}
	return doc.Content[0]
}

// syntax reports an error of the YAML library, which says the line in its text only.
func (r *reader) syntax(err error) {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		r.add(line, "not YAML: %s", m[2])
		return
	}
	r.add(0, "not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
}

// see follows an anchor and counts. It returns nil for null and beyond the limit.
func (r *reader) see(n *yaml.Node) *yaml.Node {
	for hops := 0; n.Kind == yaml.AliasNode; hops++ {
		if hops > 100 {
			return nil
		}
		n = n.Alias
	}
	r.visits++
	if r.visits >= maxVisits || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil
	}
	return n
}

// key is a key that a mapping may have.
type key struct {
	name string
	read func(n *yaml.Node)
}

// mapping reads a mapping that may have the keys, and reports whether there was one. what names it in messages, with its
// article.
func (r *reader) mapping(n *yaml.Node, what string, keys ...key) bool {
	line := n.Line
	if n = r.see(n); n == nil {
		return false
	}
	if n.Kind != yaml.MappingNode {
		r.add(line, "%s is %s here, want a mapping with the keys %s", what, shape(n), names(keys))
		return false
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if first, twice := seen[k.Value]; twice {
			r.add(k.Line, "the key %q appears twice in %s, first on line %d", k.Value, what, first)
			continue
		}
		seen[k.Value] = k.Line
		known := false
		for _, want := range keys {
			if k.Kind == yaml.ScalarNode && want.name == k.Value {
				known = true
				want.read(v)
			}
		}
		if !known {
			r.add(k.Line, "unknown key %q in %s, known are %s", k.Value, what, names(keys))
		}
	}
	return true
}

func names(keys []key) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.name
	}
	return strings.Join(list, ", ")
}

// list calls read for each item of a list.
func (r *reader) list(n *yaml.Node, what string, read func(n *yaml.Node)) {
	line := n.Line
	if n = r.see(n); n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.add(line, "%s is %s here, want a list", what, shape(n))
		return
	}
	for _, item := range n.Content {
		if r.see(item) == nil {
			r.add(item.Line, "an item of %s is empty", what)
			continue
		}
		read(item)
	}
}

// text reads a string. Numbers and dates are taken as they are written: people do not quote 2.1 or 2026-01-01.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	line := n.Line
	if n = r.see(n); n == nil {
		return "", false
	}
	if n.Kind != yaml.ScalarNode {
		r.add(line, "%s is %s here, want text", what, shape(n))
		return "", false
	}
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!timestamp":
		return n.Value, true
	case "!!bool":
		r.add(line, "%s is %s here, want text; quote it if it is meant as text", what, n.Value)
		return "", false
	}
	r.add(line, "%s has the tag %s here, want text", what, n.Tag)
	return "", false
}

// oneLine reads text that is one line without control characters.
func (r *reader) oneLine(n *yaml.Node, what string) (string, bool) {
	s, ok := r.text(n, what)
	if err := control.CheckLine(s); ok && err != nil {
		r.add(n.Line, "%s %v", what, err)
		return "", false
	}
	return s, ok
}

func (r *reader) boolean(n *yaml.Node, what string) (value, ok bool) {
	line := n.Line
	if n = r.see(n); n == nil {
		return false, false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		r.add(line, "%s is %s here, want true or false", what, shape(n))
		return false, false
	}
	return strings.EqualFold(n.Value, "true"), true
}

func (r *reader) integer(n *yaml.Node, what string, low, high int64) (int64, bool) {
	line := n.Line
	if n = r.see(n); n == nil {
		return 0, false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		r.add(line, "%s is %s here, want a whole number", what, shape(n))
		return 0, false
	}
	v, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, 64)
	if err != nil || v < low || v > high {
		r.add(line, "%s is %s here, want %d to %d", what, n.Value, low, high)
		return 0, false
	}
	return v, true
}

// shape describes a node in messages.
func shape(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	const most = 40
	v := n.Value
	if len(v) > most {
		v = v[:most] + "..."
	}
	return strconv.Quote(v)
}
