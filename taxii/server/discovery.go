package server

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// untitled is the title of a server without one: the Standard requires it.
const untitled = "Accord"

// getDiscovery serves the discovery resource (TAXII 2.1, section 4.1). It names the API roots in which the caller has an
// agreement, below the public URL, or as paths, which are right behind any proxy (T-040); the first is the default (T-038).
func (s *Server) getDiscovery(c echo.Context) error {
	x := requestOf(c)
	registry := s.store.Registry()
	d := taxii.Discovery{
		Title:       cmp.Or(registry.Server.Title, untitled),
		Description: registry.Server.Description,
		Contact:     registry.Server.Contact,
	}
	for _, root := range registry.Roots {
		if x.caller.Operator || s.sees(root, x.caller) {
			d.APIRoots = append(d.APIRoots, s.publicURL+"/"+root.Name+"/")
		}
	}
	if len(d.APIRoots) > 0 {
		d.Default = d.APIRoots[0]
	}
	return x.writeJSON(http.StatusOK, &d)
}

// getRoot serves the API root resource (TAXII 2.1, section 4.2).
func (s *Server) getRoot(c echo.Context) error {
	root, err := s.root(c)
	if err != nil {
		return err
	}
	return requestOf(c).writeJSON(http.StatusOK, &taxii.APIRoot{
		Title:            cmp.Or(root.Title, root.Name),
		Description:      root.Description,
		Versions:         []string{taxii.MediaType},
		MaxContentLength: maxContentLength(root),
	})
}

// defaultContentLength is the max_content_length of an API root without one.
const defaultContentLength = 100 << 20

func maxContentLength(root store.Root) int64 {
	if root.MaxContentLength <= 0 {
		return defaultContentLength
	}
	return root.MaxContentLength
}

// sees reports whether the caller has a role in an agreement of an API root.
func (s *Server) sees(root store.Root, caller agreement.Caller) bool {
	now := s.now()
	return slices.ContainsFunc(s.store.CollectionsIn(root.Name), func(col *store.Collection) bool {
		return agreement.Permit(col.Agreement(), caller, agreement.See, now) == nil
	})
}
