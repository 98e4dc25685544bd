package admin

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// placeRoutes find an object by its id over all agreements. They need no index.
var placeRoutes = []route{{
	method: http.MethodGet, path: "objects/{id}/", reach: accounts, do: (*Service).servePlaces, memory: searchAnswer, long: true,
	summary: "Find the agreements that have an object", note: "Among those that the account may read: the object's versions in each. Not its text, which each agreement's content/ has by the position.",
	answer: Places{},
}, {
	method: http.MethodGet, path: "objects/{id}/text/", reach: accounts, do: (*Service).servePlacedText, memory: largeAnswer,
	summary: "Get the text of one version of an object", note: "As it was sent, for accounts that may read the agreement. entry is the version's position. A delivery.",
	query: []string{"agreement", "entry"}, answer: plain{mediaType: "application/json"},
}}

// Places says where an object is, as far as a caller may read.
type Places struct {
	Object stix.ID `json:"object"`
	Places []Place `json:"places"`
}

// Place is an object in one agreement.
type Place struct {
	Agreement agreement.Name `json:"agreement"`
	Versions  []PlaceVersion `json:"versions"` // the oldest first, at most the newest 1,000
	More      int            `json:"more,omitempty"`
}

// PlaceVersion is one version of an object in an agreement.
type PlaceVersion struct {
	Version     string           `json:"version"` // of an object without versions: its date_added
	SpecVersion string           `json:"spec_version"`
	Added       time.Time        `json:"date_added"`
	Position    journal.Position `json:"position"`
	TLP         string           `json:"tlp,omitempty"`
	Size        uint64           `json:"size"`
	Party       string           `json:"party,omitempty"`    // that added it, if the caller may know
	Released    bool             `json:"released,omitempty"` // a release brought it
}

// mostPlaceVersions bounds the versions of one agreement in an answer.
const mostPlaceVersions = 1000

func (s *Service) servePlaces(c call) (any, error) {
	id, err := stix.ParseID(string(c.object()))
	if err != nil {
		return nil, badQuery("%w", err)
	}
	found := Places{Object: id, Places: []Place{}}
	for _, r := range s.readable(c.caller, nil) {
		place, err := s.placeOf(r.Collection, id, c.caller)
		if err != nil {
			return nil, err
		}
		if len(place.Versions) > 0 {
			found.Places = append(found.Places, place)
		}
	}
	if len(found.Places) == 0 {
		return nil, notFound("there is no object %s that this account may read", id)
	}
	slices.SortFunc(found.Places, func(a, b Place) int { return cmp.Compare(a.Agreement, b.Agreement) })
	return found, nil
}

// placeOf returns the versions of an object in one agreement.
func (s *Service) placeOf(col *store.Collection, id stix.ID, caller agreement.Caller) (Place, error) {
	a := col.Agreement()
	members := agreement.Permit(a, caller, agreement.SeeMembers, s.now()) == nil
	place := Place{Agreement: a.Name, Versions: []PlaceVersion{}}
	err := col.Snapshot(func(l *store.Snapshot) error {
		if !l.Holds(id) {
			return nil
		}
		versions, err := l.Versions(id)
		if err != nil {
			return err
		}
		if place.More = max(0, len(versions)-mostPlaceVersions); place.More > 0 {
			versions = versions[place.More:]
		}
		for _, v := range versions {
			shown := PlaceVersion{Version: v.Entry.Version, SpecVersion: v.Spec, Added: v.Added.UTC(), Position: v.Position, Size: v.Entry.Size,
				Released: !v.Entry.Source.IsZero()}
			if v.Unversioned {
				shown.Version = v.Added.UTC().Format(journal.TimeFormat)
			}
			if v.Entry.TLP != 0 {
				shown.TLP = stix.TLP(v.Entry.TLP).String()
			}
			if party := agreement.PartyName(v.Entry.Party); members || party == caller.Party {
				shown.Party = v.Entry.Party
			}
			place.Versions = append(place.Versions, shown)
		}
		return nil
	})
	return place, err
}

// servePlacedText serves the text of the version that an entry of an agreement added.
func (s *Service) servePlacedText(c call) (any, error) {
	values, err := parameters(c.Request, "agreement", "entry")
	if err != nil {
		return nil, err
	}
	position, err := number(values, "entry", 0)
	if err != nil {
		return nil, err
	}
	missing := notFound("there is no such version of %s that this account may read", c.object())
	col, ok := s.store.Collection(agreement.Name(values.Get("agreement")))
	if !ok || agreement.Permit(col.Agreement(), c.caller, agreement.See, s.now()) != nil {
		return nil, missing
	}
	if err := agreement.Permit(col.Agreement(), c.caller, agreement.Read, s.now()); err != nil {
		return nil, err
	}
	p := journal.Position(position)
	e, _, err := col.Entry(p)
	if errors.Is(err, store.ErrNoEntry) || err == nil && (e.Kind != journal.Added || e.Object != string(c.object())) {
		err = missing
	}
	if err != nil {
		return nil, err
	}
	text, ok, err := col.ObjectAt(p)
	if err == nil && !ok {
		err = missing
	}
	if err != nil {
		return nil, err
	}
	return s.deliver(c, plain{mediaType: "application/json", body: text}, shown{col.ID(): {p}}, delivery.Content)
}
