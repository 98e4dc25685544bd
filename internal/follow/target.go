package follow

import (
	"slices"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// targetVersion is one version in the target as it will be after the changes of the batch so far.
type targetVersion struct {
	key     string // as versionKey has it
	at      string // instant; for an unversioned object, of its date_added
	version string
	spec    string
	digest  journal.Digest
	from    journal.Position // in this source's journal; 0 if it came from elsewhere
	ours    bool             // this source is among its provenance
	others  bool             // so is another source or an account
	instant stix.Instant

	sealed   journal.Digest   // of a changed copy; see store.Addition.Original
	position journal.Position // in the target's journal; 0 for one that the batch adds
	recorded journal.Entry    // its entry there
}

// versionKey identifies a version among those of its object: by instant and spec version, or by content.
func versionKey(e journal.Entry) string {
	if e.Version == "" {
		return "u" + string(e.Digest[:])
	}
	return "v" + instantKey(e) + e.SpecVersion
}

// targetObject is what the target has of one object.
type targetObject struct{ versions []targetVersion }

func (h *targetObject) find(key string) *targetVersion {
	for i := range h.versions {
		if h.versions[i].key == key {
			return &h.versions[i]
		}
	}
	return nil
}

// from returns the version that an entry of the source brought.
func (h *targetObject) from(p journal.Position) *targetVersion {
	for i := range h.versions {
		if h.versions[i].from == p {
			return &h.versions[i]
		}
	}
	return nil
}

// targetObject reads what the target has of an object, once per batch.
func (b *batch) targetObject(id stix.ID) (*targetObject, error) {
	if h, ok := b.objects[id]; ok {
		return h, nil
	}
	vs, err := b.target.Versions(b.ids.to(id))
	if err != nil {
		return nil, err
	}
	h := &targetObject{}
	for _, v := range vs {
		h.versions = append(h.versions, targetVersionOf(v, b.route.source.ID()))
	}
	b.objects[id] = h
	return h, nil
}

func targetVersionOf(v store.StoredVersion, source uuid.UUID) targetVersion {
	h := targetVersion{
		key: versionKey(v.Entry), at: string(v.Instant.AppendKey(nil)), version: v.Entry.Version, spec: v.Spec,
		digest: v.Entry.Digest, instant: v.Instant, ours: slices.Contains(v.Sources, source),
	}
	h.position, h.recorded, h.sealed = v.Position, v.Entry, v.Entry.Before
	h.others = len(v.Sources) > 1 || !h.ours
	if v.Entry.Source.Collection == source {
		h.from = v.Entry.Source.Position
	}
	return h
}

// holds reports whether the target has any version of an object.
func (b *batch) holds(id stix.ID) bool {
	if b.inConflict(id) {
		return false
	}
	if h, ok := b.objects[id]; ok {
		return len(h.versions) > 0
	}
	return b.target.Holds(b.ids.to(id))
}

// of reports whether a version came from an entry of the source.
func (h *targetVersion) of(e *entry) bool {
	return h.key == e.key || h.from > 0 && h.from == e.position
}

// withdrawal says what to withdraw of an object, and why.
type withdrawal struct {
	pick      func(*targetVersion) bool // nil: all versions
	reason    string
	by        journal.Position // of the entry in the source that causes it; 0 if none does
	mayReturn bool             // it is because of the terms, not of the object
	replaced  bool             // another copy of the version takes its place
}

// withdraw withdraws the versions of an object that this source brought and that w selects. Versions with another
// provenance stay in the target. If the object is gone afterwards, what refers to it is withdrawn next.
func (b *batch) withdraw(id stix.ID, w withdrawal) error {
	h, err := b.targetObject(id)
	if err != nil {
		return err
	}
	ours, picked := 0, make([]int, 0, len(h.versions))
	for i := range h.versions {
		if !h.versions[i].ours {
			continue
		}
		ours++
		if w.pick == nil || w.pick(&h.versions[i]) {
			picked = append(picked, i)
		}
	}
	if len(picked) == 0 {
		return nil
	}
	if b.hides() {
		w.reason = b.ids.text(w.reason, nil) // auditors of the target read it
	}
	removal := store.Removal{ID: b.ids.to(id), Kind: journal.Withdrawn, Reason: w.reason, OnlyFrom: b.route.source.ID(), MayReturn: w.mayReturn}
	if w.by > 0 {
		removal.Source = journal.Source{Collection: b.route.source.ID(), Position: w.by}
	}
	if len(picked) == ours {
		b.change(store.Change{Remove: &removal}, 0)
	} else {
		for _, i := range picked {
			b.change(store.Change{Remove: oneOf(removal, &h.versions[i])}, 0)
		}
	}
	b.withdrawn += len(picked)
	for _, i := range picked {
		v := &h.versions[i]
		v.ours = false
		if b.took != nil {
			b.took(id, v, w)
		}
		if b.observe != nil && v.from > 0 && !w.replaced {
			b.observe(v.from, nil, Blocked, []string{w.reason}, "")
		}
		if !v.others && !w.mayReturn {
			b.removedHere[string(id)+v.key] = true
		}
	}
	h.versions = slices.DeleteFunc(h.versions, func(v targetVersion) bool { return !v.ours && !v.others })
	if len(h.versions) == 0 && !w.replaced {
		t := task{kind: taskCascade, id: id}
		if w.mayReturn {
			t.kind = taskCascadeTerms
		}
		b.tasks = append(b.tasks, t)
	}
	return nil
}

// oneOf returns a removal that is for one version.
func oneOf(removal store.Removal, v *targetVersion) *store.Removal {
	removal.Specs = []string{v.spec}
	if v.version == "" {
		removal.Digest = v.digest
	} else {
		removal.Versions = store.Versions{Exact: []stix.Instant{v.instant}}
	}
	return &removal
}
