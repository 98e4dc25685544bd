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

// targetObject reads what the target has of an object, once per batch.
func (b *batch) targetObject(id stix.ID) (*targetObject, error) {
	if h, ok := b.objects[id]; ok {
		return h, nil
	}
	vs, err := b.target.Versions(id)
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
	h.position, h.recorded = v.Position, v.Entry
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
	return b.target.Holds(id)
}

// withdraw withdraws the versions of an object that this source brought and that pick selects. Versions with another
// provenance stay in the target. If the object is gone afterwards, what refers to it is withdrawn next.
func (b *batch) withdraw(id stix.ID, pick func(*targetVersion) bool, reason string, by journal.Position) error {
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
		if pick(&h.versions[i]) {
			picked = append(picked, i)
		}
	}
	if len(picked) == 0 {
		return nil
	}
	removal := store.Removal{ID: id, Kind: journal.Withdrawn, Reason: reason, OnlyFrom: b.route.source.ID()}
	if by > 0 {
		removal.Source = journal.Source{Collection: b.route.source.ID(), Position: by}
	}
	if len(picked) == ours {
		b.change(store.Change{Remove: &removal}, 0)
	} else {
		for _, i := range picked {
			one, v := removal, &h.versions[i]
			one.Specs = []string{v.spec}
			if v.version == "" {
				one.Digest = v.digest
			} else {
				one.Versions = store.Versions{Exact: []stix.Instant{v.instant}}
			}
			b.change(store.Change{Remove: &one}, 0)
		}
	}
	b.withdrawn += len(picked)
	for _, i := range picked {
		h.versions[i].ours = false
		if b.observe != nil && h.versions[i].from > 0 {
			b.observe(h.versions[i].from, nil, Blocked, []string{reason}, "")
		}
		if !h.versions[i].others {
			b.removedHere[string(id)+h.versions[i].key] = true
		}
	}
	h.versions = slices.DeleteFunc(h.versions, func(v targetVersion) bool { return !v.ours && !v.others })
	if len(h.versions) == 0 {
		b.tasks = append(b.tasks, task{kind: taskCascade, id: id})
	}
	return nil
}
