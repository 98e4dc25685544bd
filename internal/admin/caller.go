package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
)

// callerKey is the key of the caller in the context of a request.
type callerKey struct{}

// withCaller returns a request that carries its caller.
func withCaller(r *http.Request, caller agreement.Caller) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, caller))
}

// callOf returns the call of a request. A request whose context carries no caller is refused.
func callOf(r *http.Request) (call, error) {
	caller, ok := r.Context().Value(callerKey{}).(agreement.Caller)
	if !ok {
		return call{}, auth.ErrMissing
	}
	return call{Request: r, caller: caller, by: store.Actor{Account: caller.Account, Party: caller.Party}}, nil
}

// errOperatorsOnly is the error of a route that is for operators.
var errOperatorsOnly = errors.New("only an operator may do this")
