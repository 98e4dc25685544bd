package server

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// addObjects serves Add Objects (TAXII 2.1, section 5.5). It answers 202 once what was accepted is durable. A refused
// object is a failure in the status, not an error of the request.
func (s *Server) addObjects(c echo.Context) error {
	x, r := requestOf(c), c.Request()
	col, root, err := s.collection(c, agreement.Add)
	if err != nil {
		return err
	}
	if err := taxii.CheckContentType(r.Header["Content-Type"], r.Header["Content-Encoding"]); err != nil {
		return err
	}
	buf := acquireBuffer(int(r.ContentLength))
	body, err := s.readBody(x, r, (*buf)[:0], maxContentLength(root))
	if err != nil {
		releaseBuffer(buf, body)
		return err
	}
	result, err := s.accept(c, col, body)
	if err != nil {
		return err // the buffer is not reused: the store may still be reading from it
	}
	releaseBuffer(buf, body)
	s.place(x, result.Place)
	return writeStatus(x, http.StatusAccepted, result)
}

// accept splits an envelope and hands its objects to ingest.
func (s *Server) accept(c echo.Context, col *store.Collection, body []byte) (*ingest.Result, error) {
	if err := s.noFilters(c); err != nil {
		return nil, err
	}
	x, ctx := requestOf(c), c.Request().Context()
	raws, err := s.split(ctx, x, body)
	if err != nil {
		return nil, err
	}
	// The rest of a small object takes more memory than its text.
	if err := x.memory.Grow(ctx, cap(body)+len(raws)*(rawMemory+objectMemory)); err != nil {
		return nil, err
	}
	caller := x.caller
	party, ok := s.store.Registry().Party(caller.Party)
	if !ok {
		party = agreement.Party{Name: caller.Party}
	}
	return ingest.Accept(ctx, col, caller, party, raws, ingest.Options{
		Now:     s.now(),
		Limits:  ijson.Limits{Bytes: s.limits.ObjectBytes, Depth: s.limits.Depth, StringBytes: s.limits.StringBytes},
		Refused: s.refusals(x, col), Turn: x.usage.share.Short, Address: s.Address(c.Request()),
	})
}

// split finds the objects of a body. It reserves memory for the list of them before it makes it: many requests may wait
// with one.
func (s *Server) split(ctx context.Context, x *request, body []byte) ([][]byte, error) {
	most := min(bytes.Count(body, []byte("{"))+1, s.limits.Objects)
	if err := x.memory.Add(ctx, most*rawMemory); err != nil {
		return nil, err
	}
	done, err := x.memory.Long(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return taxii.SplitEnvelope(body, taxii.EnvelopeLimits{Objects: s.limits.Objects, Depth: envelopeDepth})
}

// What an object of an envelope takes beside its text, in bytes: in the list of the objects, which grows by doubling, and
// while it is judged.
const (
	rawMemory    = 64
	objectMemory = 512
)

// envelopeDepth is the depth at which splitting an envelope gives up: an object that nests deeper than Limits.Depth is a
// failure of its own, not of its envelope.
const envelopeDepth = 1 << 20

// loggedRefusals is how many refused objects of one request the log names.
const loggedRefusals = 20

// refusals logs refused objects: many clients do not show their user the answer.
func (s *Server) refusals(x *request, col *store.Collection) func(ingest.Detail) {
	n := 0
	return func(d ingest.Detail) {
		if s.refused != nil {
			s.refused(col.Agreement().Name, d.Rule)
		}
		if n++; n > loggedRefusals {
			return
		}
		s.log.Info().Str("request", x.id).Str("agreement", string(col.Agreement().Name)).
			Str("object", d.ID).Str("version", d.Version).Str("why", d.Message).Msg("object refused")
	}
}

// firstRead is the memory that a body gets before any of it arrives, whatever Content-Length promises.
const firstRead = 64 << 10

// readBody reads a body of at most that many octets, counted as they arrive: Content-Length may be absent (T-043). It
// appends to dst and returns the extended slice, also with an error.
func (s *Server) readBody(x *request, r *http.Request, dst []byte, most int64) ([]byte, error) {
	if r.ContentLength > most {
		return dst, &tooLargeError{most}
	}
	if err := x.memory.Grow(r.Context(), cap(dst)); err != nil { // a buffer that was used before may be large
		return dst, err
	}
	paced := s.pace(x, r)
	body := io.LimitReader(paced, most+1)
	for {
		if cap(dst)-len(dst) < firstRead/2 {
			more := max(firstRead, 2*cap(dst))
			if err := x.memory.Grow(r.Context(), more); err != nil {
				return dst, err
			}
			dst = append(make([]byte, 0, more), dst...)
		}
		n, err := body.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case int64(len(dst)) > most:
			return dst, &tooLargeError{most}
		case err == io.EOF:
			paced.done() // or the deadline would end the request while it is processed
			return dst, nil
		case err != nil:
			return dst, &bodyError{err}
		}
	}
}
