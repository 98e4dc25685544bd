package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

// objectRoutes are the paths of single objects, for the operators of the server.
var objectRoutes = []route{
	{
		method: http.MethodGet, path: "agreements/{name}/objects/{id}/", reach: operators, memory: largeAnswer, do: (*Service).serveObject,
		summary: "Show what is known of an object", note: "Its owner, its versions and who added each, and what was removed. Not its text.",
		answer: ObjectState{},
	},
	{
		method: http.MethodDelete, path: "agreements/{name}/objects/{id}/", reach: operators, memory: largeAnswer, do: (*Service).serveRemoveObject,
		summary: "Remove an object, or one version of it", note: "Whatever its owner, and in every state of the agreement. Needs a reason. Journaled.",
		body: ObjectRemoval{}, answer: ObjectRemoved{},
	},
}

func (c call) object() stix.ID { return stix.ID(c.PathValue("id")) }

func (s *Service) serveObject(c call) (any, error) { return s.Object(c.agreement(), c.object()) }

func (s *Service) serveRemoveObject(c call) (any, error) {
	var body ObjectRemoval
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	return s.RemoveObject(c.Context(), c.by, c.agreement(), c.object(), body)
}

// Object says what an agreement knows of an object.
func (c *Client) Object(ctx context.Context, name agreement.Name, id stix.ID) (state ObjectState, err error) {
	err = c.do(ctx, http.MethodGet, objectPath(name, id), nil, &state)
	return state, err
}

// RemoveObject removes versions of an object.
func (c *Client) RemoveObject(ctx context.Context, name agreement.Name, id stix.ID, r ObjectRemoval) (removed ObjectRemoved, err error) {
	err = c.do(ctx, http.MethodDelete, objectPath(name, id), r, &removed)
	return removed, err
}

func objectPath(name agreement.Name, id stix.ID) string {
	return "agreements/" + url.PathEscape(string(name)) + "/objects/" + url.PathEscape(string(id)) + "/"
}
