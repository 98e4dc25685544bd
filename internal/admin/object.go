package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// ObjectState is what an agreement knows of an object, without its text, as an operator sees it.
type ObjectState struct {
	Object   stix.ID          `json:"object"`
	Owner    *ObjectOwner     `json:"owner,omitempty"`
	Versions []ObjectVersion  `json:"versions"`
	Removed  []RemovedVersion `json:"removed,omitempty"`

	Feedback map[string]int `json:"feedback,omitempty"` // objects that came back about it, by type
}

// ObjectOwner is a party, or the release that brought an object.
type ObjectOwner struct {
	Party    agreement.PartyName `json:"party,omitempty"`
	Released string              `json:"released,omitempty"` // the agreement it was released from, or its collection's id
}

// ObjectVersion is a version that is there.
type ObjectVersion struct {
	Version     string           `json:"version"` // of an object without versions: its date_added
	SpecVersion string           `json:"spec_version"`
	Added       time.Time        `json:"added"`
	Position    journal.Position `json:"position"`
	Account     string           `json:"account,omitempty"` // that added it
	Party       string           `json:"party,omitempty"`
	TLP         string           `json:"tlp,omitempty"`
	Released    []string         `json:"released,omitempty"`
	Owner       *ObjectOwner     `json:"owner,omitempty"`
}

// RemovedVersion is a version that is not there any more.
type RemovedVersion struct {
	Version     string           `json:"version,omitempty"`
	SpecVersion string           `json:"spec_version"`
	At          time.Time        `json:"at"`
	Position    journal.Position `json:"position"` // of the entry that removed it
	Account     string           `json:"account,omitempty"`
	Party       string           `json:"party,omitempty"`
	Reason      string           `json:"reason,omitempty"`
	Bars        string           `json:"bars"`
}

// ObjectRemoval is what an operator removes of an object.
type ObjectRemoval struct {
	Version string `json:"version,omitempty"`
	Bar     bool   `json:"bar,omitempty"`
	Reason  string `json:"reason"`
}

// ObjectRemoved is what came of an ObjectRemoval.
type ObjectRemoved struct {
	Removed int         `json:"removed"`
	State   ObjectState `json:"state"`
}

// Object says what an agreement knows of an object: ErrNotFound when its journal never had it.
func (s *Service) Object(name agreement.Name, id stix.ID) (ObjectState, error) {
	col, ok := s.store.Collection(name)
	if !ok {
		return ObjectState{}, s.missing(name)
	}
	if _, err := stix.ParseID(string(id)); err != nil {
		return ObjectState{}, &badRequest{err}
	}
	state, ok, err := col.ObjectState(id)
	if err != nil {
		return ObjectState{}, err
	}
	if !ok {
		return ObjectState{}, notFound("the agreement %s never had an object %s", name, id)
	}
	shown := ObjectState{Object: id, Owner: s.ownerShown(state.Owner), Versions: []ObjectVersion{}}
	if shown.Feedback, err = follow.FeedbackOn(s.store, col, id); err != nil {
		return ObjectState{}, err
	}
	for _, v := range state.Versions {
		shown.Versions = append(shown.Versions, s.versionShown(v))
	}
	for _, r := range state.Removed {
		shown.Removed = append(shown.Removed, RemovedVersion{Version: r.Entry.Version, SpecVersion: r.Entry.SpecVersion, At: r.Entry.At,
			Position: r.Position, Account: r.Entry.Account, Party: r.Entry.Party, Reason: r.Entry.Reason, Bars: r.Bars.String()})
	}
	return shown, nil
}

func (s *Service) versionShown(v store.StoredVersion) ObjectVersion {
	shown := ObjectVersion{Version: v.Entry.Version, SpecVersion: v.Spec, Added: v.Added.UTC(), Position: v.Position,
		Account: v.Entry.Account, Party: v.Entry.Party}
	if v.Unversioned {
		shown.Version = v.Added.UTC().Format(journal.TimeFormat)
		shown.Owner = s.ownerShown(v.Owner)
	}
	if v.Entry.TLP != 0 {
		shown.TLP = stix.TLP(v.Entry.TLP).String()
	}
	for _, source := range v.Sources {
		if source != (uuid.UUID{}) {
			shown.Released = append(shown.Released, s.agreementOf(source))
		}
	}
	return shown
}

// ownerShown returns nil for the zero Owner.
func (s *Service) ownerShown(o store.Owner) *ObjectOwner {
	switch {
	case o.Source != uuid.UUID{}:
		return &ObjectOwner{Released: s.agreementOf(o.Source)}
	case o.Party != "":
		return &ObjectOwner{Party: o.Party}
	}
	return nil
}

// agreementOf names the agreement of a collection: by its id, if there is none any more.
func (s *Service) agreementOf(id uuid.UUID) string {
	for _, col := range s.store.Collections() {
		if uuid.UUID(col.ID()) == id {
			return string(col.Agreement().Name)
		}
	}
	return id.String()
}

// RemoveObject removes versions of an object, whatever its owner and whatever the agreement's state.
func (s *Service) RemoveObject(ctx context.Context, by store.Actor, name agreement.Name, id stix.ID, r ObjectRemoval) (ObjectRemoved, error) {
	if r.Reason == "" {
		return ObjectRemoved{}, &badRequest{fmt.Errorf("reason is empty: the journal keeps why an operator removes what is a party's")}
	}
	removal := &store.Removal{ID: id, Kind: journal.Deleted, Operator: true, Bar: r.Bar, Reason: r.Reason}
	if r.Version != "" {
		instant, err := stix.ParseInstant(r.Version)
		if err != nil {
			return ObjectRemoved{}, &badRequest{fmt.Errorf("version: %w", err)}
		}
		removal.Versions.Exact = []stix.Instant{instant}
	}
	if _, err := s.Object(name, id); err != nil {
		return ObjectRemoved{}, err
	}
	col, ok := s.store.Collection(name)
	if !ok {
		return ObjectRemoved{}, s.missing(name)
	}
	result, err := col.Append(ctx, store.Batch{Actor: by, Changes: []store.Change{{Remove: removal}}})
	if err != nil {
		return ObjectRemoved{}, fmt.Errorf("remove %s from %s: %w", id, name, err)
	}
	removed := len(result.Outcomes[0].Positions)
	if removed == 0 {
		return ObjectRemoved{}, notFound("the agreement %s does not hold %s, or not in that version", name, id)
	}
	state, err := s.Object(name, id)
	return ObjectRemoved{Removed: removed, State: state}, err
}
