package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
)

// wayRoutes are the paths of how an object goes from agreement to agreement.
var wayRoutes = []route{{
	method: http.MethodGet, path: "ways/{id}/", reach: operators, memory: largeAnswer, long: true, do: (*Service).serveWays,
	summary: "Follow an object through all agreements",
	note: "The agreements that have the object or a copy of it, and how each release from there stands to each of its versions: the term that lets it through or keeps it " +
		"back, and what is changed on the way. Where it has yet to come, the releases that follow are judged by their terms alone (foreseen).",
	answer: ObjectWays{},
}}

// ObjectWays says which agreements have an object, and how each release stands to it.
type ObjectWays struct {
	Object     stix.ID         `json:"object"`
	Agreements []follow.Holder `json:"agreements"`
	Releases   []follow.Way    `json:"releases"`
}

// ObjectWays follows an object through all agreements.
func (s *Service) ObjectWays(ctx context.Context, object stix.ID) (ObjectWays, error) {
	if _, err := stix.ParseID(string(object)); err != nil {
		return ObjectWays{}, &badRequest{err}
	}
	places, ways, err := follow.Ways(ctx, s.store, object, s.now())
	if err == nil && len(places) == 0 {
		err = notFound("no agreement has the object %s", object)
	}
	return ObjectWays{Object: object, Agreements: places, Releases: append([]follow.Way{}, ways...)}, err
}

func (s *Service) serveWays(c call) (any, error) {
	return s.ObjectWays(c.Context(), stix.ID(c.PathValue("id")))
}

// ObjectWays follows an object through all agreements.
func (c *Client) ObjectWays(ctx context.Context, object stix.ID) (w ObjectWays, err error) {
	return w, c.do(ctx, http.MethodGet, "ways/"+url.PathEscape(string(object))+"/", nil, &w)
}
