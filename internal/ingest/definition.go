package ingest

import (
	"bytes"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Definition is a marking definition of a collection: the one that counts there.
type Definition struct {
	agreement.Definition
	Owner    store.Owner
	Sources  []uuid.UUID // see store.StoredVersion
	Position journal.Position

	text []byte
}

// Of reports whether a definition belongs to a party or to a release, or is the system's.
func (d *Definition) Of(party agreement.PartyName, source uuid.UUID) bool {
	if d.Owner == (store.Owner{}) {
		return true
	}
	if source != (uuid.UUID{}) {
		return slices.Contains(d.Sources, source)
	}
	return d.Owner.Source == (uuid.UUID{}) && d.Owner.Party == party
}

// Same reports whether two definitions have the same content.
func (d *Definition) Same(other *Definition) bool { return stix.SameContent(d.text, other.text) }

// Definitions returns the marking definitions of a collection at one moment, nil for none: of several texts under one id the
// first that came counts, whatever their dates. It caches what it finds and is valid as long as l.
func Definitions(l *store.Snapshot) func(id stix.ID) *Definition {
	cache := make(map[stix.ID]*Definition)
	return func(id stix.ID) *Definition {
		d, seen := cache[id]
		if !seen {
			d = firstDefinition(l, id)
			cache[id] = d
		}
		return d
	}
}

// firstDefinition reads the definition that came first under an id, nil if there is none. One that cannot be read is not
// understood, which is the most restrictive it can be.
func firstDefinition(l *store.Snapshot, id stix.ID) *Definition {
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
	text = bytes.Clone(text)
	tree := new(ijson.Tree)
	if err := tree.Parse(text, ijson.Limits{Depth: 1 << 20}); err != nil {
		return nil
	}
	return &Definition{agreement.DefinitionOf(stix.FromTree(tree)), first.Owner, first.Sources, first.Position, text}
}

// definitions are those that one envelope is judged by: the collection's, as far as they are the sender's or were sent along,
// and those that the envelope itself brings.
type definitions struct {
	col   *store.Collection
	party agreement.PartyName

	mu    sync.Mutex
	found map[stix.ID]*Definition // guarded by mu; nil values: the collection has none
	err   error                   // guarded by mu: the collection cannot be read
}

func (ds *definitions) of(id stix.ID) (agreement.Definition, bool) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	d := ds.read(id)
	if d == nil {
		return agreement.Definition{}, false
	}
	return d.Definition, true
}

// read returns the definition under an id. The caller holds mu.
func (ds *definitions) read(id stix.ID) *Definition {
	d, seen := ds.found[id]
	if seen {
		return d
	}
	err := ds.col.Snapshot(func(l *store.Snapshot) error {
		d = firstDefinition(l, id)
		return nil
	})
	if err != nil && ds.err == nil {
		ds.err = err
	}
	if d != nil {
		d.Foreign = !d.Of(ds.party, uuid.UUID{})
	}
	if ds.found == nil {
		ds.found = make(map[stix.ID]*Definition)
	}
	ds.found[id] = d
	return d
}

// bring adds a definition that the envelope brings, unless its id is defined otherwise, and reports whether it changes what
// counts.
func (ds *definitions) bring(o stix.Object) bool {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	d := ds.read(o.ID)
	switch {
	case d == nil:
		ds.found[o.ID] = &Definition{Definition: agreement.DefinitionOf(o)}
		return true
	case d.Foreign && stix.SameContent(d.text, o.Raw()):
		d.Foreign = false // the sender vouches for it
		return true
	}
	return false
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
		if !j.definitions.bring(definition.object) {
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
