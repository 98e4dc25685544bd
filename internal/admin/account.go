package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// Account is an account as administration shows it: no secret, and nothing that was made of one.
type Account struct {
	Name         string   `json:"name"`
	Party        string   `json:"party,omitempty"`
	Operator     bool     `json:"operator,omitempty"`
	Disabled     bool     `json:"disabled,omitempty"`
	Password     bool     `json:"password"` // it has one
	Tokens       []Token  `json:"tokens,omitempty"`
	Certificates []string `json:"certificates,omitempty"`
	Factor       bool     `json:"second_factor,omitempty"` // it has one, for the console

	OIDC     *auth.Identity `json:"oidc,omitempty"`
	Networks []string       `json:"networks,omitempty"` // that it may be used from; none: all
	Both     bool           `json:"both,omitempty"`     // it needs a password or token, and a client certificate
	Expires  time.Time      `json:"expires,omitzero"`
	Manages  bool           `json:"manages,omitempty"` // its party's accounts

	LastSuccess *auth.Login `json:"last_success,omitempty"` // to a minute
	LastFailure *auth.Login `json:"last_failure,omitempty"`

	// Ignored counts polls with query parameters without a meaning: the account may take the answers for filtered. Only in
	// the answer about one account.
	Ignored uint64 `json:"polls_with_ignored_parameters,omitempty"`
}

// Token is a token as administration shows it. Secret is the token itself; it is shown once, in the answer to NewToken.
type Token struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Note    string    `json:"note,omitempty"` // its name
	Expires time.Time `json:"expires,omitzero"`
	Used    time.Time `json:"last_used,omitzero"` // to a minute
	Secret  string    `json:"token,omitempty"`
}

// NewAccount is an account to add.
type NewAccount struct {
	Name         string `json:"name"`
	Party        string `json:"party,omitempty"` // empty only for an operator
	Operator     bool   `json:"operator,omitempty"`
	PasswordHash string `json:"password_hash,omitempty"` // argon2id; none: no password, only tokens or a certificate
}

func (s *Service) accountView(a auth.Account) Account {
	seen := s.logins.Of(a.Name)
	v := Account{Name: a.Name, Party: a.Party, Operator: a.Operator, Disabled: a.Disabled,
		Password: a.PasswordHash != "", Certificates: slices.Clone(a.Certificates), Factor: a.Factor != nil,
		OIDC: a.OIDC, Both: a.Both, Expires: a.Expires, Manages: a.Manages,
		LastSuccess: seen.Success, LastFailure: seen.Failure}
	for _, n := range a.Networks {
		v.Networks = append(v.Networks, n.String())
	}
	for _, t := range a.Tokens {
		v.Tokens = append(v.Tokens, Token{ID: t.ID, Created: t.Created, Note: t.Note, Expires: t.Expires, Used: s.logins.TokenUsed(t.ID)})
	}
	return v
}

// Accounts lists all accounts by name.
func (s *Service) Accounts() []Account {
	list := make([]Account, 0)
	for _, a := range s.store.Registry().Accounts {
		list = append(list, s.accountView(a))
	}
	return list
}

// Account finds one account.
func (s *Service) Account(name string) (Account, error) {
	a, ok := s.store.Registry().Account(name)
	if !ok {
		return Account{}, notFound("there is no account %s", name)
	}
	v := s.accountView(a)
	if s.audit.Deliveries == nil {
		return v, nil
	}
	for _, col := range s.store.Collections() {
		readers, _, err := s.audit.Deliveries.Consumers(col.ID())
		if err != nil {
			return Account{}, err
		}
		for _, r := range readers {
			if r.Account == name && strings.HasSuffix(r.Filter, delivery.IgnoredParameters) {
				v.Ignored += r.Polls
			}
		}
	}
	return v, nil
}

// AddAccount makes an account.
func (s *Service) AddAccount(ctx context.Context, by store.Actor, n NewAccount) error {
	return s.planned(func(revision uint64) error { return s.addAccount(ctx, by, revision, n) })
}

