package oidc_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/oidc"
	"github.com/accord-taxii/accord/internal/oidc/oidctest"
)

const audience = "https://taxii.example"

// directory is a Directory over accounts.
type directory []auth.Account

func (d directory) TrustsIssuer(issuer string) bool {
	for _, a := range d {
		if a.OIDC != nil && a.OIDC.Issuer == issuer {
			return true
		}
	}
	return false
}

func (d directory) AccountOfSubject(issuer, subject string) (auth.Account, bool) {
	for _, a := range d {
		if a.OIDC != nil && a.OIDC.Issuer == issuer && a.OIDC.Claim == "" && a.OIDC.Subject == subject {
			return a, true
		}
	}
	return auth.Account{}, false
}

func (d directory) AccountsOfClaims(issuer string) (list []auth.Account) {
	for _, a := range d {
		if a.OIDC != nil && a.OIDC.Issuer == issuer && a.OIDC.Claim != "" {
			list = append(list, a)
		}
	}
	return list
}

// world is a verifier over one issuer, with a clock that the test moves.
type world struct {
	*testing.T
	issuer   *oidctest.Issuer
	verifier *oidc.Verifier
	now      time.Time
	accounts directory
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, issuer: oidctest.New(t), now: time.Now().Truncate(time.Second)}
	w.accounts = directory{
		{Name: "feed", Party: "vendor", OIDC: &auth.Identity{Issuer: w.issuer.URL, Subject: "feed-client"}},
		{Name: "scoped", Party: "vendor", OIDC: &auth.Identity{Issuer: w.issuer.URL, Subject: "scoped", ClientID: "app", Scope: "taxii.write"}},
		{Name: "off", Party: "vendor", Disabled: true, OIDC: &auth.Identity{Issuer: w.issuer.URL, Subject: "off"}},
		{Name: "readers", Party: "vendor", OIDC: &auth.Identity{Issuer: w.issuer.URL, Claim: "groups", Value: "cti"}},
	}
	w.verifier = oidc.New(oidc.Config{Directory: func() oidc.Directory { return w.accounts }, Audience: audience, Now: func() time.Time { return w.now }})
	return w
}

// token signs claims that are in order but for with.
func (w *world) token(subject string, with map[string]any) string {
	return w.issuer.Key().Sign(w, "at+jwt", w.issuer.Claims(subject, audience, w.now, with))
}

// want holds the account of a token; "" and part of a reason if it must be refused.
func (w *world) want(token, account, reason string) {
	w.Helper()
	got, err := w.verifier.Account(context.Background(), token)
	if account != "" {
		if err != nil || got.Name != account {
			w.Errorf("account %q, %v; want %q", got.Name, err, account)
		}
		return
	}
	var wrong *auth.WrongError
	if !errors.As(err, &wrong) || !strings.Contains(wrong.Reason, reason) || got.Name != "" {
		w.Errorf("account %q, %v; want a refusal that says %q", got.Name, err, reason)
	}
}

func TestTokensThatCount(t *testing.T) {
	w := newWorld(t)
	w.want(w.token("feed-client", nil), "feed", "")
	for name, with := range map[string]map[string]any{
		"an audience with the last slash":    {"aud": audience + "/"},
		"several audiences":                  {"aud": []string{"https://other.example", audience}},
		"a clock that is ahead":              {"iat": w.now.Add(25 * time.Second).Unix(), "nbf": w.now.Add(25 * time.Second).Unix()},
		"a clock that is behind":             {"exp": w.now.Add(-25 * time.Second).Unix()},
		"no client, no id, no time of issue": {"client_id": nil, "jti": nil, "iat": nil},
		"scopes that no account asks for":    {"scope": "a b"},
	} {
		t.Run(name, func(t *testing.T) { w.T = t; w.want(w.token("feed-client", with), "feed", "") })
	}
	w.T = t
	w.want(w.token("scoped", map[string]any{"client_id": "app", "scope": "openid taxii.write"}), "scoped", "")
	w.want(w.issuer.Key().Sign(t, "application/at+JWT", w.issuer.Claims("feed-client", audience, w.now, nil)), "feed", "")
}

