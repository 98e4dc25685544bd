package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"time"
)

// Account is one person's or one tool's login. This is what accord.db stores. Nothing in it can be used to log in; of a second
// factor, codes can be made, which count only beside the password.
type Account struct {
	Name         string   `json:"name"`
	Party        string   `json:"party,omitempty"`         // empty only for an operator
	Operator     bool     `json:"operator,omitempty"`      // administers and audits everything
	Disabled     bool     `json:"disabled,omitempty"`      // exists, but cannot log in
	PasswordHash string   `json:"password_hash,omitempty"` // PHC string, argon2id; empty: no password
	Tokens       []Token  `json:"tokens,omitempty"`
	Certificates []string `json:"certificates,omitempty"` // as ParseCertificate returns them

	// PasswordManaged says that the password was changed by command: an apply file does not put its own back.
	PasswordManaged bool `json:"password_managed,omitempty"`

	// OIDC is who the account is to another issuer; nil: none. See package oidc.
	OIDC *Identity `json:"oidc,omitempty"`

	// Bounds of every login; see Bounds.
	Networks []netip.Prefix `json:"networks,omitempty"` // that logins come from; none: any
	Both     bool           `json:"both,omitempty"`     // a password or token, and a client certificate, in each request
	Expires  time.Time      `json:"expires,omitzero"`

	// Manages says that the account manages its party's accounts and their tokens.
	Manages bool `json:"manages,omitempty"`

	// Factor is asked for by the console, after the password; nil: none.
	Factor *Factor `json:"factor,omitempty"`

	// How its pages look, beside what its API root and the server say; see the apply file.
	DefaultPage    int  `json:"default_page,omitempty"`
	MaxPageObjects int  `json:"max_page_objects,omitempty"`
	EmptyList      bool `json:"empty_list,omitempty"`

	// Revision counts the account's changes, from 1. What was verified under
	// another revision is not remembered.
	Revision uint64 `json:"revision"`
}

// Token is a credential for programs. The token itself is shown once, when it
// is made; only its hash is kept.
type Token struct {
	ID      string    `json:"id"`   // to name it in lists and to revoke it; not secret
	Hash    string    `json:"hash"` // hexadecimal SHA-256 of the token
	Created time.Time `json:"created"`
	Note    string    `json:"note,omitempty"` // its name
	Expires time.Time `json:"expires,omitzero"`
}

// TokenPrefix starts every token, so that people and secret scanners know one
// when they see it.
const TokenPrefix = "accord_"

// tokenBytes is the size of a token's random part: 256 bits cannot be guessed, so storing a plain SHA-256 is safe.
const tokenBytes = 32

// NewToken returns a new random token. The plain text is for its owner and is not stored.
func NewToken(now time.Time, note string) (plain string, t Token) {
	var secret [tokenBytes]byte
	var id [6]byte
	rand.Read(secret[:]) // never fails: crypto/rand ends the process instead
	rand.Read(id[:])
	plain = TokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:])
	return plain, Token{
		ID:      hex.EncodeToString(id[:]),
		Hash:    HashToken(plain),
		Created: now.UTC().Truncate(time.Second),
		Note:    note,
	}
}

// HashToken returns what is stored of a token: its SHA-256 in hexadecimal.
func HashToken(plain string) string {
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}

// Directory finds accounts; the store's snapshot is one. The accounts it returns are shared: callers must not write to
// their slices.
type Directory interface {
	Account(name string) (Account, bool)
	// AccountOfToken finds the account that holds the token with this hash
	// (HashToken).
	AccountOfToken(hash string) (Account, bool)
	// AccountOfCertificate finds the account that names this certificate, by
	// fingerprint or by subject as ParseCertificate spells them.
	AccountOfCertificate(name string) (Account, bool)
}

// Current is a function that returns the newest Directory. It is itself a Directory that calls the function for every
// lookup.
type Current func() Directory

func (c Current) Account(name string) (Account, bool) { return c().Account(name) }

func (c Current) AccountOfToken(hash string) (Account, bool) { return c().AccountOfToken(hash) }

func (c Current) AccountOfCertificate(name string) (Account, bool) {
	return c().AccountOfCertificate(name)
}
