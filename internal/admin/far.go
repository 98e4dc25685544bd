package admin

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
)

// FarPrefix is where the API is served to accounts.
const FarPrefix = "/accord/v1/"

// Far serves an API to accounts over the network. Operators reach all of it but what is for the machine itself; others
// what their role in an agreement allows.
type Far struct {
	API  *API
	Auth *auth.Authenticator

	// Address is where a request comes from, without a port; nil: the connection's other end.
	Address func(*http.Request) string

	// Enter lets a request in, and returns what is called once it is answered; nil: all are let in. An error that has a
	// method RetryAfter says that the account has reached a limit (429).
	Enter func(http.ResponseWriter, *http.Request, agreement.Caller) (leave func(), err error)
}

// Handler serves below FarPrefix.
func (f *Far) Handler() http.Handler {
	api := *f.API
	api.Local, api.Actor = false, func(r *http.Request) store.Actor {
		caller := callerOf(r)
		return store.Actor{Account: caller.Account, Party: caller.Party}
	}
	inner := api.Handler(FarPrefix)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account, err := f.Auth.AuthenticateFrom(r.Context(), f.address(r), r.Header, r.TLS)
		if err != nil {
			writeError(w, err)
			return
		}
		caller := agreement.Caller{
			Account:  agreement.AccountName(account.Name),
			Party:    agreement.PartyName(account.Party),
			Operator: account.Operator,
		}
		if f.Enter != nil {
			leave, err := f.Enter(w, r, caller)
			if err != nil {
				writeError(w, err)
				return
			}
			defer leave()
		}
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
	})
}

func (f *Far) address(r *http.Request) string {
	if f.Address != nil {
		return f.Address(r)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// callerKey is under what the context of a request has its caller.
type callerKey struct{}

// callerOf is who sent a request: an account, or whoever may use the data folder, who is an operator.
func callerOf(r *http.Request) agreement.Caller {
	if caller, ok := r.Context().Value(callerKey{}).(agreement.Caller); ok {
		return caller
	}
	return agreement.Caller{Account: AtTheMachine, Operator: true}
}

// errOperatorsOnly says that a route is for operators.
var errOperatorsOnly = errors.New("only an operator may do this")
