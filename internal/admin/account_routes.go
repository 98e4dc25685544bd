package admin

import (
	"net/http"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
)

// accountRoutes are the paths of accounts and parties.
var accountRoutes = []route{
	{
		method: http.MethodGet, path: "parties/", reach: operators, do: (*Service).serveListParties,
		summary: "List parties",
		answer:  PartyList{},
	},
	{
		method: http.MethodPost, path: "parties/", reach: operators, do: (*Service).serveAddParty,
		summary: "Add a party", note: "Journaled.",
		body: agreement.Party{}, answer: agreement.Party{},
	},
	{
		method: http.MethodGet, path: "accounts/", reach: managers, do: (*Service).serveListAccounts,
		summary: "List accounts",
		answer:  AccountList{},
	},
	{
		method: http.MethodPost, path: "accounts/", reach: managers, do: (*Service).serveAddAccount,
		summary: "Add an account", note: "Give a password, or its hash. Journaled.",
		body: accountChange{}, answer: Account{},
	},
	{
		method: http.MethodGet, path: "accounts/{name}/", reach: managers, do: (*Service).serveShowAccount,
		summary: "Show one account",
		answer:  Account{},
	},
	{
		method: http.MethodPost, path: "accounts/{name}/disable/", reach: managers, do: (*Service).serveDisableAccount,
		summary: "Turn a login away", note: "Journaled.",
		body: accountChange{}, answer: Account{},
	},
	{
		method: http.MethodPost, path: "accounts/{name}/enable/", reach: managers, do: (*Service).serveEnableAccount,
		summary: "Admit a login again", note: "Journaled.",
		body: accountChange{}, answer: Account{},
	},
	{
		method: http.MethodPost, path: "accounts/{name}/password/", reach: managers, do: (*Service).serveSetPassword,
		summary: "Give an account another password", note: "Give a password, or its hash. Journaled.",
		body: accountChange{}, answer: Account{},
	},
	{
		method: http.MethodPost, path: "accounts/{name}/totp/", reach: managers, do: (*Service).serveNewFactor,
		summary: "Give an account another second factor", note: "For the console. The otpauth:// address and the recovery codes are in this answer and nowhere else. Journaled.",
		body: accountChange{}, answer: Enrolment{},
	},
	{
		method: http.MethodPost, path: "accounts/{name}/tokens/", reach: managers, do: (*Service).serveNewToken,
		summary: "Draw a token", note: "The token is in this answer and nowhere else. Journaled.",
		body: accountChange{}, answer: Token{},
	},
	{
		method: http.MethodPost, path: "accounts/{name}/tokens/{token}/revoke/", reach: managers, do: (*Service).serveRevokeToken,
		summary: "End a token", note: "Journaled.",
		answer: Account{},
	},
	{
		method: http.MethodGet, path: "accounts/{name}/password-hash/", reach: local, do: (*Service).servePasswordHash,
		answer: hashAnswer{},
	},
}

// PartyList is the answer about all parties.
type PartyList struct {
	Parties []agreement.Party `json:"parties"`
}

// AccountList is the answer about all accounts.
type AccountList struct {
	Accounts []Account `json:"accounts"`
}

func (s *Service) serveListParties(call) (any, error) {
	return PartyList{s.Parties()}, nil
}

func (s *Service) serveAddParty(c call) (any, error) {
	var p agreement.Party
	if err := readJSON(c.Request, &p); err != nil {
		return nil, err
	}
	if err := s.AddParty(c.Context(), c.by, p); err != nil {
		return nil, err
	}
	p, _ = s.store.Registry().Party(p.Name)
	return p, nil
}

func (s *Service) serveListAccounts(c call) (any, error) {
	list := s.Accounts()
	if !c.caller.Operator {
		list = slices.DeleteFunc(list, func(a Account) bool { return a.Operator || a.Party != string(c.caller.Party) })
	}
	return AccountList{list}, nil
}

func (s *Service) serveShowAccount(c call) (any, error) {
	return s.Account(c.name())
}

// accountChange is the body of requests about accounts; each uses some of it.
type accountChange struct {
	NewAccount
	Plain  string `json:"password,omitempty"` // instead of password_hash
	Reason string `json:"reason,omitempty"`   // disable
	Note   string `json:"note,omitempty"`     // tokens: a name
	Days   int    `json:"expires_in_days,omitempty"`
}

// readAccount reads a request's body and makes a hash of a password in it.
func readAccount(r *http.Request) (body accountChange, err error) {
	if err := readJSON(r, &body); err != nil {
		return accountChange{}, err
	}
	if body.Plain == "" {
		return body, nil
	}
	if body.PasswordHash != "" {
		return accountChange{}, refuse("there is both a password and a password_hash; give one of them")
	}
	if body.PasswordHash, err = auth.HashPassword(body.Plain); err != nil {
		return accountChange{}, refuse("password: %v", err)
	}
	return body, nil
}

func (s *Service) serveAddAccount(c call) (any, error) {
	body, err := readAccount(c.Request)
	if err != nil {
		return nil, err
	}
	if err := c.checkNew(&body.NewAccount); err != nil {
		return nil, err
	}
	if err := s.AddAccount(c.Context(), c.by, body.NewAccount); err != nil {
		return nil, err
	}
	return s.Account(body.Name)
}

func (s *Service) serveDisableAccount(c call) (any, error) {
	body, err := readAccount(c.Request)
	if err != nil {
		return nil, err
	}
	if err := s.DisableAccount(c.Context(), c.by, c.name(), body.Reason); err != nil {
		return nil, err
	}
	return s.Account(c.name())
}

func (s *Service) serveEnableAccount(c call) (any, error) {
	if err := s.EnableAccount(c.Context(), c.by, c.name()); err != nil {
		return nil, err
	}
	return s.Account(c.name())
}

func (s *Service) serveSetPassword(c call) (any, error) {
	body, err := readAccount(c.Request)
	if err != nil {
		return nil, err
	}
	if err := s.SetPassword(c.Context(), c.by, c.name(), body.PasswordHash); err != nil {
		return nil, err
	}
	return s.Account(c.name())
}

func (s *Service) serveNewFactor(c call) (any, error) {
	if _, err := readAccount(c.Request); err != nil {
		return nil, err
	}
	return s.NewFactor(c.Context(), c.by, c.name())
}

func (s *Service) serveNewToken(c call) (any, error) {
	body, err := readAccount(c.Request)
	if err != nil {
		return nil, err
	}
	return s.NewToken(c.Context(), c.by, c.name(), body.Note, body.Days)
}

func (s *Service) serveRevokeToken(c call) (any, error) {
	if err := s.RevokeToken(c.Context(), c.by, c.name(), c.PathValue("token")); err != nil {
		return nil, err
	}
	return s.Account(c.name())
}

// hashAnswer has the hash of an account's password, "" when it has none.
type hashAnswer struct {
	Hash string `json:"password_hash"`
}

func (s *Service) servePasswordHash(c call) (any, error) {
	a, _ := s.store.Registry().Account(c.name())
	return hashAnswer{a.PasswordHash}, nil
}
