package server

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
)

// deleteObject serves Delete an Object (TAXII 2.1, section 5.7). Without a filter every version goes, in every spec
// version: deleting only the newest would make an outdated one the latest again (T-114). A party deletes what it added
// itself.
func (s *Server) deleteObject(c echo.Context) error {
	x := requestOf(c)
	col, _, err := s.collection(c, agreement.Delete)
	if err != nil {
		return err
	}
	filter, err := taxii.ParseFilter(c.Request().URL.RawQuery, taxii.ForDelete, s.filterLimits())
	if err != nil {
		return err
	}
	versions, err := versionsOf(filter.Versions)
	if err != nil {
		return err
	}
	id, err := stix.ParseID(c.Param("object"))
	if err != nil {
		return missing("the collection holds no object %s", c.Param("object"))
	}
	result, err := col.Append(c.Request().Context(), store.Batch{
		Actor: store.Actor{Account: x.caller.Account, Party: x.caller.Party}, Address: s.Address(c.Request()),
		Changes: []store.Change{{Remove: &store.Removal{
			ID: id, Versions: versions, Specs: filter.Specs,
			Kind: journal.Deleted, OnlyBy: x.caller.Party,
		}}},
	})
	if err != nil {
		return fmt.Errorf("delete %s from %s: %w", id, col.ID(), err)
	}
	s.place(x, result.Place)
	switch result.Outcomes[0].Kind {
	case store.Removed:
		if kept := result.Outcomes[0].Kept; kept > 0 {
			c.Response().Header().Set("X-Accord-Kept", strconv.Itoa(kept)) // versions of others, which stay
		}
		return x.write(http.StatusOK, nil) // a type and no payload (T-112)
	case store.NotTheirs:
		return errTheirs
	}
	return missing("the collection holds no object %s, or none of the versions that were named", id)
}
