package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/accord-taxii/accord/internal/index"
	"github.com/accord-taxii/accord/stix"
)

// Search finds objects. Next in the answer, if any, is for the same question with that Next.
func (c *Client) Search(ctx context.Context, q Search) (found index.Results, err error) {
	err = c.do(ctx, http.MethodPost, "search/", q, &found)
	return found, err
}

// Graph finds an object's neighbours.
func (c *Client) Graph(ctx context.Context, id stix.ID, depth int) (g index.Graph, err error) {
	err = c.do(ctx, http.MethodGet, "graph/"+url.PathEscape(string(id))+"/?depth="+strconv.Itoa(depth), nil, &g)
	return g, err
}
