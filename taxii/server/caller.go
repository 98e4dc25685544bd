package server

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// authenticate finds out who is calling, before anything else about the request is judged (T-024).
func (s *Server) authenticate(x *exchange, r *http.Request) error {
	account, err := s.auth.AuthenticateFrom(r.Context(), s.Address(r), r.Header, r.TLS)
	if err != nil {
		return err
	}
	x.caller = agreement.Caller{
		Account:  agreement.AccountName(account.Name),
		Party:    agreement.PartyName(account.Party),
		Operator: account.Operator,
	}
	return nil
}

// Address is where a request comes from, without a port.
func (s *Server) Address(r *http.Request) string {
	if list := r.Header["X-Forwarded-For"]; s.proxied && len(list) > 0 {
		last := list[len(list)-1]
		return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// segment is a path parameter as its sender meant it.
func segment(c echo.Context, name string) string {
	raw := c.Param(name)
	if !strings.Contains(raw, "%") || c.Request().URL.RawPath == "" {
		return raw
	}
	text, err := url.PathUnescape(raw)
	if err != nil {
		return raw
	}
	return text
}

// root finds the API root that the path names.
func (s *Server) root(c echo.Context) (store.Root, error) {
	name := segment(c, "root")
	root, ok := s.store.Root(name)
	if !ok {
		return store.Root{}, missing("there is no API root %s; /taxii2/ lists those there are", name)
	}
	return root, nil
}

// collection finds the collection that the path names, by id or alias, for a caller who may do act with it. Whoever has
// no role in its agreement gets the same answer as if it did not exist, unless the API root reveals it.
func (s *Server) collection(c echo.Context, act agreement.Act) (*store.Collection, store.Root, error) {
	root, err := s.root(c)
	if err != nil {
		return nil, store.Root{}, err
	}
	name := segment(c, "collection")
	col, ok := s.store.CollectionIn(root.Name, name)
	if !ok && s.lost(name) {
		return nil, store.Root{}, errLost
	}
	if !ok {
		return nil, store.Root{}, noCollection(root.Name, name)
	}
	caller := exchangeOf(c).caller
	agreed, now := col.Agreement(), s.now()
	if agreement.Permit(agreed, caller, agreement.See, now) != nil {
		if root.Reveal && act != agreement.Delete {
			return nil, store.Root{}, errRevealed
		}
		return nil, store.Root{}, noCollection(root.Name, name)
	}
	if err := agreement.Permit(agreed, caller, act, now); err != nil {
		if act == agreement.Delete && !may(agreed, caller, now).either() {
			// Deleting answers 404 to a caller who can neither read nor write (TAXII 2.1, section 5.7; T-111).
			return nil, store.Root{}, missing("%v", err)
		}
		return nil, store.Root{}, err
	}
	return col, root, nil
}

// lost says whether a collection is listed but its file cannot be opened. Who has a role in it stands in that file, so
// everybody who knows the collection's id is told: a 404 would make its clients forget it.
func (s *Server) lost(collection string) bool {
	return slices.ContainsFunc(s.store.Unavailable(), func(u store.Unavailable) bool { return u.Collection.String() == collection })
}

func noCollection(root, name string) error {
	return missing("there is no collection %s in the API root %s for this account; /%s/collections/ lists those there are", name, root, root)
}
