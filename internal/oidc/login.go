package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"

	upstream "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/accord-taxii/accord/internal/auth"
)

// Client is what this server is to an issuer at which people log in.
type Client struct {
	Issuer   string
	ID       string
	Secret   string // "": the client has none, and PKCE alone protects the code
	Scopes   []string
	Redirect string // URL to which the issuer sends people back
}

// Login has people log in at an issuer (OpenID Connect Core, section 3.1: the authorization code flow, with PKCE).
type Login struct {
	client   Client
	verifier *Verifier
}

// NewLogin makes a Login whose issuer is asked by a Verifier.
func NewLogin(v *Verifier, c Client) *Login { return &Login{client: c, verifier: v} }

// Attempt is one login that began. The browser that began it keeps it, and no other page sees it.
type Attempt struct {
	State string `json:"state"`
	Nonce string `json:"nonce"`
	Proof string `json:"proof"` // PKCE's verifier
}

// ErrUnavailable: the issuer does not answer.
var ErrUnavailable = errors.New("the server at which people log in does not answer")

// Issuer returns the issuer's URL.
func (l *Login) Issuer() string { return l.client.Issuer }

// Begin returns an attempt and the URL to send its browser to.
func (l *Login) Begin(ctx context.Context) (Attempt, string, error) {
	config, err := l.config(ctx)
	if err != nil {
		return Attempt{}, "", err
	}
	a := Attempt{State: random(), Nonce: random(), Proof: oauth2.GenerateVerifier()}
	return a, config.AuthCodeURL(a.State, upstream.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Proof)), nil
}

func random() string {
	var text [32]byte
	rand.Read(text[:]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(text[:])
}

func (l *Login) config(ctx context.Context) (*oauth2.Config, error) {
	said, err := l.issuer().configuration(ctx)
	if err != nil {
		return nil, errors.Join(ErrUnavailable, err)
	}
	if err := errors.Join(auth.CheckSecureURL(said.Authorization), auth.CheckSecureURL(said.Token)); err != nil {
		return nil, errors.Join(ErrUnavailable, err)
	}
	style := oauth2.AuthStyleInHeader // the default (OpenID Connect Discovery, section 3)
	if len(said.Methods) > 0 && !slices.Contains(said.Methods, "client_secret_basic") || l.client.Secret == "" {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: l.client.ID, ClientSecret: l.client.Secret, RedirectURL: l.client.Redirect,
		Scopes:   append([]string{upstream.ScopeOpenID}, l.client.Scopes...),
		Endpoint: oauth2.Endpoint{AuthURL: said.Authorization, TokenURL: said.Token, AuthStyle: style},
	}, nil
}

func (l *Login) issuer() *issuer {
	return l.verifier.issuer(l.client.Issuer, func(url string) bool {
		return url == l.client.Issuer || l.verifier.config.Directory().TrustsIssuer(url)
	})
}

// Reasons for which logins are refused.
const (
	reasonAttempt = "the login at the other issuer was not begun in this browser"
	reasonDenied  = "the other issuer refused the login"
	reasonCode    = "the other issuer's answer could not be verified"
	reasonUnknown = "no account names the person who logged in at the other issuer"
	reasonSeveral = "several accounts are for who logged in at the other issuer"
)

// Finish returns the account of who logged in, from the parameters that the issuer sent the browser back with. An error is a
// *auth.WrongError or ErrUnavailable.
func (l *Login) Finish(ctx context.Context, a Attempt, answer url.Values) (auth.Account, error) {
	issuers := answer["iss"] // RFC 9207
	switch {
	case a.State == "" || subtle.ConstantTimeCompare([]byte(a.State), []byte(answer.Get("state"))) != 1,
		len(issuers) > 0 && !slices.Equal(issuers, []string{l.client.Issuer}):
		return auth.Account{}, &auth.WrongError{Reason: reasonAttempt}
	case answer.Get("error") != "" || answer.Get("code") == "":
		return auth.Account{}, &auth.WrongError{Reason: reasonDenied}
	}
	config, err := l.config(ctx)
	if err != nil {
		return auth.Account{}, err
	}
	asked, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, l.verifier.config.Client), askTime)
	defer cancel()
	token, err := config.Exchange(asked, answer.Get("code"), oauth2.VerifierOption(a.Proof))
	if err != nil {
		l.verifier.config.Failed(l.client.Issuer, err)
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError {
			return auth.Account{}, &auth.WrongError{Reason: reasonCode}
		}
		return auth.Account{}, ErrUnavailable
	}
	said, err := l.identity(ctx, token, a.Nonce)
	if err != nil {
		l.verifier.config.Failed(l.client.Issuer, err)
		return auth.Account{}, &auth.WrongError{Reason: reasonCode}
	}
	return l.account(said)
}

// identity returns the claims of the ID token that came with an access token.
func (l *Login) identity(ctx context.Context, token *oauth2.Token, nonce string) (map[string]any, error) {
	text, _ := token.Extra("id_token").(string)
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	verified, err := upstream.NewVerifier(l.client.Issuer, keySet{l.issuer()}, &upstream.Config{ClientID: l.client.ID, SupportedSigningAlgs: names, Now: l.verifier.config.Now}).Verify(ctx, text)
	if err != nil {
		return nil, err
	}
	var said map[string]any
	if err := verified.Claims(&said); err != nil {
		return nil, err
	}
	party, named := said["azp"].(string)
	switch {
	case subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1:
		return nil, errors.New("the nonce of the ID token is another login's")
	case named && party != l.client.ID, len(verified.Audience) > 1 && !named:
		return nil, errors.New("the ID token was given to another client")
	case verified.Subject == "":
		return nil, errors.New("the ID token has no subject")
	}
	return said, nil
}

// account finds the account that names who logged in, or else the one that a claim gives.
func (l *Login) account(said map[string]any) (auth.Account, error) {
	directory := l.verifier.config.Directory()
	subject, _ := said["sub"].(string)
	if account, ok := directory.AccountOfSubject(l.client.Issuer, subject); ok {
		return account, nil
	}
	var found []auth.Account
	for _, account := range directory.AccountsOfClaims(l.client.Issuer) {
		if account.ReadOnly() && !account.Operator && !account.Manages && holds(said[account.OIDC.Claim], account.OIDC.Value) {
			found = append(found, account)
		}
	}
	switch len(found) {
	case 0:
		return auth.Account{}, &auth.WrongError{Reason: reasonUnknown}
	case 1:
		return found[0], nil
	}
	return auth.Account{}, &auth.WrongError{Reason: reasonSeveral}
}

// holds reports whether a claim is a value, or a list that has it.
func holds(claim any, value string) bool {
	if text, ok := claim.(string); ok {
		return text == value
	}
	list, _ := claim.([]any)
	return slices.ContainsFunc(list, func(one any) bool { return one == value })
}

// keySet verifies signatures with an issuer's keys.
type keySet struct{ *issuer }

// VerifySignature implements go-oidc's KeySet.
func (k keySet) VerifySignature(ctx context.Context, text string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return nil, err
	}
	header := signed.Signatures[0].Header
	keys, err := k.candidates(ctx, header.KeyID, jose.SignatureAlgorithm(header.Algorithm))
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("the signature is of no key of the issuer")
}
