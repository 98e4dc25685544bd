package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// getVersions serves a page of one object's versions (TAXII 2.1, section 5.8): all of them, for this resource knows no
// match[version] and no last (T-066).
func (s *Server) getVersions(c echo.Context) error {
	x := exchangeOf(c)
	col, _, err := s.collection(c, agreement.Read)
	if err != nil {
		return err
	}
	q, err := s.ask(c, col, taxii.ForVersions)
	if err != nil {
		return err
	}
	q.query.Versions = store.Versions{All: true}
	records, page, err := s.records(col, &q)
	if err != nil {
		return err
	}
	if err := q.checkKnown(c, &page); err != nil {
		return err
	}
	q.dates(x, &page)
	if len(records) == 0 {
		return x.write(http.StatusOK, empty)
	}
	buf := acquireBuffer(0)
	body := append((*buf)[:0], `{"versions":[`...)
	for i := range records {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, '"')
		body = append(body, records[i].Version...)
		body = append(body, '"')
	}
	body = q.appendTail(body, col, &page)
	err = x.write(http.StatusOK, body)
	releaseBuffer(buf, body)
	return err
}