func (s *Service) addAccount(ctx context.Context, by store.Actor, revision uint64, n NewAccount) error {
	if err := agreement.CheckName(n.Name); err != nil {
		return refuse("an account: %v", err)
	}
	if _, there := s.store.Registry().Account(n.Name); there {
		return refuse("there is an account %s already", n.Name)
	}
	if n.Party == "" && !n.Operator {
		return refuse("the account %s belongs to no party: only an operator's may", n.Name)
	}
	if n.Party != "" {
		if _, ok := s.store.Registry().Party(agreement.PartyName(n.Party)); !ok {
			return refuse("there is no party %s for the account %s; there are %s", n.Party, n.Name, s.partyNames())
		}
	}
	if n.PasswordHash != "" {
		if err := auth.CheckHash(n.PasswordHash); err != nil {
			return refuse("the password of the account %s: %v", n.Name, err)
		}
	}
	a := auth.Account{Name: n.Name, Party: n.Party, Operator: n.Operator, PasswordHash: n.PasswordHash}
	return s.putAccount(ctx, by, revision, a, "create", "")
}

func (s *Service) partyNames() string {
	var names []string
	for _, p := range s.store.Registry().Parties {
		names = append(names, string(p.Name))
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

func (s *Service) putAccount(ctx context.Context, by store.Actor, revision uint64, a auth.Account, act, reason string) error {
	err := s.store.ChangeOn(ctx, by, revision, []store.RegistryChange{{Account: &a, Act: act, Reason: reason}})
	if err != nil {
		return fmt.Errorf("%s of account %s: %w", act, a.Name, err)
	}
	return nil
}

// alterAccount puts an account as with leaves it.
func (s *Service) alterAccount(ctx context.Context, by store.Actor, name, act, reason string, with func(*auth.Account) error) error {
	return s.planned(func(revision uint64) error {
		a, ok := s.store.Registry().Account(name)
		if !ok {
			return notFound("there is no account %s", name)
		}
		a.Tokens = slices.Clone(a.Tokens)
		if err := with(&a); err != nil {
			return err
		}
		return s.putAccount(ctx, by, revision, a, act, reason)
	})
}

// DisableAccount refuses a login from now on.
func (s *Service) DisableAccount(ctx context.Context, by store.Actor, name, reason string) error {
	return s.alterAccount(ctx, by, name, "disable", reason, func(a *auth.Account) error {
		if a.Disabled {
			return refuse("the account %s is disabled already", name)
		}
		a.Disabled = true
		return nil
	})
}

// EnableAccount admits a login again.
func (s *Service) EnableAccount(ctx context.Context, by store.Actor, name string) error {
	return s.alterAccount(ctx, by, name, "enable", "", func(a *auth.Account) error {
		if !a.Disabled {
			return refuse("the account %s is not disabled", name)
		}
		a.Disabled = false
		return nil
	})
}

// SetPassword gives an account another password, by its hash. The old one, and what was remembered of it, is worth
// nothing from then on.
func (s *Service) SetPassword(ctx context.Context, by store.Actor, name, hash string) error {
	if err := auth.CheckHash(hash); err != nil {
		return refuse("the password of the account %s: %v", name, err)
	}
	return s.alterAccount(ctx, by, name, "password", "", func(a *auth.Account) error {
		a.PasswordHash, a.PasswordManaged = hash, true
		return nil
	})
}

// Enrolment is a second factor as it is shown once: the address that an authenticator reads, and codes for when it is lost.
type Enrolment struct {
	Address  string   `json:"otpauth"`
	Recovery []string `json:"recovery_codes"`
}

// NewFactor gives an account another second factor for the console. The old one is worth nothing from then on.
func (s *Service) NewFactor(ctx context.Context, by store.Actor, name string) (Enrolment, error) {
	f, address, recovery, err := auth.NewFactor(s.Title(), name, s.now())
	if err != nil {
		return Enrolment{}, err
	}
	err = s.alterAccount(ctx, by, name, "second factor", "", func(a *auth.Account) error {
		a.Factor = &f
		return nil
	})
	if err != nil {
		return Enrolment{}, err
	}
	return Enrolment{Address: address, Recovery: recovery}, nil
}

// Title is the server's title, as authenticators show it.
func (s *Service) Title() string { return cmp.Or(s.store.Registry().Server.Title, "Accord") }

// Enrol gives an account the second factor that its owner has confirmed with a code, in place of the one whose secret is
// replaces; "" is none. It is refused if the account has another one by now.
func (s *Service) Enrol(ctx context.Context, name, replaces string, f auth.Factor) error {
	a, _ := s.store.Registry().Account(name)
	by := store.Actor{Account: agreement.AccountName(name), Party: agreement.PartyName(a.Party)}
	return s.alterAccount(ctx, by, name, "second factor", "", func(a *auth.Account) error {
		has := ""
		if a.Factor != nil {
			has = a.Factor.Secret
		}
		if a.Disabled || has != replaces {
			return refuse("the account %s was changed meanwhile", name)
		}
		a.Factor = &f
		return nil
	})
}

// UseRecovery reports whether a code is one of an account's recovery codes, which then is none any more.
func (s *Service) UseRecovery(ctx context.Context, name, code string) (used bool, err error) {
	a, _ := s.store.Registry().Account(name)
	if a.Factor == nil {
		return false, nil
	}
	if _, used = a.Factor.Without(code); !used {
		return false, nil // without a change
	}
	by := store.Actor{Account: agreement.AccountName(name), Party: agreement.PartyName(a.Party)}
	err = s.alterAccount(ctx, by, name, "recovery code", "", func(a *auth.Account) error {
		if used = a.Factor != nil; !used {
			return nil
		}
		left, still := a.Factor.Without(code)
		a.Factor, used = &left, still
		return nil
	})
	return used && err == nil, err
}

// mostTokens bounds how many tokens an account has.
const mostTokens = 50

// maxTokenDays bounds how far ahead a token expires.
const maxTokenDays = 36525

// NewToken draws a token for an account. Its secret is in the answer and nowhere else.
// It is refused days after today, if days is not 0.
func (s *Service) NewToken(ctx context.Context, by store.Actor, name, note string, days int) (Token, error) {
	if days < 0 || days > maxTokenDays {
		return Token{}, refuse("a token expires in %d days, want 1 to %d, or 0 for never", days, maxTokenDays)
	}
	secret, t := auth.NewToken(s.now(), note)
	if days > 0 {
		t.Expires = t.Created.AddDate(0, 0, days)
	}
	err := s.alterAccount(ctx, by, name, "token new", "token "+t.ID, func(a *auth.Account) error {
		if len(a.Tokens) >= mostTokens {
			return refuse("the account %s has %d tokens; revoke one first", name, len(a.Tokens))
		}
		a.Tokens = append(a.Tokens, t)
		return nil
	})
	if err != nil {
		return Token{}, err
	}
	return Token{ID: t.ID, Created: t.Created, Note: t.Note, Expires: t.Expires, Secret: secret}, nil
}

// RevokeToken ends a token.
func (s *Service) RevokeToken(ctx context.Context, by store.Actor, name, id string) error {
	return s.alterAccount(ctx, by, name, "token revoke", "token "+id, func(a *auth.Account) error {
		before := len(a.Tokens)
		a.Tokens = slices.DeleteFunc(a.Tokens, func(t auth.Token) bool { return t.ID == id })
		if len(a.Tokens) == before {
			return notFound("the account %s has no token %s", name, id)
		}
		return nil
	})
}

// Parties lists all parties by name.
func (s *Service) Parties() []agreement.Party {
	return append(make([]agreement.Party, 0), s.store.Registry().Parties...)
}

// AddParty makes a party.
func (s *Service) AddParty(ctx context.Context, by store.Actor, p agreement.Party) error {
	return s.planned(func(revision uint64) error { return s.addParty(ctx, by, revision, p) })
}

func (s *Service) addParty(ctx context.Context, by store.Actor, revision uint64, p agreement.Party) error {
	if err := agreement.CheckName(string(p.Name)); err != nil {
		return refuse("a party: %v", err)
	}
	if _, there := s.store.Registry().Party(p.Name); there {
		return refuse("there is a party %s already", p.Name)
	}
	if p.Identity != "" {
		if id, err := stix.ParseID(string(p.Identity)); err != nil || id.Type() != "identity" {
			return refuse("the identity of the party %s is %q, want a STIX identifier such as identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", p.Name, p.Identity)
		}
	}
	p.Title = cmp.Or(p.Title, string(p.Name))
	if err := s.store.ChangeOn(ctx, by, revision, []store.RegistryChange{{Party: &p}}); err != nil {
		return fmt.Errorf("add party %s: %w", p.Name, err)
	}
	return nil
}
