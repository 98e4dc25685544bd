package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/index"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// searchRoutes find objects over all agreements that the caller may read, by the index.
var searchRoutes = []route{
	{
		method: http.MethodGet, path: "search/", reach: accounts, do: (*Service).serveSearch, memory: searchAnswer, long: true,
		summary: "Find objects", note: "Among all that the account may read, the newest first. What is shown of an object is a delivery. total counts all that was found; next is missing on the last page.",
		query: searchParameters, answer: index.Results{},
	},
	{
		method: http.MethodPost, path: "search/", reach: accounts, asks: true, do: (*Service).servePostedSearch, memory: searchAnswer, long: true,
		summary: "Find objects by many values", note: "As GET, with up to 10,000 values of q. With more than one, facets.value counts the objects that each has.",
		body: Search{}, answer: index.Results{},
	},
	{
		method: http.MethodGet, path: "graph/{id}/", reach: accounts, do: (*Service).serveGraph, memory: searchAnswer, long: true,
		summary: "Get an object with its neighbours", note: "What it refers to and what refers to it, step by step. What a relationship or sighting joins is one step apart.",
		query: []string{"depth"}, answer: index.Graph{},
	},
	{
		method: http.MethodGet, path: "stats/", reach: accounts, do: (*Service).serveStats, memory: searchAnswer, long: true,
		summary: "Count what the account could pull", note: "By type, TLP, author, label, agreement and time of arrival.",
		query: []string{"agreement"}, answer: Stats{},
	},
}

// searchParameters are the parameters of a search in a query; those that are lists may be repeated.
var (
	searchLists      = []string{"q", "type", "created_by_ref", "label", "tlp", "agreement"}
	searchSingles    = []string{"since", "confidence", "valid", "content", "limit", "next"}
	searchParameters = slices.Concat(searchLists, searchSingles)
)

// Search is a question for objects. Its parts narrow each other; within a list any one is enough.
type Search struct {
	Q          []string `json:"q,omitempty"` // addresses, ranges, domains, URLs, hashes, names, words: an object has one of them
	Type       []string `json:"type,omitempty"`
	Producer   []string `json:"created_by_ref,omitempty"`
	Label      []string `json:"label,omitempty"`
	TLP        []string `json:"tlp,omitempty"`
	Agreement  []string `json:"agreement,omitempty"`
	Since      string   `json:"since,omitempty"`      // date_added at or after: RFC 3339, or a date
	Confidence int      `json:"confidence,omitempty"` // at least, 1 to 100
	Valid      bool     `json:"valid,omitempty"`      // not revoked, and valid at this moment
	Content    bool     `json:"content,omitempty"`    // results carry the objects themselves
	Limit      int      `json:"limit,omitempty"`      // most results, to 1000; 50 if not said
	Next       string   `json:"next,omitempty"`       // from the answer before
}

// Stats says what a caller could pull.
type Stats struct {
	Objects uint64                   `json:"objects"`
	Facets  map[string][]index.Count `json:"facets"`
	Behind  uint64                   `json:"behind,omitempty"` // entries that the index has yet to read
}

// readable returns the agreements that a caller may read now, of those that are named if any are.
func (s *Service) readable(caller agreement.Caller, named []string) (scope index.Scope) {
	now := s.now()
	for _, col := range s.store.Collections() {
		a := col.Agreement()
		if len(named) > 0 && !slices.Contains(named, string(a.Name)) {
			continue
		}
		if agreement.Permit(a, caller, agreement.Read, now) == nil {
			scope = append(scope, index.Readable{Collection: col, Parties: caller.Operator})
		}
	}
	return scope
}

func (s *Service) serveSearch(c call) (any, error) {
	values, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return nil, badQuery("read the query: %w", err)
	}
	q := Search{Q: values["q"], Type: values["type"], Producer: values["created_by_ref"], Label: values["label"], TLP: values["tlp"],
		Agreement: values["agreement"], Since: values.Get("since"), Next: values.Get("next")}
	for name, given := range values {
		if !slices.Contains(searchParameters, name) {
			return nil, badQuery("there is no parameter %q here, only %s", name, strings.Join(searchParameters, ", "))
		}
		if len(given) > 1 && slices.Contains(searchSingles, name) {
			return nil, badQuery("the parameter %s is given %d times", name, len(given))
		}
	}
	for name, into := range map[string]*int{"confidence": &q.Confidence, "limit": &q.Limit} {
		if text := values.Get(name); text != "" {
			if *into, err = strconv.Atoi(text); err != nil || *into < 1 {
				return nil, badQuery("the parameter %s is %q, expected a whole number from 1 on", name, text)
			}
		}
	}
	for name, into := range map[string]*bool{"valid": &q.Valid, "content": &q.Content} {
		if text, given := values[name]; given {
			if *into, err = strconv.ParseBool(text[0]); err != nil && text[0] != "" {
				return nil, badQuery("the parameter %s is %q, expected true or false", name, text[0])
			}
			*into = *into || text[0] == ""
		}
	}
	return s.search(c, q)
}

