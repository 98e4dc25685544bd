package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/accord-taxii/accord/internal/auth"
)

// Directory finds accounts by what other issuers say; the store's registry is one.
type Directory interface {
	TrustsIssuer(issuer string) bool
	AccountOfSubject(issuer, subject string) (auth.Account, bool)
	AccountsOfClaims(issuer string) []auth.Account
}

// Config is what a Verifier is made of.
type Config struct {
	Directory func() Directory // as it is now
	Audience  string           // the server's public URL, which tokens must be for; "": no token counts
	Client    *http.Client     // asks issuers; nil: one that trusts the system's certificates
	Now       func() time.Time // nil: time.Now

	// Failed, if set, is called when an issuer could not be asked.
	Failed func(issuer string, err error)
}

// Verifier finds the accounts that tokens are for. It is safe for concurrent use.
type Verifier struct {
	config Config

	mu      sync.Mutex
	issuers map[string]*issuer // guarded by mu: those that accounts name, once a token came
}

// New makes a Verifier. It asks no issuer before a token comes.
func New(c Config) *Verifier {
	if c.Client == nil {
		c.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Failed == nil {
		c.Failed = func(string, error) {}
	}
	return &Verifier{config: c, issuers: map[string]*issuer{}}
}

// issuer returns an issuer that accounts name. Those that no account names any more are forgotten.
func (v *Verifier) issuer(url string, trusted func(string) bool) *issuer {
	v.mu.Lock()
	defer v.mu.Unlock()
	i, ok := v.issuers[url]
	if !ok {
		for known := range v.issuers {
			if !trusted(known) {
				delete(v.issuers, known)
			}
		}
		i = &issuer{url: url, client: v.config.Client, now: v.config.Now, tell: v.config.Failed}
		v.issuers[url] = i
	}
	return i
}

// claims are those of an access token that are looked at.
type claims struct {
	Issuer   string    `json:"iss"`
	Subject  string    `json:"sub"`
	ClientID string    `json:"client_id"`
	Scope    string    `json:"scope"`
	Audience audiences `json:"aud"`

	Expires   *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	Issued    *jwt.NumericDate `json:"iat"`
}

// audiences is one name or a list of them.
type audiences []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audiences) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// Reasons for which tokens are refused. They are few, since they are counted.
const (
	reasonNone      = "this server takes no tokens of other issuers: it has no public URL"
	reasonForm      = "the token is not an access token that is signed in a way that counts"
	reasonType      = "the token is not an access token (typ at+jwt)"
	reasonIssuer    = "the token's issuer is unknown"
	reasonKeys      = "the keys of the token's issuer could not be fetched"
	reasonKey       = "the key of the token's signature is unknown"
	reasonSignature = "the token's signature is wrong"
	reasonAudience  = "the token is for another server"
	reasonExpired   = "the token has expired"
	reasonEarly     = "the token is not valid yet"
	reasonSubject   = "the token belongs to no account"
	reasonClient    = "the token was given to another client than the account's"
	reasonScope     = "the token lacks the scope of the account"
)

// Account returns the account that an access token is for. An error is a *auth.WrongError.
func (v *Verifier) Account(ctx context.Context, token string) (auth.Account, error) {
	if v.config.Audience == "" {
		return auth.Account{}, &auth.WrongError{Reason: reasonNone}
	}
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil || len(parsed.Headers) != 1 {
		return auth.Account{}, &auth.WrongError{Reason: reasonForm}
	}
	header := parsed.Headers[0]
	if !isAccessToken(header) {
		return auth.Account{}, &auth.WrongError{Reason: reasonType}
	}
	var said claims
	directory := v.config.Directory()
	if err := parsed.UnsafeClaimsWithoutVerification(&said); err != nil || !directory.TrustsIssuer(said.Issuer) {
		return auth.Account{}, &auth.WrongError{Reason: reasonIssuer}
	}
	from := v.issuer(said.Issuer, directory.TrustsIssuer)
	payload, reason := v.verified(ctx, from, header, func(k jose.JSONWebKey, payload *claims) error { return parsed.Claims(k.Key, payload) })
	if reason == "" {
		reason = v.check(payload)
	}
	if reason != "" {
		return auth.Account{}, &auth.WrongError{Reason: reason}
	}
	account, ok := directory.AccountOfSubject(payload.Issuer, payload.Subject)
	switch {
	case !ok || payload.Subject == "" || account.Disabled:
		return auth.Account{}, &auth.WrongError{Reason: reasonSubject}
	case account.OIDC.ClientID != "" && account.OIDC.ClientID != payload.ClientID:
		return auth.Account{}, &auth.WrongError{Reason: reasonClient, Account: account.Name}
	case account.OIDC.Scope != "" && !slices.Contains(strings.Fields(payload.Scope), account.OIDC.Scope):
		return auth.Account{}, &auth.WrongError{Reason: reasonScope, Account: account.Name}
	}
	return account, nil
}

// isAccessToken reports whether a header has the type of an access token (RFC 9068, section 4): an ID token must not count as one.
func isAccessToken(h jose.Header) bool {
	kind, _ := h.ExtraHeaders[jose.HeaderType].(string)
	return strings.EqualFold(kind, "at+jwt") || strings.EqualFold(kind, "application/at+jwt")
}

// verified returns the claims of a token once its signature is verified with one of its issuer's keys, or why it is not.
func (v *Verifier) verified(ctx context.Context, from *issuer, header jose.Header, with func(jose.JSONWebKey, *claims) error) (said claims, reason string) {
	keys, err := from.candidates(ctx, header.KeyID, jose.SignatureAlgorithm(header.Algorithm))
	if err != nil {
		return claims{}, reasonKeys
	}
	if len(keys) == 0 {
		return claims{}, reasonKey
	}
	for _, k := range keys {
		var said claims
		if with(k, &said) == nil && said.Issuer == from.url {
			return said, ""
		}
	}
	return claims{}, reasonSignature
}

// check says what in a token's claims is against it.
func (v *Verifier) check(c claims) (reason string) {
	now := v.config.Now()
	same := func(a string) bool { return strings.TrimSuffix(a, "/") == strings.TrimSuffix(v.config.Audience, "/") }
	switch {
	case !slices.ContainsFunc(c.Audience, same):
		return reasonAudience
	case c.Expires == nil || !now.Before(c.Expires.Time().Add(clockLeeway)):
		return reasonExpired
	case c.NotBefore != nil && now.Before(c.NotBefore.Time().Add(-clockLeeway)), c.Issued != nil && now.Before(c.Issued.Time().Add(-clockLeeway)):
		return reasonEarly
	}
	return ""
}
