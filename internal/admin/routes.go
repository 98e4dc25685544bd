package admin

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/budget"
	"github.com/accord-taxii/accord/store"
)

// call is a request on its way to a route, with its caller.
type call struct {
	*http.Request
	caller agreement.Caller
	by     store.Actor // recorded for what the request does
}

// name returns the agreement or account that the path names.
func (c call) name() string { return c.PathValue("name") }

func (c call) agreement() agreement.Name { return agreement.Name(c.name()) }

// route is one path of the API. do returns the answer: JSON, or the bytes of a plain. The rest describes it, in the
// OpenAPI document too.
type route struct {
	method, path string
	reach        reach
	memory       int  // bytes that the answer may take while it is made; 0: it is small
	asks         bool // it changes nothing, whatever its method
	long         bool // the answer takes more than about a millisecond to make, and is made in a turn (see budget.Turns)
	do           func(*Service, call) (any, error)
	stream       func(*Service, call, http.ResponseWriter) error // instead of do; its error means that nothing was written

	summary string
	note    string   // what the summary does not say
	query   []string // parameters, by name; see queryNotes
	body    any      // a value of the body's type; nil: none
	answer  any      // a value of the answer's type; a plain has its media type
}

// smallAnswer is the memory of an answer that is small, searchAnswer that of one with up to a thousand rows, and largeAnswer
// that of one with many rows or a whole object.
const (
	smallAnswer  = 64 << 10
	searchAnswer = 2 << 20
	largeAnswer  = 16 << 20
)

// reach says which callers a route is for.
type reach uint8

const (
	operators reach = iota
	local           // callers that may use the data folder
	accounts        // every account: what it does depends on the caller
	managers        // operators, and accounts that manage their party's: of those alone
)

// plain is an answer that is not JSON.
type plain struct {
	mediaType string
	body      []byte
}

// routes lists all paths, below where the API is mounted. A path without its trailing slash is the same.
var routes = slices.Concat(agreementRoutes, objectRoutes, releaseRoutes, placeRoutes, auditRoutes, witnessRoutes, liveRoutes, webhookRoutes, mirrorRoutes, outboxRoutes, federationRoutes, searchRoutes, accountRoutes, receivedRoutes, refusedRoutes, tryRoutes, statusRoutes, wayRoutes)

// handler serves the routes below prefix, which ends in a slash. The context of each request carries its caller; see
// withCaller. Callers at the machine reach the local routes, and are told all about an error.
func (s *Service) handler(prefix string, atTheMachine bool) http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		if r.reach == local && !atTheMachine {
			continue
		}
		serve := func(w http.ResponseWriter, req *http.Request) {
			if r.stream != nil {
				if err := s.streamed(r, w, req); err != nil {
					if !atTheMachine {
						err = s.outward(req, err)
					}
					writeError(w, err)
				}
				return
			}
			reserved := budget.From(req.Context())
			p, ended, err := s.make(r, req)
			if err != nil {
				if !atTheMachine {
					err = s.outward(req, err)
				}
				writeError(w, err)
				return
			}
			reserved.Adjust(len(p.body))
			whole := false
			defer func() { ended(whole) }()
			whole = write(w, http.StatusOK, p) == nil
		}
		mux.HandleFunc(r.method+" "+prefix+r.path+"{$}", serve)
		mux.HandleFunc(r.method+" "+prefix+strings.TrimSuffix(r.path, "/"), serve)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pattern := mux.Handler(req); pattern == "" || !isPlain(req.URL.EscapedPath()) {
			writeError(w, unrouted(mux, req))
			return
		}
		mux.ServeHTTP(w, req)
	})
}

// noted is an answer whose delivery is noted before it is sent: note may wait for the disk, so it is called when the answer's turn
// has ended. ended is called once it is known whether the whole answer was sent.
type noted struct {
	answer any
	note   func() (ended func(whole bool), err error)
}

// streamed has a route answer with a stream, if the caller reaches it. An error means that nothing was written.
func (s *Service) streamed(r route, w http.ResponseWriter, req *http.Request) error {
	c, err := callOf(req)
	if err == nil && r.reach == operators && !c.caller.Operator {
		err = errOperatorsOnly
	}
	if err != nil {
		return err
	}
	return r.stream(s, c, w)
}

// make has a route answer, if the caller reaches it. ended must be called with whether the whole answer was sent.
func (s *Service) make(r route, req *http.Request) (p plain, ended func(whole bool), err error) {
	reserved := budget.From(req.Context())
	if err := reserved.Grow(req.Context(), cmp.Or(r.memory, smallAnswer)); err != nil {
		return plain{}, nil, err
	}
	if r.long && req.Body != nil {
		if err := readAhead(req, reserved); err != nil {
			return plain{}, nil, err
		}
	}
	answer, ended, err := s.answer(r, req, reserved)
	if err != nil {
		return plain{}, nil, err
	}
	p, ok := answer.(plain)
	if !ok {
		p = jsonOf(answer)
	}
	return p, ended, nil
}

// answer has a route answer, if the caller reaches it: in a turn, if that takes long. Its delivery is noted when the turn has ended,
// for that may wait for the disk.
func (s *Service) answer(r route, req *http.Request, reserved *budget.Reservation) (answer any, ended func(whole bool), err error) {
	c, err := callOf(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { s.acted(r, c.caller, req, err) }()
	if r.reach == operators && !c.caller.Operator {
		return nil, nil, errOperatorsOnly
	}
	if r.reach == managers {
		if err := s.manages(c); err != nil {
			return nil, nil, err
		}
	}
	if answer, err = s.inTurn(r, c, reserved); err != nil {
		return nil, nil, err
	}
	n, ok := answer.(noted)
	if !ok {
		return answer, func(bool) {}, nil
	}
	ended, err = n.note()
	return n.answer, ended, err
}

// inTurn has a route answer, in a turn if that takes long.
func (s *Service) inTurn(r route, c call, reserved *budget.Reservation) (any, error) {
	if r.long {
		done, err := reserved.Long(c.Context())
		if err != nil {
			return nil, err
		}
		defer done()
	}
	return r.do(s, c)
}

// mostQuestion bounds the body of a question that takes long to answer: a search for ten thousand values.
const mostQuestion = 4 << 20

// readAhead reads the body of a request, whose client may be slow, before the request is answered in a turn.
func readAhead(req *http.Request, reserved *budget.Reservation) error {
	if req.ContentLength != 0 {
		if err := reserved.Add(req.Context(), mostQuestion); err != nil {
			return err
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, req.Body, mostQuestion))
	if err != nil {
		return &badRequest{fmt.Errorf("read the request: %w", err)}
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// isPlain reports whether a path has no empty segment, "." or "..": the mux would redirect those.
func isPlain(p string) bool { return path.Clean(p) == strings.TrimSuffix(p, "/") }

// unrouted says why a request reaches no route: its path or its method is unknown.
func unrouted(mux *http.ServeMux, req *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
		other := req.Clone(req.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		return &wrongMethod{req.Method, req.URL.Path, strings.Join(allowed, ", ")}
	}
	return notFound("there is no %s here", req.URL.Path)
}
