package server

import (
	"cmp"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/taxii"
)

// getCollections serves the collections of an API root that the caller may know of (TAXII 2.1, section 5.1).
func (s *Server) getCollections(c echo.Context) error {
	x := exchangeOf(c)
	root, err := s.root(c)
	if err != nil {
		return err
	}
	if err := s.noFilters(c); err != nil {
		return err
	}
	var list taxii.Collections
	for _, col := range s.visible(root, x.caller) {
		list.Collections = append(list.Collections, describe(col.Agreement(), x.caller, s.now()))
	}
	return x.writeJSON(http.StatusOK, &list)
}

// getCollection serves one collection (TAXII 2.1, section 5.2).
func (s *Server) getCollection(c echo.Context) error {
	x := exchangeOf(c)
	col, _, err := s.collection(c, agreement.See)
	if err != nil {
		return err
	}
	if err := s.noFilters(c); err != nil {
		return err
	}
	resource := describe(col.Agreement(), x.caller, s.now())
	return x.writeJSON(http.StatusOK, &resource)
}

// describe is the collection resource as it is for one caller at one moment (T-053). The id is stated also when the
// alias was asked for (T-054).
func describe(a *agreement.Agreement, caller agreement.Caller, now time.Time) taxii.Collection {
	can := may(a, caller, now)
	resource := taxii.Collection{
		ID:          a.Collection.ID.String(),
		Title:       cmp.Or(a.Title, string(a.Name)),
		Description: a.Description,
		Alias:       a.Collection.Alias,
		CanRead:     can.read,
		CanWrite:    can.write,
	}
	for _, spec := range specVersions(a) {
		resource.MediaTypes = append(resource.MediaTypes, mediaTypeOf(spec))
	}
	return resource
}

// rights are what a collection resource says a caller can do.
type rights struct{ read, write bool }

func (r rights) either() bool { return r.read || r.write }

func may(a *agreement.Agreement, caller agreement.Caller, now time.Time) rights {
	return rights{
		read:  agreement.Permit(a, caller, agreement.Read, now) == nil,
		write: agreement.Permit(a, caller, agreement.Add, now) == nil,
	}
}

// specVersions are the STIX versions that an agreement takes.
func specVersions(a *agreement.Agreement) []string {
	if len(a.Accept.SpecVersions) == 0 {
		return []string{"2.1"}
	}
	return a.Accept.SpecVersions
}

// mediaTypeOf is the media type of objects of a STIX version. A collection and the manifest's records state it in the
// same spelling (T-064).
func mediaTypeOf(spec string) string {
	if spec == "2.1" {
		return taxii.StixMediaType
	}
	return "application/stix+json;version=" + spec
}

// noFilters judges the query string of a resource that has no filters: they are ignored, but what is malformed is
// refused (T-037).
func (s *Server) noFilters(c echo.Context) error {
	_, err := taxii.ParseFilter(c.Request().URL.RawQuery, taxii.ForNothing, s.filterLimits())
	return err
}

func (s *Server) filterLimits() taxii.FilterLimits {
	return taxii.FilterLimits{Values: s.limits.FilterValues, Bytes: s.limits.FilterBytes}
}
