package admin

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/index"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// receivedRoutes are the paths of what parties received.
var receivedRoutes = []route{{
	method: http.MethodGet, path: "parties/{name}/received/", reach: operators, memory: largeAnswer, long: true, do: (*Service).serveReceived,
	summary: "Count what a party received", note: "Under the agreements that it is in, by month of delivery, of the last twelve, and by type and marking: each version once a month, however often it was given.",
	answer: Received{},
}}

// Received is what a party was given, by month.
type Received struct {
	Party      agreement.PartyName `json:"party"`
	Months     []ReceivedMonth     `json:"months"`               // the newest first
	Incomplete bool                `json:"incomplete,omitempty"` // there is more than is counted at once: the oldest of it is missing
	Feedback   map[string]uint64   `json:"feedback,omitempty"`   // what the party says about objects: its notes, opinions and sightings
}

// ReceivedMonth counts versions that were given in a month.
type ReceivedMonth struct {
	Month    string            `json:"month"` // 2026-03
	Versions uint64            `json:"versions"`
	Types    map[string]uint64 `json:"types"`
	TLP      map[string]uint64 `json:"tlp"` // "" for none
}

// Bounds of Received.
const (
	receivedMonths  = 12
	receivedEntries = 50_000 // that are read
)

func (s *Service) serveReceived(c call) (any, error) {
	return s.Received(c.Context(), agreement.PartyName(c.name()))
}

// Received counts what a party's accounts were given in the last months.
func (s *Service) Received(ctx context.Context, name agreement.PartyName) (Received, error) {
	if _, ok := s.store.Registry().Party(name); !ok {
		return Received{}, notFound("there is no party %s", name)
	}
	if s.audit.Deliveries == nil {
		return Received{}, audit.ErrNotNoted
	}
	answer := Received{Party: name, Months: []ReceivedMonth{}}
	var err error
	now := s.now().UTC()
	from := time.Date(now.Year(), now.Month()-receivedMonths+1, 1, 0, 0, 0, 0, time.UTC)
	months := map[string]*ReceivedMonth{}
	left := receivedEntries
	for _, col := range s.store.Collections() {
		if _, member := col.Agreement().Member(name); !member {
			continue
		}
		given := map[string][]delivery.Given{}
		err = s.audit.Deliveries.EachGiven(col.ID(), string(name), func(g delivery.Given) {
			if !g.Unfinished && !g.At.Before(from) {
				given[g.At.Format("2006-01")] = append(given[g.At.Format("2006-01")], g)
			}
		})
		if err != nil {
			return Received{}, err
		}
		for _, month := range slices.Backward(slices.Sorted(maps.Keys(given))) {
			if months[month] == nil {
				months[month] = &ReceivedMonth{Month: month, Types: map[string]uint64{}, TLP: map[string]uint64{}}
			}
			if err := ctx.Err(); err != nil {
				return Received{}, err
			}
			if left, err = months[month].count(col, given[month], left); err != nil {
				return Received{}, err
			}
		}
	}
	answer.Incomplete = left == 0
	if answer.Feedback, err = s.feedbackOf(ctx, name); err != nil {
		return Received{}, err
	}
	for _, m := range months {
		answer.Months = append(answer.Months, *m)
	}
	slices.SortFunc(answer.Months, func(a, b ReceivedMonth) int { return cmp.Compare(b.Month, a.Month) })
	return answer, nil
}

// feedbackTypes are the types of objects that say something about others.
var feedbackTypes = []string{"note", "opinion", "sighting"}

// feedbackOf counts what a party says about objects, by the index; without one it is not counted.
func (s *Service) feedbackOf(ctx context.Context, name agreement.PartyName) (map[string]uint64, error) {
	x, err := s.index()
	if err != nil {
		return nil, nil
	}
	var scope index.Scope
	for _, col := range s.store.Collections() {
		if _, member := col.Agreement().Member(name); member {
			scope = append(scope, index.Readable{Collection: col, Parties: true})
		}
	}
	counts := map[string]uint64{}
	for _, typ := range feedbackTypes {
		found, err := x.Search(ctx, scope, index.Query{Types: []string{typ}, Parties: []string{string(name)}, Limit: 1})
		if errors.Is(err, index.ErrUnavailable) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if found.Total > 0 {
			counts[typ] = found.Total
		}
	}
	return counts, nil
}

// count counts the versions of some runs of one collection, each once, until so many entries were read.
func (m *ReceivedMonth) count(col *store.Collection, runs []delivery.Given, left int) (int, error) {
	slices.SortFunc(runs, func(a, b delivery.Given) int { return cmp.Compare(a.First, b.First) })
	next := journal.Position(0)
	for _, r := range runs {
		first, end := max(r.First, next), r.First+journal.Position(r.Count)
		if first >= end {
			continue
		}
		next = end
		err := col.Entries(first, min(left, int(end-first)), func(p journal.Position, e journal.Entry, _ []byte) bool {
			if p >= end {
				return false
			}
			left--
			if e.Kind == journal.Added {
				m.Versions++
				m.Types[stix.ID(e.Object).Type()]++
				m.TLP[stix.TLP(e.TLP).String()]++
			}
			return true
		})
		if err != nil || left == 0 {
			return left, err
		}
	}
	return left, nil
}
