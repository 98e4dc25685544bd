package server

import (
	"fmt"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// typicalRecord is the size of a record or a version in a page, with what it is made from.
const typicalRecord = 512

// fillManifest makes a manifest (TAXII 2.1, section 3.8).
func (s *Server) fillManifest(_ echo.Context, col *store.Collection, q *question, a *answer) error {
	records, page, err := s.records(col, q)
	if err != nil {
		return err
	}
	held := specVersions(col.Agreement())
	a.body = append(a.body, `{"objects":[`...)
	for i := range records {
		if i > 0 {
			a.body = append(a.body, ',')
		}
		a.body = appendRecord(a.body, &records[i], held)
	}
	q.finish(a, col, &page)
	return nil
}

// records reads from the store, unless nothing can match.
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

// appendRecord writes one manifest record. Its texts are identifiers and timestamps, which need no escapes in JSON. A
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
