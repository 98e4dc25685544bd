package server

import (
	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// listing is one of the four resources that answer with a page: objects, object, versions, manifest.
type listing struct {
	defined taxii.ParamSet
	objects bool // of objects themselves

	// fill appends the page to a.body and fills in the rest of a.
	fill func(s *Server, c echo.Context, col *store.Collection, q *question, a *answer) error
}

var (
	objectsList  = listing{defined: taxii.ForObjects, objects: true, fill: (*Server).fillObjects}
	objectList   = listing{defined: taxii.ForObject, objects: true, fill: (*Server).fillObject}
	versionsList = listing{defined: taxii.ForVersions, fill: (*Server).fillVersions}
	manifestList = listing{defined: taxii.ForManifest, fill: (*Server).fillManifest}
)

// get serves a list: who asks may read, then the answer is given again if it is kept, else made.
func (l *listing) get(s *Server, c echo.Context) error {
	col, _, err := s.collection(c, agreement.Read)
	if err != nil {
		return err
	}
	key := s.answers.keyOf(l, c, col)
	if a := s.answers.get(&key); a != nil {
		return s.give(c, col, a)
	}
	q, err := s.ask(c, col, l.defined)
	if err != nil {
		return err
	}
	room := 0
	if l.objects {
		room = q.query.Limit * typical
		if err := exchangeOf(c).memory.grow(c.Request().Context(), min(s.limits.PageBytes, q.query.Limit*typicalMost)); err != nil {
			return err
		}
	}
	buf := acquireBuffer(room)
	a := answer{objects: l.objects, body: (*buf)[:0], filter: q.filter}
	defer func() { releaseBuffer(buf, a.body) }()
	if err := l.fill(s, c, col, &q, &a); err != nil {
		return err
	}
	if l.objects {
		exchangeOf(c).memory.settle(len(a.body))
	}
	err = s.give(c, col, &a)
	s.answers.put(&key, col, &a)
	return err
}

// finish closes a page that has begun in a.body, or empties it.
func (q *question) finish(a *answer, col *store.Collection, page *store.Page) {
	if page.Count == 0 {
		a.body = append(a.body[:0], empty...)
	} else {
		a.tail = len(a.body)
		a.body = q.appendTail(a.body, col, page)
	}
	a.positions = page.Positions
	a.first, a.last = q.dates(page)
}

// getObjects serves a page of a collection's objects (TAXII 2.1, section 5.4).
func (s *Server) getObjects(c echo.Context) error { return objectsList.get(s, c) }

// getObject serves a page of one object's versions, the last one if nothing else was asked for (TAXII 2.1, section 5.6).
func (s *Server) getObject(c echo.Context) error { return objectList.get(s, c) }

// getVersions serves a page of one object's versions (TAXII 2.1, section 5.8).
func (s *Server) getVersions(c echo.Context) error { return versionsList.get(s, c) }

// getManifest serves a page of records, one a version, under the same filters and in the same order as getObjects (TAXII
// 2.1, section 5.3).
func (s *Server) getManifest(c echo.Context) error { return manifestList.get(s, c) }
