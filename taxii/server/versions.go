package server

import (
	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/store"
)

// fillVersions makes the list of one object's versions (TAXII 2.1, section 3.9): all of them, since this resource has neither
// match[version] nor last (T-066).
func (s *Server) fillVersions(c echo.Context, col *store.Collection, q *question, a *answer) error {
	q.query.Versions = store.Versions{All: true}
	records, page, err := s.records(col, q)
	if err != nil {
		return err
	}
	if err := q.checkKnown(c, &page); err != nil {
		return err
	}
	a.body = append(a.body, `{"versions":[`...)
	for i := range records {
		if i > 0 {
			a.body = append(a.body, ',')
		}
		a.body = append(a.body, '"')
		a.body = append(a.body, records[i].Version...)
		a.body = append(a.body, '"')
	}
	q.finish(a, col, &page)
	return nil
}
