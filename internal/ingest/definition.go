package ingest

import (
	"sync"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
)

// Definitions returns the marking definitions of a collection at one moment: of several texts under one id the first that
// came counts, whatever their dates. It caches what it finds and is valid as long as l.
func Definitions(l *store.Snapshot) agreement.Definitions {
	cache := make(map[stix.ID]*agreement.Definition)
	return func(id stix.ID) (agreement.Definition, bool) {
		d, seen := cache[id]
		if !seen {
			d = firstDefinition(l, id)
			cache[id] = d
		}
		if d == nil {
			return agreement.Definition{}, false
		}
		return *d, true
	}
}

// firstDefinition reads the definition that came first under an id, nil if there is none. One that cannot be read is not
// understood, which is the most restrictive it can be.
func firstDefinition(l *store.Snapshot, id stix.ID) *agreement.Definition {
	versions, err := l.Versions(id)
	if err != nil || len(versions) == 0 {
		return nil
	}
	first := versions[0]
	for _, v := range versions[1:] {
		if v.Position < first.Position {
			first = v
		}
	}
	text, err := l.Text(first.Position, first.Entry)
	if err != nil || text == nil {
		return nil
	}
	tree := new(ijson.Tree)
	if err := tree.Parse(text, ijson.Limits{Depth: 1 << 20}); err != nil {
		return nil
	}
	d := agreement.DefinitionOf(stix.FromTree(tree))
	return &d
}

// definitions are those that one envelope is judged by: the collection's, and those that the envelope itself brings.
type definitions struct {
	col *store.Collection

	mu    sync.Mutex
	found map[stix.ID]*agreement.Definition // guarded by mu; nil values: the collection has none
	err   error                             // guarded by mu: the collection cannot be read
}

func (ds *definitions) of(id stix.ID) (agreement.Definition, bool) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	d, seen := ds.found[id]
	if !seen {
		err := ds.col.Snapshot(func(l *store.Snapshot) error {
			d = firstDefinition(l, id)
			return nil
		})
		if err != nil && ds.err == nil {
			ds.err = err
		}
		if ds.found == nil {
			ds.found = make(map[stix.ID]*agreement.Definition)
		}
		ds.found[id] = d
	}
	if d == nil {
		return agreement.Definition{}, false
	}
	return *d, true
}

// bring adds a definition that the envelope brings, unless its id is defined, and reports whether it did.
func (ds *definitions) bring(d agreement.Definition) bool {
	if _, known := ds.of(d.ID); known {
		return false
	}
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.found[d.ID] = &d
	return true
}

// resolve judges those objects again whose markings the envelope itself defines, so that the order of its objects makes no
// difference. A definition counts once it has passed itself.
func (j *judge) resolve(verdicts []verdict) {
	waiting := make(map[stix.ID][]*verdict)
	for i := range verdicts {
		for _, id := range verdicts[i].missing {
			waiting[id] = append(waiting[id], &verdicts[i])
		}
	}
	if len(waiting) == 0 {
		return
	}
	var passed []*verdict // definitions that something waits for
	see := func(v *verdict) {
		if v.passed && v.object.Type == "marking-definition" && len(waiting[v.object.ID]) > 0 {
			passed = append(passed, v)
		}
	}
	for i := range verdicts {
		see(&verdicts[i])
	}
	for len(passed) > 0 {
		definition := passed[0]
		passed = passed[1:]
		if !j.definitions.bring(agreement.DefinitionOf(definition.object)) {
			continue
		}
		for _, v := range waiting[definition.object.ID] {
			before := v.passed
			j.checkTerms(v)
			if !before {
				see(v)
			}
		}
	}
}
