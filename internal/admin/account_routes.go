package admin

import (
	"net/http"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
)

// accountRoutes are the paths of accounts and parties, and of questions about who may what.
var accountRoutes = []route{
	{http.MethodGet, "parties/", operators, (*API).listParties},
	{http.MethodPost, "parties/", operators, (*API).addParty},
	{http.MethodGet, "accounts/", operators, (*API).listAccounts},
	{http.MethodPost, "accounts/", operators, (*API).addAccount},
	{http.MethodGet, "accounts/{name}/", operators, (*API).showAccount},
	{http.MethodPost, "accounts/{name}/disable/", operators, (*API).disableAccount},
	{http.MethodPost, "accounts/{name}/enable/", operators, (*API).enableAccount},
	{http.MethodPost, "accounts/{name}/password/", operators, (*API).setPassword},
	{http.MethodPost, "accounts/{name}/tokens/", operators, (*API).newToken},
	{http.MethodPost, "accounts/{name}/tokens/{token}/revoke/", operators, (*API).revokeToken},
	{http.MethodGet, "agreements/{name}/explain/", operators, (*API).explain},
	{http.MethodGet, "agreements/{name}/release/", operators, (*API).previewRelease},
}

func (a *API) listParties(*http.Request) (any, error) {
	return map[string]any{"parties": Parties(a.Store)}, nil
}

func (a *API) addParty(r *http.Request) (any, error) {
	var p agreement.Party
	if err := readJSON(r, &p); err != nil {
		return nil, err
	}
	if err := AddParty(r.Context(), a.Store, a.Actor(r), p); err != nil {
		return nil, err
	}
	p, _ = a.Store.Registry().Party(p.Name)
	return p, nil
}

func (a *API) listAccounts(*http.Request) (any, error) {
	return map[string]any{"accounts": Accounts(a.Store)}, nil
}

func (a *API) showAccount(r *http.Request) (any, error) {
	return AccountNamed(a.Store, r.PathValue("name"))
}

// accountChange is the body of requests about accounts; each uses some of it.
type accountChange struct {
	NewAccount
	Plain  string `json:"password,omitempty"` // instead of password_hash
	Reason string `json:"reason,omitempty"`   // disable
	Note   string `json:"note,omitempty"`     // tokens
}

// readAccount reads a request's body and makes a hash of a password in it.
func readAccount(r *http.Request) (c accountChange, err error) {
	if err := readJSON(r, &c); err != nil {
		return accountChange{}, err
	}
	if c.Plain == "" {
		return c, nil
	}
	if c.PasswordHash != "" {
		return accountChange{}, refuse("there is both a password and a password_hash; give one of them")
	}
	if c.PasswordHash, err = auth.HashPassword(c.Plain); err != nil {
		return accountChange{}, refuse("password: %v", err)
	}
	return c, nil
}

func (a *API) addAccount(r *http.Request) (any, error) {
	c, err := readAccount(r)
	if err != nil {
		return nil, err
	}
	if err := AddAccount(r.Context(), a.Store, a.Actor(r), c.NewAccount); err != nil {
		return nil, err
	}
	return AccountNamed(a.Store, c.Name)
}

func (a *API) disableAccount(r *http.Request) (any, error) {
	c, err := readAccount(r)
	if err != nil {
		return nil, err
	}
	if err := DisableAccount(r.Context(), a.Store, a.Actor(r), r.PathValue("name"), c.Reason); err != nil {
		return nil, err
	}
	return a.showAccount(r)
}

func (a *API) enableAccount(r *http.Request) (any, error) {
	if err := EnableAccount(r.Context(), a.Store, a.Actor(r), r.PathValue("name")); err != nil {
		return nil, err
	}
	return a.showAccount(r)
}

func (a *API) setPassword(r *http.Request) (any, error) {
	c, err := readAccount(r)
	if err != nil {
		return nil, err
	}
	if err := SetPassword(r.Context(), a.Store, a.Actor(r), r.PathValue("name"), c.PasswordHash); err != nil {
		return nil, err
	}
	return a.showAccount(r)
}

func (a *API) newToken(r *http.Request) (any, error) {
	c, err := readAccount(r)
	if err != nil {
		return nil, err
	}
	return NewToken(r.Context(), a.Store, a.Actor(r), r.PathValue("name"), c.Note, a.Now())
}

func (a *API) revokeToken(r *http.Request) (any, error) {
	if err := RevokeToken(r.Context(), a.Store, a.Actor(r), r.PathValue("name"), r.PathValue("token")); err != nil {
		return nil, err
	}
	return a.showAccount(r)
}

func (a *API) explain(r *http.Request) (any, error) {
	q := r.URL.Query()
	return Explain(r.Context(), a.Store, q.Get("account"), nameIn(r), stix.ID(q.Get("object")), a.Now())
}

func (a *API) previewRelease(r *http.Request) (any, error) {
	list, err := PreviewRelease(r.Context(), a.Store, nameIn(r), agreement.Name(r.URL.Query().Get("to")))
	if list == nil {
		list = []follow.Decision{}
	}
	return map[string]any{"decisions": list}, err
}
