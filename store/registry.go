package store

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
)

// Server is the server's description of itself in discovery (TAXII 2.1, section 4.1.1).
type Server struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Contact     string `json:"contact,omitempty"`
}

// Root is an API root (TAXII 2.1, section 4.2.1), at /Name/.
type Root struct {
	Name             string `json:"name"`
	Title            string `json:"title"`
	Description      string `json:"description,omitempty"`
	MaxContentLength int64  `json:"max_content_length"`
	ListEnded        Days   `json:"list_ended,omitempty"`       // how long an ended collection stays in a caller's list
	DefaultPage      int    `json:"default_page,omitempty"`     // items in a page if the request has no limit; 0: the server's default
	MaxPageObjects   int    `json:"max_page_objects,omitempty"` // items of a page whatever limit says; 0: the server's
	Reveal           bool   `json:"reveal,omitempty"`           // 403 instead of 404 for callers without a role
}

// Days is a duration in whole days.
type Days int

// Duration returns d as a time.Duration.
func (d Days) Duration() time.Duration { return time.Duration(d) * 24 * time.Hour }

// Registry is the content of accord.db at one moment. It is shared and must not be changed. It implements
// auth.Directory.
type Registry struct {
	Server     Server
	Roots      []Root            // by name
	Parties    []agreement.Party // by name
	Accounts   []auth.Account    // by name
	Agreements []Listed          // by name
	Witnesses  []Witness         // by name
	Webhooks   []Webhook         // by id

	Credentials []Credential // for remote servers, by name
	Revision    uint64       // size of accord.db's own journal, which grows with every change

	// Indexes into the lists above.
	roots        map[string]int
	parties      map[agreement.PartyName]int
	accounts     map[string]int
	tokens       map[string]int // by the token's hash
	certificates map[string]int
	identities   map[auth.Identity]int // by issuer and subject
	claimants    map[string][]int      // accounts that a claim gives, by issuer
	issuers      map[string]bool
}

// Listed is an agreement in the registry's list.
type Listed struct {
	Name       agreement.Name `json:"name"`
	Collection uuid.UUID      `json:"collection"`
}

// Witness is a witness that the server asks to cosign the heads of its own journal (C2SP tlog-witness).
type Witness struct {
	Key string `json:"key"` // verifier key
	URL string `json:"url"` // to which add-checkpoint is appended
}

// index sorts the lists and makes the lookup tables. A token or certificate that two accounts claim identifies neither
// of them, since the caller would be ambiguous.
func (r *Registry) index() {
	slices.SortFunc(r.Roots, func(a, b Root) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Parties, func(a, b agreement.Party) int { return strings.Compare(string(a.Name), string(b.Name)) })
	slices.SortFunc(r.Accounts, func(a, b auth.Account) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Agreements, func(a, b Listed) int { return strings.Compare(string(a.Name), string(b.Name)) })

	r.roots = make(map[string]int, len(r.Roots))
	for i := range r.Roots {
		r.roots[r.Roots[i].Name] = i
	}
	r.parties = make(map[agreement.PartyName]int, len(r.Parties))
	for i := range r.Parties {
		r.parties[r.Parties[i].Name] = i
	}
	r.accounts = make(map[string]int, len(r.Accounts))
	r.tokens, r.certificates = make(map[string]int), make(map[string]int)
	r.identities, r.claimants, r.issuers = make(map[auth.Identity]int), make(map[string][]int), make(map[string]bool)
	for i := range r.Accounts {
		r.accounts[r.Accounts[i].Name] = i
		for _, t := range r.Accounts[i].Tokens {
			claim(r.tokens, t.Hash, i)
		}
		for _, c := range r.Accounts[i].Certificates {
			claim(r.certificates, c, i)
		}
		if id := r.Accounts[i].OIDC; id != nil {
			r.issuers[id.Issuer] = true
			if id.Claim != "" {
				r.claimants[id.Issuer] = append(r.claimants[id.Issuer], i)
			} else {
				claim(r.identities, auth.Identity{Issuer: id.Issuer, Subject: id.Subject}, i)
			}
		}
	}
}

// claim sets the account of a key, or none if another account has it.
func claim[K comparable](m map[K]int, key K, account int) {
	if other, taken := m[key]; taken && other != account {
		account = -1
	}
	m[key] = account
}

// TrustsIssuer reports whether an account names an issuer of tokens.
func (r *Registry) TrustsIssuer(issuer string) bool { return r.issuers[issuer] }

// AccountOfSubject finds the account that names a subject of an issuer.
func (r *Registry) AccountOfSubject(issuer, subject string) (auth.Account, bool) {
	return at(r.Accounts, r.identities, auth.Identity{Issuer: issuer, Subject: subject})
}

// AccountsOfClaims lists the accounts that claims of an issuer give.
func (r *Registry) AccountsOfClaims(issuer string) (list []auth.Account) {
	for _, i := range r.claimants[issuer] {
		list = append(list, r.Accounts[i])
	}
	return list
}

// Root finds an API root by name.
func (r *Registry) Root(name string) (Root, bool) { return at(r.Roots, r.roots, name) }

// Party finds a party by name.
func (r *Registry) Party(name agreement.PartyName) (agreement.Party, bool) {
	return at(r.Parties, r.parties, name)
}

// Account finds an account by name.
func (r *Registry) Account(name string) (auth.Account, bool) { return at(r.Accounts, r.accounts, name) }

// AccountOfToken finds the account that holds the token with this hash (auth.HashToken).
func (r *Registry) AccountOfToken(hash string) (auth.Account, bool) {
	return at(r.Accounts, r.tokens, hash)
}

// AccountOfCertificate finds the account that names this certificate (auth.ParseCertificate).
func (r *Registry) AccountOfCertificate(name string) (auth.Account, bool) {
	return at(r.Accounts, r.certificates, name)
}

func at[K comparable, V any](list []V, index map[K]int, key K) (v V, ok bool) {
	i, ok := index[key]
	if !ok || i < 0 {
		return v, false
	}
	return list[i], true
}
