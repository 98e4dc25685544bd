package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/accord-taxii/accord/internal/agreement"
)

// PasswordHash returns the hash of an account's password, "" when it has none.
func (c *Client) PasswordHash(ctx context.Context, account string) (string, error) {
	var answer hashAnswer
	err := c.do(ctx, http.MethodGet, "accounts/"+url.PathEscape(account)+"/password-hash/", nil, &answer)
	return answer.Hash, err
}

// Accounts lists all accounts by name.
func (c *Client) Accounts(ctx context.Context) ([]Account, error) {
	var answer AccountList
	err := c.do(ctx, http.MethodGet, "accounts/", nil, &answer)
	return answer.Accounts, err
}

// AddAccount makes an account.
func (c *Client) AddAccount(ctx context.Context, n NewAccount) (a Account, err error) {
	err = c.do(ctx, http.MethodPost, "accounts/", accountChange{NewAccount: n}, &a)
	return a, err
}

// DisableAccount refuses a login.
func (c *Client) DisableAccount(ctx context.Context, name, reason string) (Account, error) {
	return c.changeAccount(ctx, name, "disable", accountChange{Reason: reason})
}

// EnableAccount admits a login again.
func (c *Client) EnableAccount(ctx context.Context, name string) (Account, error) {
	return c.changeAccount(ctx, name, "enable", accountChange{})
}

// SetPassword gives an account another password, by its hash.
func (c *Client) SetPassword(ctx context.Context, name, hash string) (Account, error) {
	return c.changeAccount(ctx, name, "password", accountChange{NewAccount: NewAccount{PasswordHash: hash}})
}

// Account returns one account.
func (c *Client) Account(ctx context.Context, name string) (a Account, err error) {
	err = c.do(ctx, http.MethodGet, "accounts/"+url.PathEscape(name)+"/", nil, &a)
	return a, err
}

// NewFactor gives an account another second factor.
func (c *Client) NewFactor(ctx context.Context, name string) (e Enrolment, err error) {
	err = c.do(ctx, http.MethodPost, "accounts/"+url.PathEscape(name)+"/totp/", accountChange{}, &e)
	return e, err
}

// NewToken draws a token for an account, which expires after so many days, if they are not 0.
func (c *Client) NewToken(ctx context.Context, name, note string, days int) (t Token, err error) {
	err = c.do(ctx, http.MethodPost, "accounts/"+url.PathEscape(name)+"/tokens/", accountChange{Note: note, Days: days}, &t)
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
	var answer PartyList
	err := c.do(ctx, http.MethodGet, "parties/", nil, &answer)
	return answer.Parties, err
}

// AddParty makes a party.
func (c *Client) AddParty(ctx context.Context, p agreement.Party) (made agreement.Party, err error) {
	err = c.do(ctx, http.MethodPost, "parties/", p, &made)
	return made, err
}
