package server

import (
	"cmp"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/taxii"
)

// getCollections serves the collections of an API root that the caller may know of (TAXII 2.1, section 5.1).
func (s *Server) getCollections(c echo.Context) error {
	x := requestOf(c)
	root, err := s.root(c)
	if err != nil {
		return err
	}
	if err := s.noFilters(c); err != nil {
		return err
	}
	var list taxii.Collections
	now := s.now()
	for _, col := range s.store.CollectionsIn(root.Name) {
		if can, ok := rightsOf(col.Agreement(), x.caller, now); ok && can.listed(root, now) {
			list.Collections = append(list.Collections, describe(col.Agreement(), can))
		}
	}
	return x.writeJSON(http.StatusOK, &list)
}

// getCollection serves one collection (TAXII 2.1, section 5.2).
func (s *Server) getCollection(c echo.Context) error {
	x := requestOf(c)
	col, root, err := s.find(c)
	if err != nil {
		return err
	}
	can, ok := rightsOf(col.Agreement(), x.caller, s.now())
	if !ok {
		return hidden(c, root, agreement.See)
	}
	if err := s.noFilters(c); err != nil {
		return err
	}
	resource := describe(col.Agreement(), can)
	return x.writeJSON(http.StatusOK, &resource)
}

// describe returns the collection resource for a caller with the given rights (T-053). It has the id even if the path has
// the alias (T-054).
func describe(a *agreement.Agreement, can rights) taxii.Collection {
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

// specVersions returns the STIX versions that an agreement accepts.
func specVersions(a *agreement.Agreement) []string {
	if len(a.Accept.SpecVersions) == 0 {
		return []string{"2.1"}
	}
	return a.Accept.SpecVersions
}

// mediaTypeOf returns the media type of objects of a STIX version, in the one spelling that collections and manifests use
// (T-064).
func mediaTypeOf(spec string) string {
	if spec == "2.1" {
		return taxii.StixMediaType
	}
	return "application/stix+json;version=" + spec
}

// noFilters checks the query string of a resource without filters: filters are ignored, a malformed string is refused
// (T-037).
func (s *Server) noFilters(c echo.Context) error {
	_, err := taxii.ParseFilter(c.Request().URL.RawQuery, taxii.ForNothing, s.filterLimits())
	return err
}

func (s *Server) filterLimits() taxii.FilterLimits {
	return taxii.FilterLimits{Values: s.limits.FilterValues, Bytes: s.limits.FilterBytes}
}
