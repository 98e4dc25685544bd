package server

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
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
	store       *store.Store
	auth        *auth.Authenticator
	now         func() time.Time
	log         zerolog.Logger
	limits      Limits
	delivering  func(context.Context, Delivery) (ended func(whole bool), err error)
	observed    func(Observation)
	refused     func(agreement.Name, string)
	proxied     bool
	trusted     []netip.Prefix
	servesHost  func(string) bool
	cluster     Cluster // nil: the store is in none
	limiter     *limiter
	publicURL   string   // without a slash at its end; "": unknown
	origins     []string // for CORS
	remarks     remarks
	truncations *truncations
	compressed  *compressedPages
	cache       *answerCache

	echo   *echo.Echo
	allow  map[string]string // by route: its methods, for Allow
	mounts []mount
}

// mount is another package beside TAXII, such as the console.
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
		limits: c.Limits.withDefaults(), delivering: c.Delivering, observed: c.Observed, refused: c.Refused,
		proxied: c.BehindProxy || len(c.TrustedProxies) > 0, trusted: c.TrustedProxies, servesHost: c.ServesHost, cluster: c.Cluster,
		publicURL: strings.TrimRight(c.PublicURL, "/"), origins: c.Origins, truncations: newTruncations(),
		echo: echo.New(), allow: map[string]string{},
	}
	s.limiter = newLimiter(s.limits)
	s.compressed = newCompressedPages(compressedBytes)
	s.cache = newAnswerCache(cacheBytes)
	s.echo.HTTPErrorHandler = func(err error, c echo.Context) {
		x := requestOf(c)
		x.allow = s.allow[c.Path()]
		s.refuse(x, c.Request(), err)
	}
	// Also around echo's own answers of 404 and 405: who is calling is judged before what for (T-029).
	s.echo.Use(s.authenticated, s.limited)
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

// route joins a path, as echo writes it, with what serves it.
type route struct {
	path              string
	get, post, delete echo.HandlerFunc
	stixToo           bool // Accept may name STIX 2.1 alone (TAXII 2.1, section 5.3)
}

// routes is the route table: all of TAXII 2.1 (sections 4 and 5; T-011). Paths have one spelling here: see canonical.
func (s *Server) routes() []route {
	const collection = "/:root/collections/:collection/"
	return []route{
		{path: "/taxii2/", get: s.getDiscovery},
		{path: "/:root/", get: s.getRoot},
		{path: "/:root/status/:status/", get: s.getStatus},
		{path: "/:root/collections/", get: s.getCollections},
		{path: collection, get: s.getCollection},
		{path: collection + "manifest/", get: s.getManifest, stixToo: true},
		{path: collection + "objects/", get: s.getObjects, post: s.addObjects},
		{path: collection + "objects/:object/", get: s.getObject, delete: s.deleteObject},
		{path: collection + "objects/:object/versions/", get: s.getVersions},
	}
}

// name is the route's path as logs, metrics and documents write it.
func (r route) name() string {
	segments := strings.Split(r.path, "/")
	for i, segment := range segments {
		if parameter, ok := strings.CutPrefix(segment, ":"); ok {
			segments[i] = "{" + parameter + "}"
		}
	}
	return strings.Join(segments, "/")
}

// Routes lists every route and its methods.
func (s *Server) Routes() []Route {
	var list []Route
	for _, r := range s.routes() {
		list = append(list, Route{Path: r.name(), Methods: r.methods()})
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

// register hands a route to echo.
func (s *Server) register(r route) {
	s.allow[r.path] = strings.Join(r.methods(), ", ")
	for method, handler := range map[string]echo.HandlerFunc{
		http.MethodGet: r.get, http.MethodHead: r.get, http.MethodPost: r.post, http.MethodDelete: r.delete,
	} {
		if handler != nil {
			s.echo.Add(method, r.path, handler, s.negotiated(r))
		}
	}
	// Otherwise echo answers OPTIONS by itself, with 204 and no Content-Type.
	s.echo.Add(http.MethodOptions, r.path, func(echo.Context) error { return echo.ErrMethodNotAllowed })
}

// authenticated refuses requests whose caller is unknown, before anything else about them is judged (T-024).
func (s *Server) authenticated(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		x := requestOf(c)
		if err := s.authenticate(x, c.Request()); err != nil {
			return err
		}
		if x.caller.Account == "" { // absence never grants anything
			return auth.ErrMissing
		}
		return next(c)
	}
}

// limited holds a request to the limits of its account and its party.
func (s *Server) limited(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		x := requestOf(c)
		usage, err := s.limiter.enterAccount(c.Request().Context(), x.caller)
		if err != nil {
			return err
		}
		defer usage.leave()
		x.usage, x.memory = usage, s.limiter.reserve(usage)
		defer x.memory.Release()
		if x.unroutable {
			return echo.ErrNotFound
		}
		return next(c)
	}
}

// negotiated refuses requests whose Accept cannot be served (T-017).
func (s *Server) negotiated(r route) echo.MiddlewareFunc {
	name := r.name()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			requestOf(c).route = name
			if err := taxii.Negotiate(c.Request().Header["Accept"], r.stixToo); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// Mount serves everything at and below prefix by another package, which authenticates its callers itself. Call it before
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

// serve answers every request: it admits the request and hands it to a mounted package or to echo's routes.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	x := s.begin(w, r)
	defer s.end(x, r)
	if err := s.limiter.enter(); err != nil {
		s.refuse(x, r, err)
		return
	}
	defer s.limiter.leave()
	if s.servesHost != nil && !s.servesHost(r.Host) {
		s.refuse(x, r, errHost)
		return
	}
	x.unroutable = !canonical(r.URL)
	h := s.mounted(r.URL.Path)
	if err := s.admitted(r, h != nil); err != nil {
		s.refuse(x, r, err)
		return
	}
	if h != nil && !x.unroutable {
		s.serveMounted(h, x, r)
		return
	}
	endInSlash(r.URL)
	if s.cors(x, r) {
		return
	}
	s.echo.ServeHTTP(x, r)
}
