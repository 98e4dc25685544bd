package serve

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store"
)

// operations is the listener for those who run the server: whether it lives, whether it is ready, and metrics.
type operations struct {
	ready    atomic.Bool
	registry *prometheus.Registry
	answered atomic.Uint64 // requests, for the pace of background work
	requests *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	unknown  prometheus.Counter
}

func newOperations(st *store.Store, d *delivery.Log, c *connections, version string) *operations {
	o := &operations{registry: prometheus.NewRegistry(), requests: requestMetrics(), refusals: refusalMetrics(), unknown: unknownMetrics()}
	o.registry.MustRegister(processMetrics(version)...)
	o.registry.MustRegister(o.requests, o.refusals, o.unknown, storeMetrics{st, d}, connectionMetrics{c})
	return o
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
