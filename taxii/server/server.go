package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// Server answers TAXII requests from a store. It is safe for concurrent use once serving has begun.
type Server struct {
	store      *store.Store
	auth       *auth.Authenticator
	now        func() time.Time
	log        zerolog.Logger
	limits     Limits
	delivered  func(Delivery)
	delivering func(context.Context, Delivery) error
	observed   func(Observation)
	refused    func(agreement.Name, string)
	proxied    bool
	gate       *gate
	packed     *packedPages
	answers    *answers

	echo   *echo.Echo
	allow  map[string]string // by route: the methods it has, for Allow
	mounts []mount
}

// mount is a room of its own beside TAXII, such as the console.
type mount struct {
	prefix  string // without the last slash
	handler http.Handler
}

// New makes a Server.
func New(c Config) (*Server, error) {
	if c.Store == nil || c.Auth == nil {
		return nil, errors.New("a TAXII server needs a store and an authenticator")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{
		store: c.Store, auth: c.Auth, now: c.Now, log: c.Log,
		limits: c.Limits.withDefaults(), delivered: c.Delivered, delivering: c.Delivering, observed: c.Observed, refused: c.Refused, proxied: c.BehindProxy,
		echo: echo.New(), allow: map[string]string{},
	}
	s.gate = newGate(s.limits)
	s.packed = newPackedPages(packedBytes)
	s.answers = newAnswers(answerBytes)
	s.echo.HTTPErrorHandler = func(err error, c echo.Context) {
		x := exchangeOf(c)
		x.allow = s.allow[c.Path()]
		s.refuse(x, c.Request(), err)
	}
	for _, r := range s.routes() {
		s.register(r)
	}
	return s, nil
}

// Route is one row of the route table. A {name} in its path stands for one segment.
type Route struct {
	Path    string // with the trailing slash; the same without it is served alike
	Methods []string
}

// route joins a path with what serves it.
type route struct {
	path              string
	get, post, delete echo.HandlerFunc
	stixToo           bool // Accept may name STIX 2.1 alone (TAXII 2.1, section 5.3)
}

// routes is the route table: all of TAXII 2.1 (sections 4 and 5; T-011).
func (s *Server) routes() []route {
	const collection = "/{root}/collections/{collection}/"
	return []route{
		{path: "/taxii2/", get: s.getDiscovery},
		{path: "/{root}/", get: s.getRoot},
		{path: "/{root}/status/{status}/", get: s.getStatus},
		{path: "/{root}/collections/", get: s.getCollections},
		{path: collection, get: s.getCollection},
		{path: collection + "manifest/", get: s.getManifest, stixToo: true},
		{path: collection + "objects/", get: s.getObjects, post: s.addObjects},
		{path: collection + "objects/{object}/", get: s.getObject, delete: s.deleteObject},
		{path: collection + "objects/{object}/versions/", get: s.getVersions},
	}
}

// Routes lists every route and its methods.
func (s *Server) Routes() []Route {
	var list []Route
	for _, r := range s.routes() {
		list = append(list, Route{Path: r.path, Methods: r.methods()})
	}
	return list
}

// methods are those a route has; HEAD wherever there is GET (T-012).
func (r route) methods() []string {
	var list []string
	for method, handler := range map[string]echo.HandlerFunc{
		http.MethodGet: r.get, http.MethodHead: r.get, http.MethodPost: r.post, http.MethodDelete: r.delete,
	} {
		if handler != nil {
			list = append(list, method)
		}
	}
	slices.Sort(list)
	return list
}

// register hands a route to echo, with and without its trailing slash: a redirect would turn a POST into a GET.
func (s *Server) register(r route) {
	pattern := strings.NewReplacer("{", ":", "}", "").Replace(r.path)
	for _, path := range []string{pattern, strings.TrimSuffix(pattern, "/")} {
		s.allow[path] = strings.Join(r.methods(), ", ")
		add := func(method string, h echo.HandlerFunc) {
			if h != nil {
				s.echo.Add(method, path, s.negotiated(r, h))
			}
		}
		add(http.MethodGet, r.get)
		add(http.MethodHead, r.get)
		add(http.MethodPost, r.post)
		add(http.MethodDelete, r.delete)
		// Otherwise echo answers OPTIONS by itself, with 204 and no Content-Type.
		s.echo.Add(http.MethodOptions, path, func(echo.Context) error { return echo.ErrMethodNotAllowed })
	}
}

// negotiated lets only those requests through whose Accept can be served (T-017).
func (s *Server) negotiated(r route, h echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		exchangeOf(c).route = r.path
		if err := taxii.Negotiate(c.Request().Header["Accept"], r.stixToo); err != nil {
			return err
		}
		return h(c)
	}
}

// Mount serves everything at and below prefix by another room, which authenticates its callers itself. Call it before
// serving begins. Request ids, the log and the answer to a panic are shared.
func (s *Server) Mount(prefix string, h http.Handler) {
	s.mounts = append(s.mounts, mount{prefix: strings.TrimSuffix(prefix, "/"), handler: h})
}

func (s *Server) mounted(path string) http.Handler {
	for i := range s.mounts {
		m := &s.mounts[i]
		if rest, ok := strings.CutPrefix(path, m.prefix); ok && (rest == "" || rest[0] == '/') {
			return m.handler
		}
	}
	return nil
}

// Handler serves all of it.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// serve is the way of every request: whether there is room for it, who is calling, then the route.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	x := s.begin(w, r)
	defer s.end(x, r)
	if err := s.gate.enter(); err != nil {
		s.refuse(x, r, err)
		return
	}
	defer s.gate.leave()
	if h := s.mounted(r.URL.Path); h != nil {
		s.serveMounted(h, x, r)
		return
	}
	if err := s.authenticate(x, r); err != nil {
		s.refuse(x, r, err)
		return
	}
	allowance, err := s.gate.enterAccount(r.Context(), x.caller.Account)
	if err != nil {
		s.refuse(x, r, err)
		return
	}
	defer allowance.leave()
	x.memory = holding{gate: s.gate, of: allowance}
	defer func() { x.memory.release() }()
	s.echo.ServeHTTP(x, r)
}
