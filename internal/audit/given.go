package audit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// GivenList lists which versions were given to whom between two moments, the oldest first.
type GivenList struct {
	Agreement string         `json:"agreement"`
	Since     time.Time      `json:"since,omitzero"`
	Until     time.Time      `json:"until,omitzero"` // not within it
	Party     string         `json:"party,omitempty"`
	Given     []GivenVersion `json:"given"`
	Lost      *delivery.Lost `json:"lost,omitempty"` // polls that could not be noted, whenever that was
	Next      string         `json:"next,omitempty"` // of the following page, if there is more
}

// GivenVersion is a version that an account was given.
type GivenVersion struct {
	At         time.Time        `json:"at"` // to a second
	Account    string           `json:"account"`
	Party      string           `json:"party,omitempty"`
	Way        delivery.Way     `json:"way,omitempty"` // none: a page of TAXII
	Filter     string           `json:"filter,omitempty"`
	Unfinished bool             `json:"unfinished,omitempty"` // the answer was not finished: it may not have arrived
	Position   journal.Position `json:"position"`
	Object     string           `json:"object"`
	Version    string           `json:"version,omitempty"`
}

// Given lists at most limit versions that were given in a span of time. next is empty for the first page.
func (v *View) Given(span delivery.Span, next string, limit int) (GivenList, error) {
	if err := v.All("the list of deliveries"); err != nil {
		return GivenList{}, err
	}
	at, err := parseGivenCursor(next)
	if err != nil {
		return GivenList{}, err
	}
	_, lost, err := v.consumers()
	if err != nil {
		return GivenList{}, err
	}
	span.Limit = limit + 1
	if at != nil {
		span.Limit += int(at.Skip)
		before := at.Run
		before.First-- // so that the run itself comes again
		span.After = &before
	}
	runs, more, err := v.Source.Deliveries.Given(v.col.ID(), span)
	if err != nil {
		return GivenList{}, err
	}
	answer := GivenList{Agreement: string(v.Agreement()), Since: span.From, Until: span.Until, Party: span.Party, Given: []GivenVersion{}, Lost: lost}
	for i, g := range runs {
		skip := uint64(0)
		if i == 0 && at != nil && at.Run.Compare(g) == 0 {
			skip = at.Skip
		}
		for n := skip; n < g.Count; n++ {
			if len(answer.Given) == limit {
				answer.Next = givenCursor{g, n}.String()
				return answer, nil
			}
			row := GivenVersion{At: g.At, Account: g.Account, Party: g.Party, Way: g.Way, Filter: g.Filter, Unfinished: g.Unfinished, Position: g.First + journal.Position(n)}
			e, _, err := v.col.Entry(row.Position)
			if err != nil && !errors.Is(err, store.ErrNoEntry) { // a restored journal may be shorter than its deliveries
				return GivenList{}, err
			}
			row.Object, row.Version = e.Object, e.Version
			answer.Given = append(answer.Given, row)
		}
	}
	if more {
		last := runs[len(runs)-1]
		answer.Next = givenCursor{last, last.Count}.String()
	}
	return answer, nil
}

// givenCursor is the place where a page ended: within a run, after so many of its versions.
type givenCursor struct {
	Run  delivery.Given `json:"run"`
	Skip uint64         `json:"skip"`
}

// String returns the cursor as a caller sends it back.
func (c givenCursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // it has texts, numbers and a time
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parseGivenCursor returns nil for the beginning.
func parseGivenCursor(next string) (*givenCursor, error) {
	if next == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(next)
	var c givenCursor
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil || c.Run.First == 0 || c.Skip > c.Run.Count || c.Run.Count > 1<<32 {
		return nil, badQuery("the parameter next is not one that a page gave")
	}
	return &c, nil
}
