package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/accord-taxii/accord/internal/agreement"
)

// partyRoutes are the paths of one party, and of deletions of parties and accounts.
var partyRoutes = []route{
	{
		method: http.MethodGet, path: "parties/{name}/", reach: operators, memory: largeAnswer, long: true, do: (*Service).serveParty,
		summary: "Show one party", note: "Its agreements, roles and accounts, what it added and what it received.",
		answer: PartyStanding{},
	},
	{
		method: http.MethodPost, path: "parties/{name}/delete/", reach: operators, memory: largeAnswer, long: true, do: (*Service).serveDeleteParty,
		summary: "Delete a party", note: "One without accounts and roles. With dry_run it says what becomes of what the party added. Journaled.",
		body: DeletionRequest{}, answer: Deletion{},
	},
	{
		method: http.MethodPost, path: "accounts/{name}/delete/", reach: operators, memory: largeAnswer, long: true, do: (*Service).serveDeleteAccount,
		summary: "Delete an account", note: "With dry_run it says what becomes of what the account added. Journaled.",
		body: DeletionRequest{}, answer: Deletion{},
	},
}

// DeletionRequest is the body of a request to delete an account or a party.
type DeletionRequest struct {
	Reason string `json:"reason,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
}

func (s *Service) serveParty(c call) (any, error) {
	return s.PartyStanding(c.Context(), agreement.PartyName(c.name()))
}

func (s *Service) serveDeleteParty(c call) (any, error) {
	var body DeletionRequest
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	return s.DeleteParty(c.Context(), c.by, agreement.PartyName(c.name()), body.Reason, body.DryRun)
}

func (s *Service) serveDeleteAccount(c call) (any, error) {
	var body DeletionRequest
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	return s.DeleteAccount(c.Context(), c.by, c.name(), body.Reason, body.DryRun)
}

// PartyStanding says what a party takes part in.
func (c *Client) PartyStanding(ctx context.Context, name string) (p PartyStanding, err error) {
	return p, c.do(ctx, http.MethodGet, "parties/"+url.PathEscape(name)+"/", nil, &p)
}

// DeleteAccount deletes an account, or says what that would do.
func (c *Client) DeleteAccount(ctx context.Context, name string, r DeletionRequest) (d Deletion, err error) {
	return d, c.do(ctx, http.MethodPost, "accounts/"+url.PathEscape(name)+"/delete/", r, &d)
}

// DeleteParty deletes a party, or says what that would do.
func (c *Client) DeleteParty(ctx context.Context, name string, r DeletionRequest) (d Deletion, err error) {
	return d, c.do(ctx, http.MethodPost, "parties/"+url.PathEscape(name)+"/delete/", r, &d)
}
