package server

import (
	"net/http"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/budget"
)

// serveMounted has a mounted package answer. Its requests carry a memory reservation (see internal/budget), which bounds
// it once Enter has been told whose it is. A body that it leaves unread is waited for no longer than one that is refused.
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
	r.Body = s.pace(x, r)
	h.ServeHTTP(x, r)
	connection.SetReadDeadline(time.Now().Add(drainTime))
}

// Stream is called when the answer of a mounted package has become a stream, which the package bounds: it no longer counts
// among the requests in progress until ended is called.
func (s *Server) Stream() (ended func()) {
	s.limiter.leave()
	return s.limiter.enterAgain
}

// Enter admits an account's request to a mounted package, which has found out who is calling: it is held to the limits of
// the account and its party, and logged under the account's name. w is what the package was given. leave must be called
// when the request is answered. The error has a method RetryAfter when a limit is reached (429).
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
