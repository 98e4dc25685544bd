package index

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store/journal"
)

// Bounds of a graph.
const (
	MostDepth = 5
	MostNodes = 500
	mostEdges = 4 * MostNodes
)

// ErrUnknownObject is the answer for an object that the scope does not have.
var ErrUnknownObject = errors.New("no such object")

// Node is an object of a graph. Known is false for one that another refers to and that the scope does not have.
type Node struct {
	ID         string   `json:"id"`
	Type       string   `json:"type"`
	Name       string   `json:"name,omitempty"`
	Agreements []string `json:"agreements,omitempty"`
	Known      bool     `json:"known"`
	Depth      int      `json:"depth"`

	sources []Source
}

// Sources are where the text of the node was read.
func (n *Node) Sources() []Source { return n.sources }

// Source is where a text was read: the version that was added at a position.
type Source struct {
	Readable
	Position journal.Position
}

// Edge says that one object refers to another: by a property of its own, or by a relationship or sighting, whose id is By.
type Edge struct {
	Source string `json:"source"`
	Target string `json:"target"`
	Label  string `json:"label"` // the relationship_type, or the name of the property
	By     string `json:"by,omitempty"`
}

// Graph is an object with its neighbours.
type Graph struct {
	Nodes     []Node `json:"nodes"`
	Edges     []Edge `json:"edges"`
	Truncated bool   `json:"truncated"` // there are more than the bounds let through
}

