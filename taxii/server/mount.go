package server

import (
	"net/http"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
)

// serveMounted has another room answer. A body that it does not read is waited for no longer than one that is refused.
func (s *Server) serveMounted(h http.Handler, x *exchange, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		h.ServeHTTP(x, r)
		return
	}
	connection := http.NewResponseController(x)
	connection.SetReadDeadline(time.Now().Add(s.limits.BodyTime))
	h.ServeHTTP(x, r)
	connection.SetReadDeadline(time.Now().Add(unreadTime))
}

// Enter lets an account's request into a mounted room, which has found out who is calling: it is held to the limits of one
// account, and the log says whose it is. w is what the room was given. leave must be called when the request is answered.
// The error has a method RetryAfter: the account has reached a limit (429).
func (s *Server) Enter(w http.ResponseWriter, r *http.Request, caller agreement.Caller) (leave func(), err error) {
	if x, ok := w.(*exchange); ok {
		x.caller = caller
	}
	a, err := s.gate.enterAccount(r.Context(), caller.Account)
	if err != nil {
		return nil, err
	}
	return a.leave, nil
}
