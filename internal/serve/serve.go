package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/cluster"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/index"
	"github.com/accord-taxii/accord/internal/live"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/internal/oidc"
	"github.com/accord-taxii/accord/internal/push"
	"github.com/accord-taxii/accord/internal/tlsconf"
	"github.com/accord-taxii/accord/internal/webhook"
	"github.com/accord-taxii/accord/stix/validate"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii/server"
)

// Config is what a server is made of.
type Config struct {
	DataDir   string // made if it does not exist
	Transport Transport
	Limits    Limits

	// TrustedProxies are the addresses whose X-Forwarded-For counts.
	TrustedProxies []netip.Prefix

	// OperationsListen is the HOST:PORT of /healthz, /readyz and /metrics; "" for none. Beyond loopback it needs
	// OperationsExposed, and metrics name agreements only with OperationsNames.
	OperationsListen                   string
	OperationsExposed, OperationsNames bool

	// ServerName is the name that heads of histories are signed under; "" keeps the one that the folder has.
	ServerName string

	// NoIndex leaves out the index: searches are answered with 503.
	NoIndex bool

	// DurableDeliveries notes deliveries on disk before the answer, not within a second after it.
	DurableDeliveries bool

	// PublicURL is the URL under which clients reach the server; "": API roots are stated as paths. With
	// it, requests that name another host are refused.
	PublicURL string

	// Console is the web console.
	Console Console

	// CORSOrigins are those whose scripts may read answers in a browser.
	CORSOrigins []string

	// WebhookAllow are hosts of webhooks that may be at a private or loopback address.
	WebhookAllow []string

	// KeyHeaders are names of headers that may carry a token, such as X-API-Key.
	KeyHeaders []string

	Cluster Cluster

	Log     zerolog.Logger
	Now     func() time.Time
	Version string // of the program, for the metrics

	// Prepare, if set, changes the open store before any request is served.
	Prepare func(context.Context, *store.Store, *admin.Service) error

	// Started, if set, is called once connections are accepted.
	Started func(Running)

	// TAXII, if set, changes the configuration of the TAXII server before it is made: tests observe and bound it this way.
	TAXII func(*server.Config)
}

// Check refuses what could not be served, or not safely. Its errors are ConfigErrors.
func (c *Config) Check() error {
	if err := c.Transport.Check(); err != nil {
		return err
	}
	if err := c.checkClients(); err != nil {
		return err
	}
	if c.OperationsListen != "" {
		host, _, err := net.SplitHostPort(c.OperationsListen)
		if err != nil {
			return &ConfigError{fmt.Sprintf("--ops-listen %q is not HOST:PORT", c.OperationsListen), ""}
		}
		if !isLoopback(host) && !c.OperationsExposed {
			return &ConfigError{fmt.Sprintf("--ops-listen %s is refused: anyone who reaches it could read the metrics", c.OperationsListen),
				"listen on 127.0.0.1; or say --ops-exposed if only monitoring reaches that address"}
		}
	}
	if err := c.Cluster.check(); err != nil {
		return err
	}
	if err := c.checkConsole(); err != nil {
		return err
	}
	return c.Limits.Check()
}

// Running is what Started is told about a server.
type Running struct {
	URL           string // scheme, host and port, as clients on this machine reach it
	OperationsURL string // "" for none
	ConsoleURL    string // "" for none
	Store         *store.Store
	TAXII         *server.Server
}

// srv is a server while it starts, runs and stops. Each part fills in what later parts use.
type srv struct {
	config Config

	node       *cluster.Node   // nil: the server is alone
	fetched    <-chan struct{} // closed when the node has the files of another one, and the server must begin anew; nil: never
	store      *store.Store
	deliveries *delivery.Log

	index          *index.Index // nil: none
	live           *live.Service
	webhooks       *webhook.Service
	mirrors        *mirror.Manager
	pushes         *push.Manager
	administration *admin.Service
	cosigner       *cosigner

	logins        *auth.Logins
	authenticator *auth.Authenticator
	issuers       *oidc.Verifier
	trust         *trust
	refusedLogins *prometheus.CounterVec
	clockJumps    prometheus.Counter

	connections *connections
	operations  *operations
	refused     refusedObjects
	health      health
	taxii       *server.Server

	certificate *tlsconf.Current // nil: plain HTTP
	selfSigned  bool

	certificateFile string // where the server's own certificate is from
	clients         net.Listener
	monitors        net.Listener // of the operations; nil: none
	browsers        net.Listener // of the console; nil: none of its own
	running         Running

	failed chan error // a listener that ended by itself
}

// A stop ends a part. It waits for what is in flight at most until its context ends.
type stop func(context.Context) error

// part is a piece of the server. start returns nil when there is nothing to stop.
type part struct {
	name  string
	start func(*srv, context.Context) (stop, error)
}

