package admin

import (
	"net/http"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
)

// accountRoutes are the paths of accounts and parties.
var accountRoutes = []route{
	{http.MethodGet, "parties/", operators, (*Service).serveListParties},
	{http.MethodPost, "parties/", operators, (*Service).serveAddParty},
	{http.MethodGet, "accounts/", operators, (*Service).serveListAccounts},
	{http.MethodPost, "accounts/", operators, (*Service).serveAddAccount},
	{http.MethodGet, "accounts/{name}/", operators, (*Service).serveShowAccount},
	{http.MethodPost, "accounts/{name}/disable/", operators, (*Service).serveDisableAccount},
	{http.MethodPost, "accounts/{name}/enable/", operators, (*Service).serveEnableAccount},
	{http.MethodPost, "accounts/{name}/password/", operators, (*Service).serveSetPassword},
	{http.MethodPost, "accounts/{name}/tokens/", operators, (*Service).serveNewToken},
	{http.MethodPost, "accounts/{name}/tokens/{token}/revoke/", operators, (*Service).serveRevokeToken},
	{http.MethodGet, "accounts/{name}/password-hash/", local, (*Service).servePasswordHash},
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

func (s *Service) serveListAccounts(call) (any, error) {
	return AccountList{s.Accounts()}, nil
}

func (s *Service) serveShowAccount(c call) (any, error) {
	return s.Account(c.name())
}

// accountChange is the body of requests about accounts; each uses some of it.
type accountChange struct {
	NewAccount
	Plain  string `json:"password,omitempty"` // instead of password_hash
	Reason string `json:"reason,omitempty"`   // disable
	Note   string `json:"note,omitempty"`     // tokens
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

func (s *Service) serveNewToken(c call) (any, error) {
	body, err := readAccount(c.Request)
	if err != nil {
		return nil, err
	}
	return s.NewToken(c.Context(), c.by, c.name(), body.Note)
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