func TestTokensThatDoNotCount(t *testing.T) {
	w := newWorld(t)
	stranger := oidctest.New(t)
	good := w.issuer.Claims("feed-client", audience, w.now, nil)
	for name, tc := range map[string]struct {
		token  string
		reason string
	}{
		"for another server":               {w.token("feed-client", map[string]any{"aud": "https://taxii.example.org"}), "for another server"},
		"for no server":                    {w.token("feed-client", map[string]any{"aud": nil}), "for another server"},
		"expired":                          {w.token("feed-client", map[string]any{"exp": w.now.Add(-31 * time.Second).Unix()}), "has expired"},
		"without an end":                   {w.token("feed-client", map[string]any{"exp": nil}), "has expired"},
		"not valid yet":                    {w.token("feed-client", map[string]any{"nbf": w.now.Add(31 * time.Second).Unix()}), "not valid yet"},
		"made in the future":               {w.token("feed-client", map[string]any{"iat": w.now.Add(time.Hour).Unix()}), "not valid yet"},
		"of no account":                    {w.token("someone", nil), "no account"},
		"without a subject":                {w.token("feed-client", map[string]any{"sub": nil}), "no account"},
		"of a disabled account":            {w.token("off", nil), "no account"},
		"of an account that a claim gives": {w.token("", map[string]any{"groups": []string{"cti"}}), "no account"},
		"of another client":                {w.token("scoped", map[string]any{"client_id": "other", "scope": "taxii.write"}), "another client"},
		"without the account's scope":      {w.token("scoped", map[string]any{"client_id": "app", "scope": "taxii.writer"}), "lacks the scope"},
		"an ID token":                      {w.issuer.Key().Sign(t, "JWT", good), "typ at+jwt"},
		"without a type":                   {w.issuer.Key().Sign(t, "", good), "typ at+jwt"},
		"of another issuer":                {stranger.Key().Sign(t, "at+jwt", stranger.Claims("feed-client", audience, w.now, nil)), "issuer is unknown"},
		"in the name of the issuer":        {stranger.Key().Sign(t, "at+jwt", good), "signature is wrong"},
		"of a key that is not published":   {oidctest.NewKey(t, "other", jose.ES256).Sign(t, "at+jwt", good), "key of the token's signature is unknown"},
		"without a signature":              {unsigned(good), "signed in a way"},
		"signed with the public key":       {confused(t, w.issuer, good), "signed in a way"},
		"with another payload":             {altered(w.token("feed-client", nil), "scoped"), "signature is wrong"},
		"with a claim twice":               {altered(w.token("feed-client", nil), `feed-client","sub":"scoped`), ""},
		"no token":                         {"a.b.c", "signed in a way"},
	} {
		t.Run(name, func(t *testing.T) { w.T = t; w.want(tc.token, "", tc.reason) })
	}
}

func TestNoTokenCountsWithoutAPublicURL(t *testing.T) {
	w := newWorld(t)
	w.verifier = oidc.New(oidc.Config{Directory: func() oidc.Directory { return w.accounts }, Now: func() time.Time { return w.now }})
	w.want(w.issuer.Key().Sign(t, "at+jwt", w.issuer.Claims("feed-client", "", w.now, nil)), "", "no public URL")
}

func TestKeysThatRotate(t *testing.T) {
	w := newWorld(t)
	old := w.issuer.Key()
	w.want(w.token("feed-client", nil), "feed", "")

	// A new key counts at once, even a moment after the first question.
	next := oidctest.NewKey(t, "next", jose.ES256)
	w.issuer.Publish(next, old)
	w.want(w.token("feed-client", nil), "feed", "")
	asked := w.issuer.Asked()
	for range 10 {
		w.want(oidctest.Key{ID: "guess", Algorithm: jose.ES256, Private: next.Private}.Sign(t, "at+jwt", w.issuer.Claims("feed-client", audience, w.now, nil)), "", "unknown")
	}
	if w.issuer.Asked() != asked {
		t.Errorf("asked %d times for keys that are unknown, right after another look-up", w.issuer.Asked()-asked)
	}

	// A key that was taken back counts for a minute at most.
	kept := old.Sign(t, "at+jwt", w.issuer.Claims("feed-client", audience, w.now.Add(time.Minute), map[string]any{"iat": nil}))
	w.want(kept, "feed", "")
	w.issuer.Publish(next)
	w.now = w.now.Add(61 * time.Second)
	w.want(kept, "", "unknown")
	w.want(w.token("feed-client", nil), "feed", "")

	// Keys without an algorithm, and tokens without a key id.
	bare := oidctest.NewKey(t, "", jose.EdDSA)
	w.issuer.Publish(bare, next)
	w.now = w.now.Add(6 * time.Second)
	w.want(w.token("feed-client", nil), "feed", "")
}

func TestAnIssuerThatIsDown(t *testing.T) {
	w := newWorld(t)
	w.issuer.Down(true)
	w.want(w.token("feed-client", nil), "", "could not be fetched")
	w.issuer.Down(false)
	w.want(w.token("feed-client", nil), "", "could not be fetched") // not asked again at once
	w.now = w.now.Add(6 * time.Second)
	w.want(w.token("feed-client", nil), "feed", "")

	w.issuer.Down(true)
	w.now = w.now.Add(time.Hour)
	w.want(w.token("feed-client", nil), "feed", "") // its keys go on to count
	asked := w.issuer.Asked()
	w.want(w.token("feed-client", nil), "feed", "")
	if w.issuer.Asked() != asked {
		t.Error("an issuer that failed a moment ago was asked again")
	}
	w.now = w.now.Add(24 * time.Hour)
	w.want(w.token("feed-client", nil), "", "could not be fetched") // but not for ever
	w.issuer.Down(false)
	w.now = w.now.Add(6 * time.Second)
	w.want(w.token("feed-client", nil), "feed", "")
}

// unsigned returns a token with the algorithm none.
func unsigned(claims map[string]any) string {
	text, _ := json.Marshal(claims)
	b64 := base64.RawURLEncoding
	return b64.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + b64.EncodeToString(text) + "."
}

// confused returns a token whose MAC is made with the issuer's public key, which everyone knows.
func confused(t *testing.T, i *oidctest.Issuer, claims map[string]any) string {
	der, err := x509.MarshalPKIXPublicKey(i.Key().Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(claims)
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"at+jwt","kid":"first"}`)) + "." + b64.EncodeToString(text)
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(signed))
	return signed + "." + b64.EncodeToString(mac.Sum(nil))
}

// altered returns a token whose payload names another subject.
func altered(token, subject string) string {
	parts := strings.Split(token, ".")
	text, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(text), `"sub":"feed-client"`, `"sub":"`+subject+`"`, 1)))
	return strings.Join(parts, ".")
}
