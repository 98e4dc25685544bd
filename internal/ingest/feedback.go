package ingest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
)

// onlyFeedback refuses what a caller sends that may add feedback alone, and is none: objects of other types, and those that speak of
// nothing that a release brought.
func (j *judge) onlyFeedback(col *store.Collection, caller agreement.Caller, onBehalf bool, verdicts []verdict) error {
	if j.idle || onBehalf || agreement.Permit(j.terms, caller, agreement.Add, j.now) == nil {
		return nil
	}
	return col.Snapshot(func(l *store.Snapshot) error {
		for i := range verdicts {
			v := &verdicts[i]
			if !v.passed {
				continue
			}
			why := ""
			if err := agreement.PermitFeedback(j.terms, caller, v.object.Type, j.now); err != nil {
				why = err.Error()
			} else if about, err := speaksOfReleased(l, v.object); err != nil {
				return err
			} else if !about {
				why = "the party may add feedback alone, and the object speaks of nothing that a release brought to the agreement"
			}
			if why != "" {
				v.passed, v.message = false, why
			}
		}
		return nil
	})
}

// speaksOfReleased reports whether an object refers to one that a release brought.
func speaksOfReleased(l *store.Snapshot, o stix.Object) (bool, error) {
	t := o.Tree
	var ids []stix.ID
	see := func(node int) {
		if id, err := stix.ParseID(t.Str(node)); err == nil {
			ids = append(ids, id)
		}
	}
	for name, value := range t.Members(t.Root()) {
		switch word := t.Bytes(name); {
		case string(word) == "created_by_ref", string(word) == "object_marking_refs":
		case t.Kind(value) == ijson.String && bytes.HasSuffix(word, []byte("_ref")):
			see(value)
		case t.Kind(value) == ijson.Array && bytes.HasSuffix(word, []byte("_refs")):
			for item := range t.Items(value) {
				see(item)
			}
		}
	}
	for _, id := range ids {
		versions, err := l.Versions(id)
		if err != nil {
			return false, fmt.Errorf("look for %s: %w", id, err)
		}
		for _, v := range versions {
			if slices.ContainsFunc(v.Sources, func(source uuid.UUID) bool { return source != uuid.UUID{} }) {
				return true, nil
			}
		}
	}
	return false, nil
}
