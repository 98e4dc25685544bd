package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
)

// PreviewRelease says what becomes of everything in an agreement in its releases.
func (c *Client) PreviewRelease(ctx context.Context, name, to agreement.Name) ([]follow.Decision, error) {
	var answer struct {
		Decisions []follow.Decision `json:"decisions"`
	}
	q := url.Values{"to": {string(to)}}
	err := c.do(ctx, http.MethodGet, "agreements/"+url.PathEscape(string(name))+"/release/?"+q.Encode(), nil, &answer)
	return answer.Decisions, err
}

// Explain says what an account may do with an agreement, and whether it would receive an object.
func (c *Client) Explain(ctx context.Context, account string, name agreement.Name, object stix.ID) (e Explanation, err error) {
	q := url.Values{"account": {account}}
	if object != "" {
		q.Set("object", string(object))
	}
	err = c.do(ctx, http.MethodGet, "agreements/"+url.PathEscape(string(name))+"/explain/?"+q.Encode(), nil, &e)
	return e, err
}

// Accounts lists all accounts by name.
func (c *Client) Accounts(ctx context.Context) ([]Account, error) {
	var answer struct {
		Accounts []Account `json:"accounts"`
	}
	err := c.do(ctx, http.MethodGet, "accounts/", nil, &answer)
	return answer.Accounts, err
}

// AddAccount makes an account.
func (c *Client) AddAccount(ctx context.Context, n NewAccount) (a Account, err error) {
	err = c.do(ctx, http.MethodPost, "accounts/", accountChange{NewAccount: n}, &a)
	return a, err
}

// DisableAccount turns a login away.
func (c *Client) DisableAccount(ctx context.Context, name, reason string) (Account, error) {
	return c.changeAccount(ctx, name, "disable", accountChange{Reason: reason})
}

// EnableAccount lets a login in again.
func (c *Client) EnableAccount(ctx context.Context, name string) (Account, error) {
	return c.changeAccount(ctx, name, "enable", accountChange{})
}

// SetPassword gives an account another password, by its hash.
func (c *Client) SetPassword(ctx context.Context, name, hash string) (Account, error) {
	return c.changeAccount(ctx, name, "password", accountChange{NewAccount: NewAccount{PasswordHash: hash}})
}

// NewToken draws a token for an account.
func (c *Client) NewToken(ctx context.Context, name, note string) (t Token, err error) {
	err = c.do(ctx, http.MethodPost, "accounts/"+url.PathEscape(name)+"/tokens/", accountChange{Note: note}, &t)
	return t, err
}

// RevokeToken ends a token.
func (c *Client) RevokeToken(ctx context.Context, name, id string) (Account, error) {
	return c.changeAccount(ctx, name, "tokens/"+url.PathEscape(id)+"/revoke", accountChange{})
}

func (c *Client) changeAccount(ctx context.Context, name, act string, body accountChange) (a Account, err error) {
	err = c.do(ctx, http.MethodPost, "accounts/"+url.PathEscape(name)+"/"+act+"/", body, &a)
	return a, err
}

// Parties lists all parties by name.
func (c *Client) Parties(ctx context.Context) ([]agreement.Party, error) {
	var answer struct {
		Parties []agreement.Party `json:"parties"`
	}
	err := c.do(ctx, http.MethodGet, "parties/", nil, &answer)
	return answer.Parties, err
}

// AddParty makes a party.
func (c *Client) AddParty(ctx context.Context, p agreement.Party) (made agreement.Party, err error) {
	err = c.do(ctx, http.MethodPost, "parties/", p, &made)
	return made, err
}
