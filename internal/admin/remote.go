package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
)

// Prefix is the path below which the API is served to accounts.
const Prefix = "/accord/v1/"

// Remote says how requests over the network come to a Service.
type Remote struct {
	// Identify returns the account that sent a request.
	Identify func(*http.Request) (auth.Account, error)

	// Enter admits a request, and returns what is called once it is answered; nil: all are admitted. An error that has a
	// method RetryAfter says that the account has reached a limit (429), or the server is busy (503): see limited.
	Enter func(http.ResponseWriter, *http.Request, agreement.Caller) (leave func(), err error)

	// Stream, if set, is called when an answer has become a stream, which package live bounds: it no longer counts among the
	// requests in progress until the function that it returns is called. What Enter returned has been called by then.
	Stream func() (ended func())
}

// streamKey is the key, in the context of a request, of what a stream needs of the Remote that it came by.
type streamKey struct{}

// remoteStream is how a stream identifies its caller again, and what it calls when it begins.
type remoteStream struct {
	again func(*http.Request) (agreement.Caller, time.Time, error)
	began func() (ended func())
}

// caller identifies the account that sent a request.
func (r Remote) caller(req *http.Request) (agreement.Caller, error) {
	account, err := r.Identify(req)
	return callerOf(account), err
}

func callerOf(account auth.Account) agreement.Caller {
	return agreement.Caller{
		Account:  agreement.AccountName(account.Name),
		Party:    agreement.PartyName(account.Party),
		Operator: account.Operator,
		ReadOnly: account.ReadOnly(),
	}
}

// again identifies the account that sent a request, and returns when its credentials may end: which of them it used is not
// known here, so it is the first of its tokens and its certificate that ends.
func (r Remote) again(req *http.Request, now time.Time) (agreement.Caller, time.Time, error) {
	account, err := r.Identify(req)
	var until time.Time
	ends := func(at time.Time) {
		if at.After(now) && (until.IsZero() || at.Before(until)) {
			until = at
		}
	}
	ends(account.Expires)
	for _, t := range account.Tokens {
		ends(t.Expires)
	}
	if req.TLS != nil && len(req.TLS.PeerCertificates) > 0 {
		ends(req.TLS.PeerCertificates[0].NotAfter)
	}
	return callerOf(account), until, err
}

// Remote serves accounts over the network, below Prefix. Operators reach everything but what is for the machine itself;
// others what their role in an agreement allows.
func (s *Service) Remote(r Remote) http.Handler {
	routed := againstForgery(s.handler(Prefix, false))
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, err := r.caller(req)
		if err != nil {
			writeError(w, err)
			return
		}
		stream := remoteStream{again: func(req *http.Request) (agreement.Caller, time.Time, error) { return r.again(req, s.now()) }, began: func() func() { return func() {} }}
		if r.Stream != nil {
			stream.began = r.Stream
		}
		if r.Enter != nil {
			leave, err := r.Enter(w, req, caller)
			if err != nil {
				writeError(w, err)
				return
			}
			once, began := sync.OnceFunc(leave), stream.began
			defer once()
			stream.began = func() func() {
				once()
				return began()
			}
		}
		req = req.WithContext(context.WithValue(req.Context(), streamKey{}, stream))
		routed.ServeHTTP(w, withCaller(req, caller))
	})
}

// BaseURL returns the URL of Prefix on a server, from the URL of the server or of anything on it.
func BaseURL(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%q is not the URL of a server, expected https://HOST/", server)
	}
	return u.Scheme + "://" + strings.TrimSuffix(u.Host, "/") + Prefix, nil
}