func (s *Service) servePostedSearch(c call) (any, error) {
	var q Search
	if err := readJSON(c.Request, &q); err != nil {
		return nil, err
	}
	return s.search(c, q)
}

// search asks the index, and notes what it shows of objects before the answer goes.
func (s *Service) search(c call, q Search) (any, error) {
	x, err := s.index()
	if err != nil {
		return nil, err
	}
	asked := index.Query{Values: q.Q, Types: q.Type, Producers: q.Producer, Labels: q.Label, Confidence: q.Confidence, Valid: q.Valid,
		Limit: q.Limit, Next: q.Next, Facets: q.Next == "", Content: q.Content}
	if asked.Since, err = readSince(q.Since); err != nil {
		return nil, err
	}
	if q.Confidence < 0 || q.Confidence > 100 {
		return nil, badQuery("confidence is %d, expected 1 to 100", q.Confidence)
	}
	for _, name := range q.TLP {
		level, err := stix.ParseTLP(name)
		if err != nil {
			return nil, badQuery("tlp: %w", err)
		}
		asked.TLP = append(asked.TLP, level)
	}
	answer, err := x.Search(c.Context(), s.readable(c.caller, q.Agreement), asked)
	if err != nil {
		return nil, err
	}
	shown := shown{}
	for i := range answer.Results {
		r := &answer.Results[i]
		shown.add(r.Source())
	}
	return s.deliver(c, answer, shown, delivery.Search)
}

// readSince reads a moment: RFC 3339, or a date, whose day begins in UTC.
func readSince(text string) (at time.Time, err error) {
	if text == "" {
		return at, nil
	}
	if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
		at, err = time.Parse(time.DateOnly, text)
	}
	if err != nil {
		return at, badQuery("since is %q, expected a date such as 2026-03-01 or a time such as 2026-03-01T12:00:00Z", text)
	}
	return at.UTC(), nil
}

func (s *Service) serveGraph(c call) (any, error) {
	x, err := s.index()
	if err != nil {
		return nil, err
	}
	values, err := parameters(c.Request, "depth")
	if err != nil {
		return nil, err
	}
	depth, err := number(values, "depth", 1)
	if err != nil {
		return nil, err
	}
	if depth > index.MostDepth {
		return nil, badQuery("depth is %d, expected 0 to %d", depth, index.MostDepth)
	}
	id, err := stix.ParseID(c.PathValue("id"))
	if err != nil {
		return nil, badQuery("%w", err)
	}
	g, err := x.Graph(c.Context(), s.readable(c.caller, nil), string(id), int(depth))
	if errors.Is(err, index.ErrUnknownObject) {
		return nil, notFound("there is no object %s that this account may read", id)
	}
	if err != nil {
		return nil, err
	}
	shown := shown{}
	for _, n := range g.Nodes {
		for _, source := range n.Sources() {
			shown.add(source)
		}
	}
	return s.deliver(c, g, shown, delivery.Graph)
}

func (s *Service) serveStats(c call) (any, error) {
	x, err := s.index()
	if err != nil {
		return nil, err
	}
	values, err := parameters(c.Request, "agreement")
	if err != nil {
		return nil, err
	}
	answer, err := x.Count(c.Context(), s.readable(c.caller, values["agreement"]))
	if err != nil {
		return nil, err
	}
	return Stats{Objects: answer.Total, Facets: answer.Facets, Behind: answer.Behind}, nil
}

// shown collects the versions whose text an answer shows, by collection.
type shown map[uuid.UUID][]journal.Position

func (d shown) add(s index.Source) {
	d[s.Collection.ID()] = append(d[s.Collection.ID()], s.Position)
}

// deliver notes that the caller is about to be shown objects, and returns the answer that does.
func (s *Service) deliver(c call, answer any, shown shown, way delivery.Way) (any, error) {
	if s.audit.Deliveries == nil {
		return answer, nil
	}
	return noted{answer, func() (func(bool), error) {
		var begun []*delivery.Begun
		ended := func(whole bool) {
			for _, b := range begun {
				b.End(whole)
			}
		}
		for collection, positions := range shown {
			slices.Sort(positions)
			b, err := s.audit.Deliveries.Begin(c.Context(), delivery.Delivery{Collection: collection, Account: string(c.caller.Account),
				Party: string(c.caller.Party), Way: way, Positions: slices.Compact(positions), At: s.now()})
			if err != nil {
				ended(false)
				return nil, fmt.Errorf("note a delivery: %w", err)
			}
			begun = append(begun, b)
		}
		return ended, nil
	}}, nil
}
