package server

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
)

// authenticate finds out who is calling. A GET without credentials comes from the public party, if anything is public.
func (s *Server) authenticate(x *request, r *http.Request) error {
	account, err := s.Identify(r)
	if errors.Is(err, auth.ErrMissing) && (r.Method == http.MethodGet || r.Method == http.MethodHead) && s.anythingPublic() {
		x.caller = public
		return s.limiter.strangers.allow(s.limiter.now(), s.Address(r))
	}
	if err != nil {
		return err
	}
	x.caller = agreement.Caller{
		Account:  agreement.AccountName(account.Name),
		Party:    agreement.PartyName(account.Party),
		Operator: account.Operator,
		ReadOnly: account.ReadOnly(),
	}
	x.pages = pageRules{size: account.DefaultPage, most: account.MaxPageObjects, emptyList: account.EmptyList}
	return nil
}

// Identify returns the account that sent a request that is being served. While its password waits to be verified, the
// request does not count among those in progress: package auth bounds how many wait.
func (s *Server) Identify(r *http.Request) (auth.Account, error) {
	waited := false
	account, err := s.auth.Authenticate(r.Context(), auth.Request{Address: s.Address(r), Header: r.Header, TLS: r.TLS}, func() {
		waited = true
		s.limiter.leave()
	})
	if waited {
		s.limiter.enterAgain()
	}
	return account, err
}

// Address returns the address that a request comes from, without a port: behind a proxy, the one in X-Forwarded-For.
func (s *Server) Address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if !s.proxied || len(s.trusted) > 0 && !s.isProxy(host) {
		return host
	}
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		hops := strings.Split(lines[i], ",")
		for j := len(hops) - 1; j >= 0; j-- {
			if hop := strings.TrimSpace(hops[j]); !s.isProxy(hop) {
				return hop
			}
		}
	}
	return host
}

// isProxy reports whether an address belongs to a trusted proxy.
func (s *Server) isProxy(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(s.trusted, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// root finds the API root that the path names.
func (s *Server) root(c echo.Context) (store.Root, error) {
	name := c.Param("root")
	root, ok := s.store.Root(name)
	if requestOf(c).caller == public && (!ok || !s.sees(root, public)) {
		return store.Root{}, auth.ErrMissing
	}
	if !ok {
		return store.Root{}, missing("there is no API root %s; /taxii2/ lists the API roots", name)
	}
	return root, nil
}

// find finds the collection that the path names, by id or alias. It finds collections that are hidden from the caller, too.
func (s *Server) find(c echo.Context) (*store.Collection, store.Root, error) {
	root, err := s.root(c)
	if err != nil {
		return nil, store.Root{}, err
	}
	name := c.Param("collection")
	col, ok := s.store.CollectionIn(root.Name, name)
	switch {
	case ok:
		return col, root, nil
	case requestOf(c).caller == public:
		return nil, store.Root{}, auth.ErrMissing
	case s.lost(root.Name, name, requestOf(c).caller):
		return nil, store.Root{}, errLost
	}
	return nil, store.Root{}, noCollection(root.Name, name)
}

// collection finds the collection that the path names for a caller who may do act with it. A caller without a role in its
// agreement gets the same answer as if it did not exist, unless the API root reveals it.
func (s *Server) collection(c echo.Context, act agreement.Act) (*store.Collection, store.Root, error) {
	col, root, err := s.find(c)
	if err != nil {
		return nil, store.Root{}, err
	}
	caller, agreed, now := requestOf(c).caller, col.Agreement(), s.now()
	err = agreement.Permit(agreed, caller, act, now)
	if err != nil && act == agreement.Add && agreement.Permit(agreed, caller, agreement.AddFeedback, now) == nil {
		err = nil // what it may add is judged object by object
	}
	switch {
	case err != nil && caller == public:
		err = auth.ErrMissing // credentials may be all that is missing
	case err == nil:
		return col, root, nil
	case errors.Is(err, agreement.ErrNoRole):
		err = hidden(c, root, act)
	case act == agreement.Delete:
		// Deleting answers 404 to a caller who can neither read nor write (TAXII 2.1, section 5.7; T-111).
		if can, _ := rightsOf(agreed, caller, now); !can.either() {
			err = missing("%v", err)
		}
	}
	return nil, store.Root{}, err
}

// hidden is the answer to a caller from whom the collection of the path is hidden.
func hidden(c echo.Context, root store.Root, act agreement.Act) error {
	if requestOf(c).caller == public {
		return auth.ErrMissing
	}
	if root.Reveal && act != agreement.Delete {
		return errRevealed
	}
	return noCollection(root.Name, c.Param("collection"))
}

// lost reports whether a collection is listed but its file cannot be opened, and the caller had a role in its agreement: a 404
// would make the caller's clients forget it.
func (s *Server) lost(root, collection string, caller agreement.Caller) bool {
	return slices.ContainsFunc(s.store.Unavailable(), func(u store.Unavailable) bool { return u.In(root, collection) && u.Knows(caller) })
}

// lostIn reports whether a collection of an API root is lost to a caller.
func (s *Server) lostIn(root string, caller agreement.Caller) bool {
	return slices.ContainsFunc(s.store.Unavailable(), func(u store.Unavailable) bool {
		return (u.Standing == nil || u.Standing.APIRoot == root) && u.Knows(caller)
	})
}

func noCollection(root, name string) error {
	return missing("there is no collection %s in the API root %s for this account; /%s/collections/ lists its collections", name, root, root)
}

// rights are what a collection resource says a caller can do.
type rights struct {
	read, write bool
	ended       time.Time // when a caller without either lost what its roles allow; zero: never had it
}

func (r rights) either() bool { return r.read || r.write }

// listed reports whether a collection stands in its API root's list: one that a caller can neither read nor write makes
// clients give up on all of them. The API root may list those that ended for a while longer.
func (r rights) listed(root store.Root, now time.Time) bool {
	return r.either() || !r.ended.IsZero() && now.Before(r.ended.Add(root.ListEnded.Duration()))
}

// rightsOf decides what a caller can do with an agreement. It reports false when the agreement is hidden from the caller.
func rightsOf(a *agreement.Agreement, caller agreement.Caller, now time.Time) (can rights, ok bool) {
	read := agreement.Permit(a, caller, agreement.Read, now)
	if errors.Is(read, agreement.ErrNoRole) {
		return rights{}, false
	}
	write := agreement.Permit(a, caller, agreement.Add, now)
	if write != nil && agreement.Permit(a, caller, agreement.AddFeedback, now) == nil {
		write = nil
	}
	can = rights{read: read == nil, write: write == nil}
	var outside *agreement.OutsideError
	if !can.either() && (errors.As(read, &outside) || errors.As(write, &outside)) && outside.State != agreement.Scheduled {
		can.ended = outside.Since
	}
	return can, true
}
