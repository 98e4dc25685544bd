package server

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/taxii"
)

// getStatus serves the status of an earlier Add Objects under the same API root (TAXII 2.1, section 4.3). It is there
// for the submitter's party and for operators; for others it does not exist.
func (s *Server) getStatus(c echo.Context) error {
	x := requestOf(c)
	if x.caller == public {
		return auth.ErrMissing
	}
	root, err := s.root(c)
	if err != nil {
		return err
	}
	text := c.Param("status")
	gone := missing("there is no status %s in the API root %s for this account; one is kept for 30 days", text, root.Name)
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return gone
	}
	// How large a status is, only reading it tells: writeStatus adjusts what is reserved here.
	if err := x.memory.Grow(c.Request().Context(), statusMemory); err != nil {
		return err
	}
	found, err := s.readStatus(c, root.Name, id)
	if err == nil && found == nil && s.cluster != nil { // another node may have answered with it a moment ago
		if err := s.catchUp(c.Request().Context()); err != nil {
			return err
		}
		found, err = s.readStatus(c, root.Name, id) // in any case: it may have come before catchUp was called
	}
	switch {
	case err != nil:
		return err
	case found == nil:
		return gone
	}
	return writeStatus(x, http.StatusOK, found)
}

// readStatus reads a status under an API root. It returns nil if there is none for the caller, and an error if it may be in a file that
// cannot be read now.
func (s *Server) readStatus(c echo.Context, root string, id uuid.UUID) (*ingest.Result, error) {
	x := requestOf(c)
	done, err := x.memory.Long(c.Request().Context())
	if err != nil {
		return nil, err
	}
	defer done()
	lost := s.lostIn(root, x.caller) // it may be back by the end
	for _, col := range s.store.CollectionsIn(root) {
		result, by, ok, err := ingest.Load(col, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		theirs := by.Party != "" && by.Party == x.caller.Party
		if !theirs && !x.caller.Operator || s.now().Sub(result.At) > ingest.Lifetime {
			return nil, nil
		}
		return result, nil
	}
	if lost || s.lostIn(root, x.caller) {
		return nil, errLost
	}
	return nil, nil
}

// statusMemory is reserved for a status before it is read, in bytes.
const statusMemory = 1 << 20

// statusOf returns the status resource of a result. It is complete from the start. Its counts are exact; each list is whole or left
// out, for clients refuse a list that is shorter than its count (T-049).
func statusOf(r *ingest.Result) taxii.Status {
	status := taxii.Status{
		ID:               r.ID.String(),
		Status:           taxii.StatusComplete,
		RequestTimestamp: taxii.FormatTime(r.At),
		TotalCount:       r.Successes + r.Failures,
		SuccessCount:     r.Successes,
		FailureCount:     r.Failures,
	}
	for _, d := range r.Details {
		detail := taxii.StatusDetail{ID: d.ID, Version: d.Version, Message: d.Message}
		if d.Outcome == ingest.Refused {
			status.Failures = append(status.Failures, detail)
		} else {
			status.Successes = append(status.Successes, detail)
		}
	}
	for _, rule := range r.Rules {
		status.FailuresByRule = append(status.FailuresByRule, taxii.RuleCount(rule))
	}
	return status
}

// writeStatus sends the status of a result, which may have some megabytes.
func writeStatus(x *request, code int, r *ingest.Result) error {
	status := statusOf(r)
	body, err := encodeJSON(&status)
	if err != nil {
		return err
	}
	x.memory.Adjust(len(body))
	return x.write(code, body)
}
