package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/accord-taxii/accord/internal/agreement"
)

// Refused lists the refused objects that an agreement keeps, of a rule or of all if rule is "".
func (c *Client) Refused(ctx context.Context, name agreement.Name, rule string) (list RefusedList, err error) {
	query := url.Values{}
	if rule != "" {
		query.Set("rule", rule)
	}
	objects := []Refused{}
	for {
		list = RefusedList{}
		if err := c.do(ctx, http.MethodGet, refusedPath(name, "?"+query.Encode()), nil, &list); err != nil {
			return RefusedList{}, err
		}
		objects = append(objects, list.Objects...)
		if list.Next == "" {
			list.Objects = objects
			return list, nil
		}
		query.Set("next", list.Next)
	}
}

// RefusedText returns a refused object with its text.
func (c *Client) RefusedText(ctx context.Context, name agreement.Name, key string) (r RefusedText, err error) {
	err = c.do(ctx, http.MethodGet, refusedPath(name, url.PathEscape(key)+"/"), nil, &r)
	return r, err
}

// RetryRefused tries refused objects again: those of some keys, or those that a rule refused, or all.
func (c *Client) RetryRefused(ctx context.Context, name agreement.Name, keys []string, rule string, all bool) (a RetryAnswer, err error) {
	err = c.do(ctx, http.MethodPost, refusedPath(name, "retry/"), retryRefused{Keys: keys, Rule: rule, All: all}, &a)
	return a, err
}
