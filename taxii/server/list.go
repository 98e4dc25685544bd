package server

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
)

// listResource is one of the four resources that answer with a page: objects, object, versions, manifest.
type listResource struct {
	defined taxii.ParamSet
	objects bool   // it gives objects themselves
	items   string // the member that has its items

	// fill appends the page to a.body and fills in the rest of a.
	fill func(s *Server, c echo.Context, col *store.Collection, q *question, a *answer) error
}

var (
	objectsList  = listResource{defined: taxii.ForObjects, objects: true, items: "objects", fill: (*Server).fillObjects}
	objectList   = listResource{defined: taxii.ForObject, objects: true, items: "objects", fill: (*Server).fillObject}
	versionsList = listResource{defined: taxii.ForVersions, items: "versions", fill: (*Server).fillVersions}
	manifestList = listResource{defined: taxii.ForManifest, items: "objects", fill: (*Server).fillManifest}
)

// get serves a list: from the cache, if the answer is there, or from the store.
func (l *listResource) get(s *Server, c echo.Context) error {
	col, root, err := s.collection(c, agreement.Read)
	if err != nil {
		return err
	}
	x := requestOf(c)
	pages := s.pagesOf(x, root)
	key := s.cache.keyOf(l, c, col, pages)
	affected := l.objects && s.truncations.affect(x.caller.Account, c.Request().URL.RawQuery)
	var q question
	if affected {
		if q, err = s.ask(c, col, l.defined, pages); err != nil {
			return err
		}
		if s.cluster == nil {
			moved, err := s.truncations.apply(x.caller.Account, col, &q)
			if err != nil {
				return err
			}
			if moved {
				key = answerKey{} // the answer depends on more than the question
			}
		}
	}
	if a := s.cache.get(&key); a != nil {
		return s.give(c, col, a)
	}
	if !affected {
		if q, err = s.ask(c, col, l.defined, pages); err != nil {
			return err
		}
	}
	if s.cluster != nil && c.QueryParam("next") != "" {
		if err := s.caughtUp(c.Request().Context(), col, q.query.After); err != nil {
			return err
		}
	}
	room, most := 0, q.query.Limit*typicalRecord
	if l.objects {
		room, most = q.query.Limit*typical, min(s.limits.PageBytes, q.query.Limit*typicalMost)
	}
	if err := x.memory.Grow(c.Request().Context(), most); err != nil {
		return err
	}
	if q.query.Limit > shortPage {
		done, err := x.memory.Long(c.Request().Context())
		if err != nil {
			return err
		}
		return l.page(s, c, col, &q, &key, room, done)
	}
	return l.page(s, c, col, &q, &key, room, func() {})
}

// shortPage is how many objects or records a page may have that waits for no turn: making it takes about a millisecond.
const shortPage = 1000

// page makes an answer from the store, in a buffer of room bytes, and gives it. made is called before the client is waited
// for.
func (l *listResource) page(s *Server, c echo.Context, col *store.Collection, q *question, key *answerKey, room int, made func()) error {
	defer made()
	x := requestOf(c)
	buf := acquireBuffer(room)
	a := answer{objects: l.objects, body: (*buf)[:0], filter: q.filter, items: l.items}
	defer func() { releaseBuffer(buf, a.body) }()
	err := l.fill(s, c, col, q, &a)
	made()
	if err != nil {
		return err
	}
	x.memory.Adjust(len(a.body))
	err = s.give(c, col, &a)
	s.cache.put(key, col, &a)
	return err
}

// finish ends the page in a.body; an empty one becomes {}.
func (q *question) finish(a *answer, col *store.Collection, page *store.Page) {
	if page.Count == 0 {
		a.body = append(a.body[:0], q.pages.empty(a.items)...)
	} else {
		a.firstAdded, a.lastAdded = page.First, page.Last
		a.tail = len(a.body)
		a.body = q.appendTail(a.body, col, page)
	}
	a.positions = page.Positions
	a.first, a.last = q.dates(page)
	a.cursor = cursorOf(col.ID(), a)
}

// getObjects serves a page of a collection's objects (TAXII 2.1, section 5.4).
func (s *Server) getObjects(c echo.Context) error { return objectsList.get(s, c) }

// getObject serves a page of one object's versions, the last one by default (TAXII 2.1, section 5.6).
func (s *Server) getObject(c echo.Context) error { return objectList.get(s, c) }

// getVersions serves a page of one object's versions (TAXII 2.1, section 5.8).
func (s *Server) getVersions(c echo.Context) error { return versionsList.get(s, c) }

// getManifest serves a page of records, one a version, under the same filters and in the same order as getObjects (TAXII
// 2.1, section 5.3).
func (s *Server) getManifest(c echo.Context) error { return manifestList.get(s, c) }

// answer is the answer of a list. It may be cached.
type answer struct {
	body        []byte
	tail        int    // of a page of objects: where in body the text after the last object begins
	first, last string // when the first and the last item were added, as the headers say it (TAXII 2.1, section 3.2)

	objects    bool               // it gives objects, so its delivery is noted
	positions  []journal.Position // of those objects
	filter     taxii.Filter
	firstAdded time.Time // of the first item; zero without items
	lastAdded  time.Time // of the last
	items      string    // the member that has the items
	cursor     string    // see truncations
}

// give sends an answer, and notes its delivery before the first byte.
func (s *Server) give(c echo.Context, col *store.Collection, a *answer) error {
	x, r := requestOf(c), c.Request()
	if s.cluster == nil {
		s.truncations.note(x.caller.Account, col.ID(), a)
	}
	s.remark(x, &a.filter)
	h := x.Header()
	// Set as the Standard spells them, not as Go would.
	x.set(h, taxii.HeaderFirst, a.first)
	x.set(h, taxii.HeaderLast, a.last)
	s.place(x, s.seen(col))
	whole := false
	if a.objects && r.Method == http.MethodGet && s.delivering != nil {
		ended, err := s.delivering(r.Context(), a.delivery(x, r, col, s.now()))
		if err != nil {
			return fmt.Errorf("note the delivery of a page of %s: %w", col.ID(), err)
		}
		defer func() { ended(whole) }()
	}
	body := a.body
	if x.compresses(r, len(body)) {
		body = s.compressed.get(a.id(col), body)
	}
	err := x.write(http.StatusOK, body)
	whole = err == nil
	return err
}

// id identifies the content of the body.
func (a *answer) id(col *store.Collection) pageID {
	if a.objects {
		return pageOf(col.ID(), a.positions, a.body[a.tail:])
	}
	return sha256.Sum256(a.body)
}

// delivery describes a page that x is given.
func (a *answer) delivery(x *request, r *http.Request, col *store.Collection, now time.Time) Delivery {
	return Delivery{
		Collection: col.ID(),
		Agreement:  col.Agreement().Name,
		Account:    x.caller.Account,
		Party:      x.caller.Party,
		Positions:  a.positions,
		Query:      r.URL.RawQuery,
		Filter:     a.filter,
		At:         now,
	}
}
