package serve

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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
}

// makeOperations makes the metrics. They name agreements unless strangers may read them.
func (s *srv) makeOperations() {
	o := &operations{registry: prometheus.NewRegistry(), requests: requestMetrics(), refusals: refusalMetrics(), unknown: unknownMetrics()}
	if host, _, err := net.SplitHostPort(s.config.OperationsListen); err == nil {
		o.anonymous = !isLoopback(host) && !s.config.OperationsNames
	}
	o.registry.MustRegister(processMetrics(s.config.Version)...)
	o.registry.MustRegister(o.requests, o.refusals, o.unknown, s.refusedLogins, storeMetrics{s.store, s.deliveries, o.anonymous}, connectionMetrics{s.connections})
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
		fmt.Fprintln(w, "ready")
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
