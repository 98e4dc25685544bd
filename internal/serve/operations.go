package serve

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

// operations is the listener for those who run the server: whether it lives, whether it is ready, and metrics.
type operations struct {
	ready     atomic.Bool
	anonymous bool // agreements are not named: their metrics are sums
	registry  *prometheus.Registry
	answered  atomic.Uint64 // requests, for the pace of background work
	requests  *prometheus.HistogramVec
	refusals  *prometheus.CounterVec
	unknown   prometheus.Counter
	expired   func() (c admin.NamedCertificate, past bool)
	closed    func() int   // agreements that this node does not serve until their files are fetched anew
	cluster   func() error // why the cluster keeps the server from answering; nil: alone

	counted *refusedObjects
}

// refusedObjects counts the objects that were refused since the start, by agreement.
type refusedObjects struct {
	mu sync.Mutex
	by map[agreement.Name]int // guarded by mu
}

func (r *refusedObjects) count(to agreement.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[agreement.Name]int{}
	}
	r.by[to]++
}

func (r *refusedObjects) counts() map[agreement.Name]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.by)
}

// makeOperations makes the metrics. They name agreements unless strangers may read them.
func (s *srv) makeOperations() {
	o := &operations{registry: prometheus.NewRegistry(), requests: requestMetrics(), refusals: refusalMetrics(), unknown: unknownMetrics(),
		expired: s.expired, cluster: s.notReadable, closed: s.closedHere, counted: &s.refused}
	if host, _, err := net.SplitHostPort(s.config.OperationsListen); err == nil {
		o.anonymous = !isLoopback(host) && !s.config.OperationsNames
	}
	o.registry.MustRegister(processMetrics(s.config.Version)...)
	o.registry.MustRegister(o.requests, o.refusals, o.unknown, s.refusedLogins, s.clockJumps, storeMetrics{s.store, s.deliveries, o.anonymous}, connectionMetrics{s.connections}, certificateMetrics{s.certificates, s.config.Now})
	if s.node != nil {
		o.registry.MustRegister(clusterMetrics{s.node})
	}
	s.operations = o
}

// handler serves the three paths.
func (o *operations) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !o.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, "not ready")
			return
		}
		if o.cluster != nil {
			if err := o.cluster(); err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				fmt.Fprintf(w, "not ready: %v\n", err)
				return
			}
		}
		if c, past := o.expired(); past {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, "not ready: the certificate %s ended on %s\n", c.File, c.Certificate.NotAfter.UTC().Format(time.DateOnly))
			return
		}
		fmt.Fprintln(w, "ready")
		if n := o.closed(); n > 0 {
			fmt.Fprintf(w, "%d agreements are not served here: their files are damaged or differ from the other nodes'\n", n)
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{}))
	return mux
}

// serveOperations serves the handler on its own listener, over plain HTTP: it shows neither content nor credentials.
func (s *srv) serveOperations(context.Context) (stop, error) {
	if s.monitors == nil {
		return nil, nil
	}
	stop := s.serveHTTP(&http.Server{Handler: s.operations.handler(), WriteTimeout: s.config.Limits.AnswerTime}, s.monitors)
	s.config.Log.Info().Str("url", s.running.OperationsURL).Msg("operation: /healthz, /readyz, /metrics")
	return stop, nil
}
