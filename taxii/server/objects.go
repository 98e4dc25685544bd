package server

import (
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/store"
)

// typical is about the size of an object in a page.
const typical = 1 << 10

// typicalMost is the size of an object in a page, unless it is unusually large.
const typicalMost = 16 << 10

// fillObjects makes an envelope (TAXII 2.1, section 3.7). The page is copied once from the store, inside its read
// transaction, and written after the transaction has ended.
func (s *Server) fillObjects(_ echo.Context, col *store.Collection, q *question, a *answer) error {
	_, err := s.envelope(col, q, a)
	return err
}

// fillObject is fillObjects for the object that the path names, which must exist.
func (s *Server) fillObject(c echo.Context, col *store.Collection, q *question, a *answer) error {
	page, err := s.envelope(col, q, a)
	if err != nil {
		return err
	}
	return q.checkKnown(c, &page)
}

func (s *Server) envelope(col *store.Collection, q *question, a *answer) (page store.Page, err error) {
	a.body = append(a.body, `{"objects":[`...)
	if !q.none {
		if page, err = col.Page(q.query, a.body); err != nil {
			return page, fmt.Errorf("read objects of %s: %w", col.ID(), err)
		}
		a.body = page.Body
	}
	q.finish(a, col, &page)
	return page, nil
}
