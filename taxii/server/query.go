package server

import (
	"time"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// question is what a GET asks of a collection.
type question struct {
	filter taxii.Filter // with its cursor applied
	query  store.Query
	pages  pageRules
	none   bool // nothing can match: no id asked for has the form of a STIX id (T-077)
}

// ask reads the filters of a request on a collection. A resource without match[id] is about the one object of its path.
func (s *Server) ask(c echo.Context, col *store.Collection, defined taxii.ParamSet, pages pageRules) (question, error) {
	filter, err := taxii.ParseFilter(c.Request().URL.RawQuery, defined, s.filterLimits())
	if err != nil {
		return question{}, err
	}
	if defined&taxii.ParamID == 0 {
		filter = filter.OfObject(c.Param("object"))
	}
	filter, err = filter.Resolve(col.ID())
	if err != nil {
		return question{}, err
	}
	q := question{filter: filter, pages: pages, query: store.Query{
		Types:    filter.Types,
		Specs:    filter.Specs,
		Limit:    pages.size,
		MaxBytes: s.limits.PageBytes,
	}}
	if filter.Limit > 0 {
		q.query.Limit = min(filter.Limit, pages.most) // a larger limit is capped, never refused (T-089)
	}
	if q.query.Versions, err = versionsOf(filter.Versions); err != nil {
		return question{}, err
	}
	for _, text := range filter.IDs {
		if id, err := stix.ParseID(text); err == nil {
			q.query.IDs = append(q.query.IDs, id)
		}
	}
	q.none = len(filter.IDs) > 0 && len(q.query.IDs) == 0
	if filter.HasAddedAfter && filter.AddedAfter.After(epoch) {
		q.query.After = filter.AddedAfter
	}
	return q, nil
}

// versionsOf returns match[version] in the store's terms: exact versions are instants (T-084).
func versionsOf(v taxii.VersionFilter) (store.Versions, error) {
	versions := store.Versions{All: v.All, First: v.First, Last: v.Last}
	for _, text := range v.Exact {
		in, err := stix.ParseInstant(text)
		if err != nil {
			return store.Versions{}, &taxii.ParameterError{Param: "match[version]", Value: text, Problem: err.Error()}
		}
		versions.Exact = append(versions.Exact, in)
	}
	return versions, nil
}

// epoch is before every date_added.
var epoch = time.Unix(0, 0).UTC()

// began returns where the scan for an empty answer began: a client that goes on from there misses nothing (T-101).
func (q *question) began() time.Time {
	if q.filter.HasAddedAfter {
		return q.filter.AddedAfter
	}
	return epoch
}

// dates are the date_added of the first and the last item of an answer, for its headers (TAXII 2.1, section 3.2).
func (q *question) dates(p *store.Page) (first, last string) {
	from, to := p.First, p.Last
	if p.Count == 0 {
		from, to = q.began(), q.began()
	}
	var buf [64]byte
	text := taxii.AppendTime(buf[:0], from)
	cut := len(text)
	both := string(taxii.AppendTime(text, to))
	return both[:cut], both[cut:]
}

// appendTail ends a page: its list, more and next. A page with items always has more, and next exactly when more is true
// (T-091, T-092).
func (q *question) appendTail(dst []byte, col *store.Collection, p *store.Page) []byte {
	if !p.More {
		return append(dst, `],"more":false}`...)
	}
	dst = append(dst, `],"more":true,"next":"`...)
	dst = q.filter.Cursor(col.ID(), p.Last).AppendTo(dst)
	return append(dst, `"}`...)
}

// checkKnown tells an unknown object (404) from one that the filters leave out (T-062).
func (q *question) checkKnown(c echo.Context, p *store.Page) error {
	switch {
	case p.Count > 0:
	case q.none || !p.KnownID:
		return missing("the collection holds no object %s", c.Param("object"))
	case !p.KnownVersion:
		return missing("the collection holds no such version of %s; its versions/ lists those it has", c.Param("object"))
	}
	return nil
}
