package server

import (
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// getObjects serves a page of a collection's objects (TAXII 2.1, section 5.4).
func (s *Server) getObjects(c echo.Context) error {
	col, _, err := s.collection(c, agreement.Read)
	if err != nil {
		return err
	}
	q, err := s.ask(c, col, taxii.ForObjects)
	if err != nil {
		return err
	}
	return s.writeObjects(c, col, &q, nil)
}

// getObject serves a page of one object's versions, the last one if nothing else was asked for (TAXII 2.1, section 5.6).
func (s *Server) getObject(c echo.Context) error {
	col, _, err := s.collection(c, agreement.Read)
	if err != nil {
		return err
	}
	q, err := s.ask(c, col, taxii.ForObject)
	if err != nil {
		return err
	}
	return s.writeObjects(c, col, &q, q.checkKnown)
}

// typical is about what an object in a page takes.
const typical = 1 << 10

// typicalMost is what an object in a page takes at most, unless it is unusually large.
const typicalMost = 16 << 10

// writeObjects answers with an envelope (TAXII 2.1, section 3.7). check, when given, may refuse instead. The page is
// copied once from the store, inside its read transaction, and written after that has ended.
func (s *Server) writeObjects(c echo.Context, col *store.Collection, q *question, check func(echo.Context, *store.Page) error) error {
	x := exchangeOf(c)
	if err := x.memory.grow(c.Request().Context(), min(s.limits.PageBytes, q.query.Limit*typicalMost)); err != nil {
		return err
	}
	buf := acquireBuffer(q.query.Limit * typical)
	body := append((*buf)[:0], `{"objects":[`...)
	var page store.Page
	tail := 0 // where it begins in body
	if !q.none {
		var err error
		if page, err = col.Page(q.query, body); err != nil {
			releaseBuffer(buf, body)
			return fmt.Errorf("read objects of %s: %w", col.ID(), err)
		}
		body = page.Body
	}
	if check != nil {
		if err := check(c, &page); err != nil {
			releaseBuffer(buf, body)
			return err
		}
	}
	if page.Count == 0 {
		body = append(body[:0], empty...)
	} else {
		tail = len(body)
		body = q.appendTail(body, col, &page)
	}
	q.dates(x, &page)
	x.memory.settle(len(body))
	told := c.Request().Method == http.MethodGet
	if told && s.delivering != nil {
		if err := s.delivering(c.Request().Context(), delivery(c, col, q, &page, s.now())); err != nil {
			releaseBuffer(buf, body)
			return fmt.Errorf("note the delivery of a page of %s: %w", col.ID(), err)
		}
	}
	answer := body
	if x.packs(c.Request(), len(body)) {
		answer = s.packed.get(pageOf(col.ID(), page.Positions, body[tail:]), body)
	}
	err := x.write(http.StatusOK, answer)
	releaseBuffer(buf, body)
	if err == nil && told && s.delivered != nil {
		s.delivered(delivery(c, col, q, &page, s.now()))
	}
	return err
}

// delivery is what whoever keeps account is told of a page.
func delivery(c echo.Context, col *store.Collection, q *question, page *store.Page, now time.Time) Delivery {
	x := exchangeOf(c)
	return Delivery{
		Collection: col.ID(),
		Agreement:  col.Agreement().Name,
		Account:    x.caller.Account,
		Party:      x.caller.Party,
		Positions:  page.Positions,
		Query:      c.Request().URL.RawQuery,
		Filter:     q.filter,
		At:         now,
	}
}
