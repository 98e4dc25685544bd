package server

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// getManifest serves a page of records, one a version, under the same filters and in the same order as getObjects (TAXII
// 2.1, section 5.3).
func (s *Server) getManifest(c echo.Context) error {
	x := exchangeOf(c)
	col, _, err := s.collection(c, agreement.Read)
	if err != nil {
		return err
	}
	q, err := s.ask(c, col, taxii.ForManifest)
	if err != nil {
		return err
	}
	records, page, err := s.records(col, &q)
	if err != nil {
		return err
	}
	q.dates(x, &page)
	if len(records) == 0 {
		return x.write(http.StatusOK, empty)
	}
	held := specVersions(col.Agreement())
	buf := acquireBuffer(0)
	body := append((*buf)[:0], `{"objects":[`...)
	for i := range records {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendRecord(body, &records[i], held)
	}
	body = q.appendTail(body, col, &page)
	answer := body
	if x.packs(c.Request(), len(body)) {
		answer = s.packed.get(sha256.Sum256(body), body)
	}
	err = x.write(http.StatusOK, answer)
	releaseBuffer(buf, body)
	return err
}

// records asks the store, unless nothing can match.
func (s *Server) records(col *store.Collection, q *question) ([]store.Record, store.Page, error) {
	if q.none {
		return nil, store.Page{}, nil
	}
	records, page, err := col.Records(q.query)
	if err != nil {
		return nil, store.Page{}, fmt.Errorf("read records of %s: %w", col.ID(), err)
	}
	return records, page, nil
}

// appendRecord writes one manifest record. Its texts are identifiers and timestamps, which JSON needs no escapes for. A
// media type that the collection no longer lists is left out (T-064).
func appendRecord(dst []byte, r *store.Record, held []string) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(dst, r.ID...)
	dst = append(dst, `","date_added":"`...)
	dst = taxii.AppendTime(dst, r.Added)
	dst = append(dst, `","version":"`...)
	dst = append(dst, r.Version...)
	if slices.Contains(held, r.Spec) {
		dst = append(dst, `","media_type":"`...)
		dst = append(dst, mediaTypeOf(r.Spec)...)
	}
	return append(dst, `"}`...)
}