// parts are started in this order and stopped in the reverse one: requests end before what they use.
var parts = []part{
	{"data folder", (*srv).openStore},
	{"cluster", (*srv).startNode},
	{"certificate", (*srv).readCertificate},
	{"listeners", (*srv).listen}, // before the signing key: a start that fails for a port that is taken makes no key
	{"signing key and deliveries", (*srv).openDeliveries},
	{"search index", (*srv).openIndex},
	{"logins", (*srv).openLogins},
	{"administration socket", (*srv).serveAdministration},
	{"preparation", (*srv).prepare},
	{"TAXII", (*srv).makeTAXII},
	{"console", (*srv).makeConsole},
	{"garbage collector", (*srv).tuneCollector},
	{"old statuses", (*srv).dropStatuses},
	{"identities of parties", (*srv).alignIdentities},
	{"seals of deliveries", (*srv).sealDeliveries},
	{"releases", (*srv).runReleases},
	{"retention", (*srv).runRetention},
	{"witnesses", (*srv).runWitnesses},
	{"webhooks", (*srv).runWebhooks},
	{"mirrors", (*srv).runMirrors},
	{"pushes", (*srv).runPushes},
	{"clock", (*srv).watchClock},
	{"certificate renewal", (*srv).followCertificate},
	{"certificate ends", (*srv).watchCertificates},
	{"operations", (*srv).serveOperations},
	{"clients", (*srv).serveClients},
	{"browsers", (*srv).serveConsole},
	{"certificates of an ACME server", (*srv).fetchCertificate}, // after the clients' listener, which that server visits
	{"health", (*srv).sampleHealth},
	{"streams of events", (*srv).endStreams}, // before the clients, whose requests would not end by themselves
	{"readiness", (*srv).announce},
	{"validation tables", (*srv).warmUp},
}

// Run serves until ctx ends or a listener fails, and stops in order. What is in flight then has Limits.DrainTime to end. A node
// of a cluster that has fetched the files of another one stops in order, and serves again with these.
func Run(ctx context.Context, c Config) error {
	if err := c.Check(); err != nil {
		return err
	}
	for {
		err := run(ctx, c)
		if !errors.Is(err, errFetched) || ctx.Err() != nil {
			return err
		}
		c.Prepare = nil // it was done
	}
}

// errFetched ends a server that is to begin anew with the files that its node has fetched.
var errFetched = errors.New("the files of another node take the place of this node's")

func run(ctx context.Context, c Config) error {
	s := &srv{config: c, fetched: c.Cluster.fetched, cosigner: newCosigner(), clockJumps: newClockJumps(), failed: make(chan error, 3)}
	var stops []stop
	var failed error
	for _, p := range parts {
		stop, err := p.start(s, ctx)
		if stop != nil {
			stops = append(stops, stop)
		}
		if failed = err; err != nil {
			break
		}
	}
	if failed == nil {
		select {
		case <-ctx.Done():
			c.Log.Info().Msg("stopping")
		case failed = <-s.failed:
		case <-s.fetched:
			c.Log.Info().Msg("stopping, to begin anew with the files that were fetched")
			failed = errFetched
		}
	}
	ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Limits.DrainTime)
	defer cancel()
	for i := len(stops) - 1; i >= 0; i-- {
		failed = errors.Join(failed, stops[i](ended))
	}
	if failed == nil {
		c.Log.Info().Msg("stopped")
	}
	return failed
}

func (s *srv) openStore(context.Context) (stop, error) {
	if err := s.openNode(); err != nil {
		return nil, err
	}
	opened, err := store.Open(s.config.DataDir, s.storeOptions())
	if err != nil {
		if s.node != nil {
			err = errors.Join(err, s.node.Close())
		}
		return nil, err
	}
	s.store = opened
	return func(context.Context) error { return opened.Close() }, nil
}

// serveAdministration serves the socket in the data folder.
func (s *srv) serveAdministration(context.Context) (stop, error) {
	s.live = live.New(live.Config{Store: s.store, Deliveries: s.deliveries, Now: s.config.Now, Limits: live.Limits{Streams: max(1, s.config.Limits.Connections/2)},
		Closed: s.streamClosed, Ended: s.streamEnded, Failed: func(err error) { s.config.Log.Error().Err(err).Msg("a stream of events failed") }})
	s.webhooks = webhook.New(webhook.Config{Store: s.store, Now: s.config.Now, Allow: s.config.WebhookAllow,
		Failed: func(err error) { s.config.Log.Error().Err(err).Msg("a webhook could not go on") }})
	s.mirrors = mirror.New(mirror.Config{Store: s.store, Now: s.config.Now, Limits: s.config.Limits.objectLimits(),
		Failed: func(err error) { s.config.Log.Warn().Err(err).Msg("a mirror fails") }})
	s.pushes = push.New(push.Config{Store: s.store, Deliveries: s.deliveries, Now: s.config.Now,
		Failed: func(err error) { s.config.Log.Warn().Err(err).Msg("a push fails") }})
	s.administration = admin.New(admin.Config{Live: s.live, Webhooks: s.webhooks, Mirrors: s.mirrors, Pushes: s.pushes, Store: s.store, Now: s.config.Now, Deliveries: s.deliveries, Index: s.index, Cosigned: s.cosigner.cosigned, Logins: s.logins, Failed: s.requestFailed, Acted: s.acted, Limits: s.config.Limits.objectLimits(),
		Running: &admin.Running{Version: s.config.Version, Certificates: s.certificates, Refused: s.refused.counts}})
	socket, err := s.administration.Listen()
	if err != nil {
		return nil, err
	}
	return socket.Close, nil
}