// Graph walks from an object along references in both directions, so many steps. An object that the scope does not have
// is ErrUnknownObject.
func (x *Index) Graph(ctx context.Context, scope Scope, id string, depth int) (*Graph, error) {
	w := &walking{index: x, graph: &Graph{Nodes: []Node{}, Edges: []Edge{}}, at: make(map[string]int), edges: make(map[Edge]bool)}
	depth = min(max(depth, 0), MostDepth)
	err := x.snapshot(ctx, scope, func(r readable, views []*view) error {
		w.r, w.views = r, views
		start := strings.ToLower(id)
		known, err := w.visit(start, 0)
		if err != nil {
			return err
		}
		if !known {
			return ErrUnknownObject
		}
		ring := []string{start}
		for d := 1; d <= depth && len(ring) > 0; d++ {
			var next []string
			for _, from := range ring {
				if err := ctx.Err(); err != nil {
					return err
				}
				found, err := w.expand(from, d)
				if err != nil {
					return err
				}
				next = append(next, found...)
			}
			ring = next
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w.graph, nil
}

// walking is one walk over a graph.
type walking struct {
	index *Index
	r     readable
	views []*view
	graph *Graph
	at    map[string]int // of each id in graph.Nodes
	edges map[Edge]bool
	refs  map[string][]link // of each node, by its id
	tree  ijson.Tree
}

// link is a reference of an object.
type link struct{ property, target string }

// read finds an object in the views.
func (w *walking) read(id string) (n Node, links []link, err error) {
	n = Node{ID: id, Type: stix.ID(id).Type()}
	hash := w.index.secret.hash(fieldValue, id)
	for _, v := range w.views {
		if v.state.number == 0 {
			continue
		}
		kept, err := get(w.r, objectKey(v.state.number, hash))
		if err != nil {
			return n, nil, err
		}
		if len(kept) != 4 {
			continue
		}
		p := binary.BigEndian.Uint32(kept)
		if v.exclude.Contains(p) || !v.state.live.Contains(p) {
			continue
		}
		text, ok, err := v.Collection.ObjectAt(journal.Position(p))
		if err != nil {
			return n, nil, err
		}
		if !ok {
			continue
		}
		r := describe(text, &w.tree)
		if n.Name == "" {
			n.Name = r.Name
		}
		n.Known = true
		n.Agreements = append(n.Agreements, string(v.Collection.Agreement().Name))
		n.sources = append(n.sources, Source{v.Readable, journal.Position(p)})
		links = append(links, linksOf(&w.tree)...)
	}
	return n, links, nil
}

// linksOf are the references of an object, each once.
func linksOf(t *ijson.Tree) []link {
	var links []link
	var walk func(at int, property string, depth int)
	add := func(at int, property string) {
		if id, err := stix.ParseID(t.Str(at)); err == nil && len(links) < mostEdges {
			links = append(links, link{property, strings.ToLower(string(id))})
		}
	}
	walk = func(at int, property string, depth int) {
		switch {
		case depth > deepest:
		case t.Kind(at) == ijson.Object:
			for member, value := range t.Members(at) {
				walk(value, t.Str(member), depth+1)
			}
		case t.Kind(at) == ijson.Array:
			for item := range t.Items(at) {
				walk(item, property, depth+1)
			}
		case property == "object_marking_refs" || property == "marking_ref":
		case strings.HasSuffix(property, "_ref") || strings.HasSuffix(property, "_refs"):
			add(at, property)
		}
	}
	walk(t.Root(), "", 0)
	seen := make(map[link]bool)
	return slices.DeleteFunc(links, func(l link) bool {
		twice := seen[l]
		seen[l] = true
		return twice
	})
}

// visit adds an object to the graph, unless it is there.
func (w *walking) visit(id string, depth int) (known bool, err error) {
	if i, ok := w.at[id]; ok {
		return w.graph.Nodes[i].Known, nil
	}
	if len(w.graph.Nodes) >= MostNodes {
		w.graph.Truncated = true
		return false, nil
	}
	n, links, err := w.read(id)
	if err != nil {
		return false, err
	}
	n.Depth = depth
	w.at[id] = len(w.graph.Nodes)
	w.graph.Nodes = append(w.graph.Nodes, n)
	if w.refs == nil {
		w.refs = make(map[string][]link)
	}
	w.refs[id] = links
	return n.Known, nil
}

// expand visits the neighbours of an object and returns those that are new.
func (w *walking) expand(id string, depth int) (found []string, err error) {
	reach := func(other string, e Edge) error {
		_, there := w.at[other]
		if !there {
			if _, err := w.visit(other, depth); err != nil {
				return err
			}
			if _, there = w.at[other]; !there {
				return nil
			}
			found = append(found, other)
		}
		w.edge(e)
		through, err := w.through(other, depth)
		found = append(found, through...)
		return err
	}
	for _, l := range w.refs[id] {
		if err := reach(l.target, Edge{Source: id, Target: l.target, Label: l.property}); err != nil {
			return nil, err
		}
	}
	hash := w.index.secret.hash(fieldRef, id)
	for _, v := range w.views {
		if v.state.number == 0 {
			continue
		}
		of := roaring.New()
		if err := v.term(w.r, of, term{fieldRef, hash}); err != nil {
			return nil, err
		}
		of.And(v.state.live)
		of.AndNot(v.exclude)
		for it := of.ReverseIterator(); it.HasNext(); {
			if len(w.graph.Nodes) >= MostNodes || len(w.edges) >= mostEdges {
				w.graph.Truncated = true
				return found, nil
			}
			text, ok, err := v.Collection.ObjectAt(journal.Position(it.Next()))
			if err != nil {
				return nil, err
			}
			if !ok || w.tree.Parse(text, ijson.Limits{}) != nil {
				continue
			}
			from := strings.ToLower(string(stix.FromTree(&w.tree).ID))
			links := linksOf(&w.tree)
			for _, l := range links {
				if l.target == id && from != "" {
					if err := reach(from, Edge{Source: from, Target: id, Label: l.property}); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return found, nil
}

// through visits what a relationship or sighting joins, at the same depth as itself: it is a line between objects more
// than an object.
func (w *walking) through(id string, depth int) (found []string, err error) {
	if typ := stix.ID(id).Type(); typ != "relationship" && typ != "sighting" || !w.graph.Nodes[w.at[id]].Known {
		return nil, nil
	}
	var source string
	var targets []string
	for _, l := range w.refs[id] {
		switch l.property {
		case "source_ref", "sighting_of_ref":
			source = l.target
		case "target_ref", "where_sighted_refs":
			targets = append(targets, l.target)
		default:
			continue
		}
		if _, there := w.at[l.target]; !there {
			if _, err := w.visit(l.target, depth); err != nil {
				return nil, err
			}
			if _, there = w.at[l.target]; !there {
				continue
			}
			found = append(found, l.target)
		}
		w.edge(Edge{Source: id, Target: l.target, Label: l.property})
	}
	label := w.graph.Nodes[w.at[id]].Name
	if label == "" {
		label = "sighting"
	}
	for _, target := range targets {
		if source != "" {
			w.edge(Edge{Source: source, Target: target, Label: label, By: id})
		}
	}
	return found, nil
}

func (w *walking) edge(e Edge) {
	if len(w.edges) >= mostEdges {
		w.graph.Truncated = true
		return
	}
	if !w.edges[e] {
		w.edges[e] = true
		w.graph.Edges = append(w.graph.Edges, e)
	}
}
