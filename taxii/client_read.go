package taxii

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Query is what a client asks for (section 3.4). A version is selected if, for each field that is not empty, it matches one
// of the field's values.
type Query struct {
	AddedAfter time.Time // date_added strictly later
	Limit      int       // items a page; 0 leaves it to the server
	IDs        []string
	Types      []string
	Versions   []string // all, first, last, timestamps; none means last
	Specs      []string // spec versions; none means each object's latest
}

func (q Query) values() url.Values {
	v := url.Values{}
	if !q.AddedAfter.IsZero() {
		v.Set("added_after", FormatTime(q.AddedAfter))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	for name, items := range map[string][]string{"id": q.IDs, "type": q.Types, "version": q.Versions, "spec_version": q.Specs} {
		if len(items) > 0 {
			v.Set("match["+name+"]", strings.Join(items, ","))
		}
	}
	return v
}

// Page is one answer of many. First and Last are the date_added of its first and last item as the server's headers state
// them, zero when it does not.
type Page[T any] struct {
	Items       []T
	First, Last time.Time
	More        bool
	Next        string
}

// Discovery reads a server's list of API roots (section 4.1), for instance at https://taxii.example/taxii2/.
func (c *Client) Discovery(ctx context.Context, discoveryURL string) (Discovery, error) {
	return read[Discovery](ctx, c, discoveryURL)
}

// Root reads an API root (section 4.2).
func (c *Client) Root(ctx context.Context, rootURL string) (APIRoot, error) {
	return read[APIRoot](ctx, c, rootURL)
}

// Collections lists the collections of an API root (section 5.1).
func (c *Client) Collections(ctx context.Context, rootURL string) ([]Collection, error) {
	list, err := read[Collections](ctx, c, rootURL, "collections")
	return list.Collections, err
}

// Collection reads a collection (section 5.2).
func (c *Client) Collection(ctx context.Context, collectionURL string) (Collection, error) {
	l, err := parseCollection(collectionURL)
	if err != nil {
		return Collection{}, err
	}
	return read[Collection](ctx, c, l.String())
}

// Status reads a status of an API root (section 4.3).
func (c *Client) Status(ctx context.Context, rootURL, id string) (Status, error) {
	return read[Status](ctx, c, rootURL, "status", id)
}

func read[T any](ctx context.Context, c *Client, base string, segments ...string) (T, error) {
	var value, none T
	l, err := parseLocation(base)
	if err != nil {
		return none, err
	}
	if _, err := c.get(ctx, l.below(segments...).String(), &value); err != nil {
		return none, err
	}
	return value, nil
}

// Objects reads the objects of a collection page by page, oldest first (section 5.4). It follows next, or added_after if a
// page has more without next, to the last page. Pages that lead in a circle are an error, and an error ends the iteration.
// Pages are never empty.
func (c *Client) Objects(ctx context.Context, collectionURL string, q Query) iter.Seq2[Page[json.RawMessage], error] {
	return pages(ctx, c, collectionURL, []string{"objects"}, q, envelopePage)
}

// Object reads the versions of one object that match (section 5.6). It ignores IDs and Types of the query.
func (c *Client) Object(ctx context.Context, collectionURL, id string, q Query) iter.Seq2[Page[json.RawMessage], error] {
	q.IDs, q.Types = nil, nil
	return pages(ctx, c, collectionURL, []string{"objects", id}, q, envelopePage)
}

// Manifest reads the manifest of a collection as Objects reads its objects (section 5.3).
func (c *Client) Manifest(ctx context.Context, collectionURL string, q Query) iter.Seq2[Page[ManifestRecord], error] {
	return pages(ctx, c, collectionURL, []string{"manifest"}, q, func(m Manifest) Page[ManifestRecord] {
		return Page[ManifestRecord]{Items: m.Objects, More: m.More, Next: m.Next}
	})
}

// Versions reads the versions of one object (section 5.8), of the spec versions asked for. It ignores the query's other
// match fields.
func (c *Client) Versions(ctx context.Context, collectionURL, id string, q Query) iter.Seq2[Page[string], error] {
	q.IDs, q.Types, q.Versions = nil, nil, nil
	return pages(ctx, c, collectionURL, []string{"objects", id, "versions"}, q, func(v Versions) Page[string] {
		return Page[string]{Items: v.Versions, More: v.More, Next: v.Next}
	})
}

func envelopePage(e Envelope) Page[json.RawMessage] {
	return Page[json.RawMessage]{Items: e.Objects, More: e.More, Next: e.Next}
}

// errCircle says that following a server's pages would never end.
var errCircle = errors.New("the server says that there is more but not how to go on")

func pages[R, T any](ctx context.Context, c *Client, collectionURL string, segments []string, q Query, pageOf func(R) Page[T]) iter.Seq2[Page[T], error] {
	return func(yield func(Page[T], error) bool) {
		l, err := parseCollection(collectionURL)
		if err != nil {
			yield(Page[T]{}, err)
			return
		}
		l = l.below(segments...)
		seen := map[string]struct{}{}
		next := ""
		for {
			values := q.values()
			if next != "" {
				values.Set("next", next)
			}
			var resource R
			header, err := c.get(ctx, l.with(values), &resource)
			if err != nil {
				yield(Page[T]{}, err)
				return
			}
			page := pageOf(resource)
			page.First, page.Last = headerTime(header, HeaderFirst), headerTime(header, HeaderLast)
			if len(page.Items) > 0 && !yield(page, nil) || !page.More {
				return
			}
			if page.Next == "" && page.Last.After(q.AddedAfter) {
				next, q.AddedAfter = "", page.Last
				continue
			}
			if _, again := seen[page.Next]; again || page.Next == "" {
				yield(Page[T]{}, fmt.Errorf("GET %s: %w", l.String(), errCircle))
				return
			}
			seen[page.Next] = struct{}{}
			next = page.Next
		}
	}
}

// headerTime reads a header of section 3.2. Some servers write nonsense there, which counts as no header.
func headerTime(header http.Header, name string) time.Time {
	t, err := ParseTime(header.Get(name))
	if err != nil {
		return time.Time{}
	}
	return t
}
