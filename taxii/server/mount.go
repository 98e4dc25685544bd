package server

import (
	"net/http"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/budget"
)

// serveMounted lets a mounted package answer a request. The request's context carries a memory reservation (see
// internal/budget), which Enter moves to the caller's account. net/http reads what the package leaves of the body for at
// most drainTime.
func (s *Server) serveMounted(h http.Handler, x *request, r *http.Request) {
	x.mounted = true
	x.memory = budget.Reserve(s.limiter.memory)
	defer x.memory.Release()
	r = r.WithContext(budget.NewContext(r.Context(), &x.memory))
	if r.Body == nil || r.Body == http.NoBody {
		h.ServeHTTP(x, r)
		return
	}
	connection := http.NewResponseController(x)
	body := s.pace(x, r)
	r.Body = body
	h.ServeHTTP(x, r)
	if !body.late { // the answer to a late body would wait for the rest
		connection.SetReadDeadline(time.Now().Add(drainTime))
	}
}

// Stream is called when the answer of a mounted package has become a stream, which the package bounds: it no longer counts
// among the requests in progress until ended is called.
func (s *Server) Stream() (ended func()) {
	s.limiter.leave()
	return s.limiter.enterAgain
}

// Limited notes for Config.Observed which limit a mounted package refused the request by.
func (x *request) Limited(by string) { x.limit = by }

// Enter admits a request to a mounted package, once the package has identified the caller: the request is held to the limits
// of the account and its party, and logged under the account's name. w is the ResponseWriter that the package was given.
// leave must be called when the request is answered. The error has methods RetryAfter and Busy when a limit is reached: the
// server's own (503), or another (429).
func (s *Server) Enter(w http.ResponseWriter, r *http.Request, caller agreement.Caller) (leave func(), err error) {
	if caller.Account == "" {
		return nil, auth.ErrMissing
	}
	x, ok := w.(*request)
	if ok {
		x.caller = caller // a refusal is logged under its name, too
	}
	usage, err := s.limiter.enterAccount(r.Context(), caller)
	if err != nil {
		if ok {
			x.limit = err.Error()
		}
		return nil, err
	}
	if ok {
		held := int(x.memory.Held())
		x.memory.Release()
		x.memory = s.limiter.reserve(usage)
		x.memory.Adjust(held)
	}
	return usage.leave, nil
}
