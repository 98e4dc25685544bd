package live

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
)

// QueryError says what is wrong with the parameters of a request.
type QueryError struct{ err error }

func (e *QueryError) Error() string { return e.err.Error() }
func (e *QueryError) Unwrap() error { return e.err }

func badQuery(format string, args ...any) error { return &QueryError{fmt.Errorf(format, args...)} }

// Parameters are the names of the parameters of a stream.
var Parameters = []string{"after", "content", "match[id]", "match[type]", "match[version]", "match[spec_version]"}

const matches = taxii.ParamID | taxii.ParamType | taxii.ParamVersion | taxii.ParamSpec

// query is what a reader asks for.
type query struct {
	after   journal.Position // the last position that the reader has, if given
	given   bool
	content bool
	filter  store.Query
	none    bool   // nothing can match
	match   string // the parameters of the filter, as they were given
}

// parseQuery reads a request. The header that a browser sends when it connects again wins over the address that it repeats.
func parseQuery(r *http.Request) (q query, err error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, badQuery("read the query: %w", err)
	}
	for name, given := range values {
		if !slices.Contains(Parameters, name) {
			return q, badQuery("there is no parameter %q here, only %s", name, strings.Join(Parameters, ", "))
		}
		if len(given) > 1 {
			return q, badQuery("the parameter %s is given %d times", name, len(given))
		}
	}
	after, name := values.Get("after"), "the parameter after"
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		after, name = last, "the header Last-Event-ID"
	}
	if q.given = after != ""; q.given {
		n, err := strconv.ParseUint(after, 10, 63)
		if err != nil {
			return q, badQuery("%s is %q, expected a position: a whole number from 0 on", name, after)
		}
		q.after = journal.Position(n)
	}
	if text, given := values["content"]; given {
		if q.content, err = strconv.ParseBool(text[0]); err != nil {
			return q, badQuery("the parameter content is %q, expected 1 or 0", text[0])
		}
	}
	return q, q.parseFilter(r.URL.RawQuery)
}

// parseFilter reads the match parameters as a poll's.
func (q *query) parseFilter(rawQuery string) error {
	if values, err := url.ParseQuery(rawQuery); err == nil {
		values.Del("after")
		values.Del("content")
		q.match = values.Encode()
	}
	f, err := taxii.ParseFilter(rawQuery, matches, taxii.FilterLimits{})
	if err != nil {
		return &QueryError{err}
	}
	q.filter = store.Query{Types: f.Types, Specs: f.Specs, Versions: store.Versions{All: f.Versions.All, First: f.Versions.First, Last: f.Versions.Last}}
	for _, text := range f.Versions.Exact {
		in, err := stix.ParseInstant(text)
		if err != nil {
			return badQuery("match[version]: %w", err)
		}
		q.filter.Versions.Exact = append(q.filter.Versions.Exact, in)
	}
	for _, text := range f.IDs {
		if id, err := stix.ParseID(text); err == nil {
			q.filter.IDs = append(q.filter.IDs, id)
		}
	}
	q.none = len(f.IDs) > 0 && len(q.filter.IDs) == 0
	return nil
}

// object reports whether an entry is about an object that the reader asks for, in whatever version.
func (q *query) object(e journal.Entry) bool {
	id := stix.ID(e.Object)
	return !q.none && (len(q.filter.IDs) == 0 || slices.Contains(q.filter.IDs, id)) && (len(q.filter.Types) == 0 || slices.Contains(q.filter.Types, id.Type()))
}

// removal reports whether the reader is told of the removal of a version, if it may have been shown it.
func (q *query) removal(e journal.Entry) bool {
	v := q.filter.Versions
	if len(q.filter.Specs) > 0 && !slices.Contains(q.filter.Specs, e.SpecVersion) {
		return false
	}
	if len(v.Exact) == 0 || v.First || v.Last || e.Version == "" {
		return true
	}
	in, err := stix.ParseInstant(e.Version)
	return err == nil && slices.ContainsFunc(v.Exact, func(wanted stix.Instant) bool { return wanted.Compare(in) == 0 })
}

// exposes reports whether the removal of one version may have made another, which was there before, one that a poll shows.
func (q *query) exposes(removed, other journal.Entry, at journal.Position) bool {
	v := q.filter.Versions
	if v.All {
		return false
	}
	if removed.SpecVersion != other.SpecVersion {
		return true
	}
	order := -1 // of the other, seen from the removed one
	if removed.Version != "" && other.Version != "" {
		a, err := stix.ParseInstant(other.Version)
		b, err2 := stix.ParseInstant(removed.Version)
		if err != nil || err2 != nil {
			return true
		}
		order = a.Compare(b)
	} else if at > removed.Of {
		order = 1
	}
	last := v.Last || !v.First && len(v.Exact) == 0
	return last && order < 0 || v.First && order > 0
}
