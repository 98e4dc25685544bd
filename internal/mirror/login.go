package mirror

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
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
			return &oauth{OAuth: *r.OAuth, secret: secret, client: client}
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

// oauth is a login by OAuth2 client credentials (RFC 6749, section 4.4): an access token is asked for when there is none, shortly
// before it ends, and once more when it is refused. It is used by one goroutine.
type oauth struct {
	agreement.OAuth
	secret string
	client *http.Client

	token string
	until time.Time // zero: it does not end by itself
	fresh bool      // no request has used it yet
}

// mostToken bounds the answer of a token endpoint.
const mostToken = 1 << 20

func (o *oauth) add(ctx context.Context, req *http.Request) error {
	if o.token == "" || !o.until.IsZero() && !time.Now().Before(o.until) {
		if err := o.ask(ctx); err != nil {
			return err
		}
	} else {
		o.fresh = false
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	return nil
}

func (o *oauth) renew() bool {
	again := !o.fresh
	o.token = ""
	return again
}

func (o *oauth) ask(ctx context.Context) error {
	form := url.Values{"grant_type": {"client_credentials"}}
	if o.Scope != "" {
		form.Set("scope", o.Scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return fault(FaultSetup, "", "%w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(o.ClientID), url.QueryEscape(o.secret)) // RFC 6749, section 2.3.1
	resp, err := o.client.Do(req)
	if err != nil {
		return connectionFault(ctx, err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token   string  `json:"access_token"`
		Type    string  `json:"token_type"`
		Expires float64 `json:"expires_in"`
		Error   string  `json:"error"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, mostToken)).Decode(&answer)
	switch {
	case resp.StatusCode != http.StatusOK:
		return fault(FaultLogin, "check client_id and the secret", "the token endpoint answered %s %s", resp.Status, short(answer.Error))
	case err != nil || answer.Token == "" || strings.ContainsAny(answer.Token, "\r\n"):
		return fault(FaultLogin, "check token_url", "the token endpoint answered without an access token")
	case !strings.EqualFold(answer.Type, "bearer"):
		return fault(FaultLogin, "", "the token endpoint gives tokens of the type %q, expected Bearer", short(answer.Type))
	}
	o.token, o.until, o.fresh = answer.Token, time.Time{}, true
	if answer.Expires > 0 {
		const early = 30 * time.Second
		lasts := time.Duration(min(answer.Expires, 1e6)) * time.Second
		o.until = time.Now().Add(lasts - min(early, lasts/2))
	}
	return nil
}
