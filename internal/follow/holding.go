package follow

import (
	"slices"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// held is one version in the target, as it will be after what the batch has done so far.
type held struct {
	key     string // as versionKey has it
	at      string // instant, of an unversioned object its date_added
	version string
	spec    string
	digest  journal.Digest
	from    journal.Position // where this source's journal has it; 0 when another brought it
	mine    bool             // this source vouches for it
	others  bool             // somebody else does
	instant stix.Instant
}

// versionKey tells the versions of an object apart: by instant and spec version, else by content.
func versionKey(e journal.Entry) string {
	if e.Version == "" {
		return "u" + string(e.Digest[:])
	}
	return "v" + instantKey(e) + e.SpecVersion
}

// holding is what the target has of one object.
type holding struct{ versions []held }

func (h *holding) find(key string) *held {
	for i := range h.versions {
		if h.versions[i].key == key {
			return &h.versions[i]
		}
	}
	return nil
}

// holding reads what the target has of an object, once a batch.
func (w *work) holding(id stix.ID) (*holding, error) {
	if h, ok := w.holdings[id]; ok {
		return h, nil
	}
	vs, err := w.target.Versions(id)
	if err != nil {
		return nil, err
	}
	h := &holding{}
	for _, v := range vs {
		h.versions = append(h.versions, heldOf(v, w.flow.source.ID()))
	}
	w.holdings[id] = h
	return h, nil
}

func heldOf(v store.HeldVersion, source uuid.UUID) held {
	h := held{
		key: versionKey(v.Entry), at: string(v.Instant.AppendKey(nil)), version: v.Entry.Version, spec: v.Spec,
		digest: v.Entry.Digest, instant: v.Instant, mine: slices.Contains(v.Vouchers, source),
	}
	h.others = len(v.Vouchers) > 1 || !h.mine
	if v.Entry.Source.Collection == source {
		h.from = v.Entry.Source.Position
	}
	return h
}

// holds says whether the target has any version of an object.
func (w *work) holds(id stix.ID) bool {
	if h, ok := w.holdings[id]; ok {
		return len(h.versions) > 0
	}
	return w.target.Holds(id)
}

// takeBack takes those versions of an object back that this source brought and pick names, with a reason. What somebody
// else vouches for stays. When nothing is left of the object, what refers to it is taken back next.
func (w *work) takeBack(id stix.ID, pick func(*held) bool, reason string, by journal.Position) error {
	h, err := w.holding(id)
	if err != nil {
		return err
	}
	mine, picked := 0, make([]int, 0, len(h.versions))
	for i := range h.versions {
		if !h.versions[i].mine {
			continue
		}
		mine++
		if pick(&h.versions[i]) {
			picked = append(picked, i)
		}
	}
	if len(picked) == 0 {
		return nil
	}
	removal := store.Removal{ID: id, Kind: journal.Withdrawn, Reason: reason, OnlyFrom: w.flow.source.ID()}
	if by > 0 {
		removal.Source = journal.Source{Collection: w.flow.source.ID(), Position: by}
	}
	if len(picked) == mine {
		w.change(store.Change{Remove: &removal}, 0)
	} else {
		for _, i := range picked {
			one, v := removal, &h.versions[i]
			one.Specs = []string{v.spec}
			if v.version == "" {
				one.Digest = v.digest
			} else {
				one.Versions = store.Versions{Exact: []stix.Instant{v.instant}}
			}
			w.change(store.Change{Remove: &one}, 0)
		}
	}
	w.withdrawn += len(picked)
	for _, i := range picked {
		h.versions[i].mine = false
		if w.note != nil && h.versions[i].from > 0 {
			w.note(h.versions[i].from, nil, Blocked, []string{reason}, "")
		}
		if !h.versions[i].others {
			w.buried[string(id)+h.versions[i].key] = true
		}
	}
	h.versions = slices.DeleteFunc(h.versions, func(v held) bool { return !v.mine && !v.others })
	if len(h.versions) == 0 {
		w.tasks = append(w.tasks, task{taskCascade, id})
	}
	return nil
}
