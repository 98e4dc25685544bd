package oidc_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/oidc"
)

// loginWorld is a world with a login at its issuer.
func loginWorld(t *testing.T) (*world, *oidc.Login) {
	w := newWorld(t)
	return w, oidc.NewLogin(w.verifier, oidc.Client{Issuer: w.issuer.URL, ID: "console", Secret: w.issuer.Secret(), Scopes: []string{"groups"}, Redirect: "https://console.example/console/login/oidc/answer/"})
}

// visit begins an attempt and follows the browser to the issuer, which sends it back with an answer.
func (w *world) visit(l *oidc.Login) (oidc.Attempt, url.Values) {
	w.Helper()
	attempt, to, err := l.Begin(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(to)
	if err != nil {
		w.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		w.Fatal(err)
	}
	return attempt, back.Query()
}

func TestLogins(t *testing.T) {
	w, l := loginWorld(t)
	for name, tc := range map[string]struct {
		person          map[string]any
		nonce           string
		change          func(*oidc.Attempt, url.Values)
		account, reason string
	}{
		"by the subject":                  {person: map[string]any{"sub": "feed-client", "groups": []string{"cti"}}, account: "feed"},
		"by a claim":                      {person: map[string]any{"sub": "ann", "groups": []string{"staff", "cti"}}, account: "readers"},
		"by a claim that is no list":      {person: map[string]any{"sub": "ann", "groups": "cti"}, account: "readers"},
		"without a claim that counts":     {person: map[string]any{"sub": "ann", "groups": []string{"staff"}}, reason: "no account"},
		"of a stranger":                   {person: map[string]any{"sub": "ann"}, reason: "no account"},
		"without a subject":               {person: map[string]any{"groups": "cti"}, reason: "could not be verified"},
		"with the nonce of another login": {person: map[string]any{"sub": "feed-client"}, nonce: "another", reason: "could not be verified"},
		"for another client":              {person: map[string]any{"sub": "feed-client", "aud": "other"}, reason: "could not be verified"},
		"given to another client":         {person: map[string]any{"sub": "feed-client", "azp": "other"}, reason: "could not be verified"},
		"that has expired":                {person: map[string]any{"sub": "feed-client", "exp": w.now.Unix() - 3600}, reason: "could not be verified"},
		"of another issuer":               {person: map[string]any{"sub": "feed-client", "iss": "https://other.example"}, reason: "could not be verified"},
		"with the state of another":       {person: map[string]any{"sub": "feed-client"}, change: func(a *oidc.Attempt, _ url.Values) { a.State = "another" }, reason: "not begun in this browser"},
		"that no browser began":           {person: map[string]any{"sub": "feed-client"}, change: func(a *oidc.Attempt, q url.Values) { a.State = ""; q.Set("state", "") }, reason: "not begun in this browser"},
		"with an answer of another":       {person: map[string]any{"sub": "feed-client"}, change: func(_ *oidc.Attempt, q url.Values) { q.Set("iss", "https://other.example") }, reason: "not begun in this browser"},
		"without its proof":               {person: map[string]any{"sub": "feed-client"}, change: func(a *oidc.Attempt, _ url.Values) { a.Proof = strings.Repeat("a", 43) }, reason: "could not be verified"},
		"that the issuer refused":         {person: map[string]any{"sub": "feed-client"}, change: func(_ *oidc.Attempt, q url.Values) { q.Set("error", "access_denied") }, reason: "refused the login"},
	} {
		t.Run(name, func(t *testing.T) {
			w.T = t
			w.issuer.Person(tc.person)
			w.issuer.Nonce(tc.nonce)
			attempt, answer := w.visit(l)
			if tc.change != nil {
				tc.change(&attempt, answer)
			}
			a, err := l.Finish(context.Background(), attempt, answer)
			var wrong *auth.WrongError
			if tc.account != "" && (err != nil || a.Name != tc.account) || tc.account == "" && (!errors.As(err, &wrong) || !strings.Contains(wrong.Reason, tc.reason)) {
				t.Errorf("account %q, %v; want %q, %q", a.Name, err, tc.account, tc.reason)
			}
			if _, err := l.Finish(context.Background(), attempt, answer); err == nil {
				t.Error("the same code logs in twice")
			}
		})
	}
}

func TestAClaimNeverGivesAnOperator(t *testing.T) {
	w, l := loginWorld(t)
	w.accounts = directory{{Name: "root", Operator: true, OIDC: &auth.Identity{Issuer: w.issuer.URL, Claim: "groups", Value: "cti"}}}
	w.issuer.Person(map[string]any{"sub": "ann", "groups": "cti"})
	attempt, answer := w.visit(l)
	if a, err := l.Finish(context.Background(), attempt, answer); err == nil {
		t.Errorf("account %q", a.Name)
	}
}

func TestALoginAtAnIssuerThatIsDown(t *testing.T) {
	w, l := loginWorld(t)
	w.issuer.Down(true)
	if _, _, err := l.Begin(context.Background()); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("begin: %v", err)
	}
}
