package admin

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
)

// Events has read take the events of an agreement, as they come, after a position; nil: from now on.
func (c *Client) Events(ctx context.Context, name agreement.Name, after *uint64, read func(io.Reader) error) error {
	path := "agreements/" + url.PathEscape(string(name)) + "/events/"
	if after != nil {
		path += "?after=" + strconv.FormatUint(*after, 10)
	}
	return c.send(ctx, http.MethodGet, path, nil, func(resp *http.Response) error { return read(resp.Body) })
}

// Apply has a file applied whose passwords are resolved, as far as consent goes.
func (c *Client) Apply(ctx context.Context, f *applyfile.File, consent applyfile.Consent) (out applyfile.Outcome, err error) {
	err = c.do(ctx, http.MethodPost, "apply/", ApplyRequest{f.Message(), consent}, &out)
	return out, err
}

// Agreements lists all agreements by name.
func (c *Client) Agreements(ctx context.Context) ([]Agreement, error) {
	var answer AgreementList
	err := c.do(ctx, http.MethodGet, "agreements/", nil, &answer)
	return answer.Agreements, err
}

// Agreement finds one agreement.
func (c *Client) Agreement(ctx context.Context, name agreement.Name) (a Agreement, err error) {
	err = c.do(ctx, http.MethodGet, "agreements/"+url.PathEscape(string(name))+"/", nil, &a)
	return a, err
}

// Renew moves the end of an agreement's term.
func (c *Client) Renew(ctx context.Context, name agreement.Name, until time.Time) (Agreement, error) {
	return c.change(ctx, name, "renew", TermChange{Until: agreement.FormatDate(until)})
}

// Suspend stops an agreement for a time.
func (c *Client) Suspend(ctx context.Context, name agreement.Name, reason string) (Agreement, error) {
	return c.change(ctx, name, "suspend", TermChange{Reason: reason})
}

// Resume ends a suspension.
func (c *Client) Resume(ctx context.Context, name agreement.Name) (Agreement, error) {
	return c.change(ctx, name, "resume", TermChange{})
}

// Terminate ends an agreement for good.
func (c *Client) Terminate(ctx context.Context, name agreement.Name, withdraw bool, reason string) (Agreement, error) {
	return c.change(ctx, name, "terminate", TermChange{Withdraw: withdraw, Reason: reason})
}

func (c *Client) change(ctx context.Context, name agreement.Name, act string, body TermChange) (a Agreement, err error) {
	err = c.do(ctx, http.MethodPost, "agreements/"+url.PathEscape(string(name))+"/"+act+"/", body, &a)
	return a, err
}

// PreviewRelease says what becomes of everything in an agreement in its releases.
func (c *Client) PreviewRelease(ctx context.Context, name, to agreement.Name) ([]follow.Decision, error) {
	var answer DecisionList
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
