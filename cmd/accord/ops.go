package main

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/accord-taxii/accord/store"
)

// operation is what those who run the server look at: whether it lives, whether it is ready, and figures.
type operation struct {
	ready    atomic.Bool
	draining atomic.Bool

	registry *prometheus.Registry
	answered atomic.Uint64 // requests, for the pace of what is done beside
	requests *prometheus.HistogramVec
	refusals *prometheus.CounterVec
}

func newOperation(st *store.Store, d *store.Deliveries, c *connections) *operation {
	o := &operation{registry: prometheus.NewRegistry(), requests: requestFigures(), refusals: refusalFigures()}
	o.registry.MustRegister(processFigures()...)
	o.registry.MustRegister(o.requests, o.refusals, storeFigures{st, d}, connectionFigures{c})
	return o
}

// handler serves the three paths.
func (o *operation) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if o.draining.Load() || !o.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, "not ready")
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{}))
	return mux
}

// listenOps serves the handler on an address of its own, over plain HTTP: it says nothing about content or credentials.
func (s *service) listenOps(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for operation on %s: %w", address, err)
	}
	s.serve(&http.Server{Handler: s.ops.handler(), WriteTimeout: s.config.limits.answerTime}, l)
	s.config.log.Info().Str("url", origin("http", address, l)).Msg("operation: /healthz, /readyz, /metrics")
	return nil
}