// streamClosed counts a connection no longer that a stream of events had taken over. Those of the socket are not counted.
func (s *srv) streamClosed(conn net.Conn) {
	if s.connections != nil {
		s.connections.closed(conn)
	}
}

// streamEnded logs what became of a stream: its request was logged when it began.
func (s *srv) streamEnded(e live.Ending) {
	s.config.Log.Info().Str("agreement", string(e.Agreement)).Str("account", string(e.Caller.Account)).Str("remote", e.Remote).Str("cause", string(e.Cause)).
		Uint64("bytes", e.Bytes).Dur("took", e.Took).Msg("a stream of events ended")
}

// endStreams is there to be stopped: each stream of events gets its last one.
func (s *srv) endStreams(context.Context) (stop, error) {
	return func(context.Context) error {
		s.live.Stop()
		return nil
	}, nil
}

func (s *srv) prepare(ctx context.Context) (stop, error) {
	if s.config.Prepare == nil {
		return nil, nil
	}
	if err := s.awaitWrites(ctx); err != nil {
		return nil, err
	}
	return nil, s.config.Prepare(ctx, s.store, s.administration)
}

// announce says that connections are accepted, and is the first to stop: /readyz says no before anything ends.
func (s *srv) announce(context.Context) (stop, error) {
	s.describe()
	if s.selfSigned {
		fingerprint, err := s.certificate.Fingerprint()
		if err != nil {
			return nil, err
		}
		s.config.Log.Warn().Str("sha256", fingerprint).Msg("self-signed certificate: clients must be told to trust it")
	}
	s.operations.ready.Store(true)
	if s.running.ConsoleURL != "" {
		s.config.Log.Info().Str("url", s.running.ConsoleURL).Msg("console")
	}
	s.config.Log.Info().Str("url", s.running.URL+"/taxii2/").Str("data", s.config.DataDir).Msg("listening")
	if s.config.Started != nil {
		s.config.Started(s.running)
	}
	return func(context.Context) error {
		s.operations.ready.Store(false)
		return nil
	}, nil
}

// describe logs what is served.
func (s *srv) describe() {
	now := s.config.Now()
	for _, root := range s.store.Registry().Roots {
		for _, col := range s.store.CollectionsIn(root.Name) {
			a := col.Agreement()
			s.config.Log.Info().Str("agreement", string(a.Name)).Str("state", string(a.State(now))).
				Str("collection", "/"+root.Name+"/collections/"+col.ID().String()+"/").Msg("serving")
		}
	}
	for _, u := range s.store.Unavailable() {
		s.config.Log.Error().Str("agreement", string(u.Name)).Err(u.Reason).Msg("agreement not available")
	}
	if len(s.store.Registry().Accounts) == 0 {
		s.config.Log.Warn().Msg("there are no accounts yet, so no one can log in; accord apply makes accounts")
	}
}

// warmUp builds the tables of validation, so that the first object need not wait for them.
func (s *srv) warmUp(context.Context) (stop, error) {
	return s.background(func(context.Context) { validate.Prepare() }), nil
}

// serveHTTP accepts connections from l until it is stopped.
func (s *srv) serveHTTP(hs *http.Server, l net.Listener) stop {
	hs.ReadHeaderTimeout = s.config.Limits.HeaderTime
	hs.IdleTimeout = s.config.Limits.IdleTime
	hs.MaxHeaderBytes = int(s.config.Limits.HeaderBytes)
	hs.ErrorLog = standardLog(s.config.Log)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var err error
		if hs.TLSConfig != nil {
			err = hs.ServeTLS(l, "", "")
		} else {
			err = hs.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
		}
	}()
	return func(ctx context.Context) error {
		err := hs.Shutdown(ctx)
		if err != nil {
			s.config.Log.Warn().Str("address", l.Addr().String()).Msg("requests in flight took too long: their connections were closed")
			err = hs.Close()
		}
		<-ended
		return err
	}
}
