package mirror

import (
	"context"
	"errors"
	"net/http"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/oauth"
)

// login adds credentials to requests.
type login interface {
	add(context.Context, *http.Request) error
	renew() bool // the credentials were refused; reports whether others may do
}

func newLogin(r *agreement.Remote, secret string, client *http.Client) login {
	switch r.Login {
	case agreement.LoginPassword:
		return fixed(func(req *http.Request) { req.SetBasicAuth(r.User, secret) })
	case agreement.LoginToken:
		return fixed(func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+secret) })
	case agreement.LoginOAuth:
		if r.OAuth != nil {
			return &accessToken{source: oauth.New(oauth.Config{TokenURL: r.OAuth.TokenURL, ClientID: r.OAuth.ClientID, Secret: secret, Scope: r.OAuth.Scope, Client: client})}
		}
	}
	return fixed(func(*http.Request) {})
}

// fixed is a login that is the same for each request.
type fixed func(*http.Request)

func (f fixed) add(_ context.Context, req *http.Request) error {
	f(req)
	return nil
}

func (fixed) renew() bool { return false }

// accessToken is a login by OAuth2 client credentials. A token that is refused is replaced once: it may have ended early. One that
// no request has used before is refused for another reason. It is used by one goroutine.
type accessToken struct {
	source  *oauth.Source
	used    string // by the last request
	refused string // by the remote server, after the last request
	fresh   bool   // the last request was the first one with its token
}

func (a *accessToken) add(ctx context.Context, req *http.Request) error {
	token, err := a.source.Token(ctx, a.refused)
	if err != nil {
		return tokenFault(ctx, err)
	}
	a.fresh, a.used, a.refused = token != a.used, token, ""
	req.Header.Set("Authorization", "Bearer "+token)
	return nil
}

func (a *accessToken) renew() bool {
	a.refused = a.used
	return !a.fresh
}

// tokenFault names what kept a token from coming.
func tokenFault(ctx context.Context, err error) error {
	var refusal *oauth.Refusal
	switch {
	case !errors.As(err, &refusal):
		return connectionFault(ctx, err)
	case refusal.Status == http.StatusOK:
		return fault(FaultLogin, "check token_url", "%w", err)
	}
	return fault(FaultLogin, "check client_id and the secret", "%w", err)
}
