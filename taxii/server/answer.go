package server

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
)

// answer is what one of the four lists answers: objects, object, versions, manifest. Its body may be kept and given again.
type answer struct {
	body        []byte
	tail        int    // where what follows the last object begins in body, of a page of objects
	first, last string // when the first and the last item were added, as the headers say it (TAXII 2.1, section 3.2)

	objects   bool               // it gives objects, of which account is kept
	positions []journal.Position // of those objects
	filter    taxii.Filter
}

// give sends an answer and tells whoever keeps account of it.
func (s *Server) give(c echo.Context, col *store.Collection, a *answer) error {
	x, r := exchangeOf(c), c.Request()
	h := x.Header()
	// Set as the Standard spells them, not as Go would.
	x.set(h, taxii.HeaderFirst, a.first)
	x.set(h, taxii.HeaderLast, a.last)
	told := a.objects && r.Method == http.MethodGet
	if told && s.delivering != nil {
		if err := s.delivering(r.Context(), a.delivery(x, r, col, s.now())); err != nil {
			return fmt.Errorf("note the delivery of a page of %s: %w", col.ID(), err)
		}
	}
	body := a.body
	if x.packs(r, len(body)) {
		body = s.packed.get(a.id(col), body)
	}
	err := x.write(http.StatusOK, body)
	if err == nil && told && s.delivered != nil {
		s.delivered(a.delivery(x, r, col, s.now()))
	}
	return err
}

// id says what is in the body.
func (a *answer) id(col *store.Collection) pageID {
	if a.objects {
		return pageOf(col.ID(), a.positions, a.body[a.tail:])
	}
	return sha256.Sum256(a.body)
}

// delivery is what whoever keeps account is told of a page.
func (a *answer) delivery(x *exchange, r *http.Request, col *store.Collection, now time.Time) Delivery {
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
