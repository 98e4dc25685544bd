package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/accord-taxii/accord/store"
)

// operation is what those who run the server look at: whether it lives, whether it is ready, and figures.
type operation struct {
	ready    atomic.Bool
	draining atomic.Bool

	registry *prometheus.Registry
	inFlight prometheus.Gauge
	requests *prometheus.HistogramVec
}

func newOperation(st *store.Store) *operation {
	o := &operation{
		registry: prometheus.NewRegistry(),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "accord_http_requests_in_flight", Help: "Requests being answered."}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "accord_http_request_seconds", Help: "Time from a request's header to the end of its answer, by method and status.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"method", "status"}),
	}
	o.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		o.inFlight, o.requests, storeFigures{st})
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

// listenOps serves the handler of o on an address of its own, over plain HTTP: it says nothing about content or credentials.
func (s *service) listenOps(o *operation, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for operation on %s: %w", address, err)
	}
	s.serve(&http.Server{Handler: o.handler()}, l)
	s.config.log.Info().Str("url", origin("http", address, l)).Msg("operation: /healthz, /readyz, /metrics")
	return nil
}

// measured takes the time of each request.
func (o *operation) measured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.inFlight.Inc()
		defer o.inFlight.Dec()
		began := time.Now()
		m := &measuredWriter{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(m, r)
		o.requests.WithLabelValues(knownMethod(r.Method), strconv.Itoa(m.status)).Observe(time.Since(began).Seconds())
	})
}

// knownMethod keeps made-up methods from making series.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete:
		return method
	}
	return "other"
}

type measuredWriter struct {
	http.ResponseWriter
	status int
}

func (w *measuredWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *measuredWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// storeFigures collects figures of every agreement when it is asked to.
type storeFigures struct{ store *store.Store }

var (
	objectsDesc  = prometheus.NewDesc("accord_agreement_objects", "Distinct objects of an agreement.", []string{"agreement"}, nil)
	versionsDesc = prometheus.NewDesc("accord_agreement_versions", "Stored versions of objects of an agreement.", []string{"agreement"}, nil)
	bytesDesc    = prometheus.NewDesc("accord_agreement_bytes", "Bytes of the stored objects' texts.", []string{"agreement"}, nil)
	entriesDesc  = prometheus.NewDesc("accord_agreement_journal_entries", "Length of an agreement's journal.", []string{"agreement"}, nil)
	lostDesc     = prometheus.NewDesc("accord_agreements_unavailable", "Agreements whose file could not be opened.", nil, nil)
)

func (f storeFigures) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{objectsDesc, versionsDesc, bytesDesc, entriesDesc, lostDesc} {
		descs <- d
	}
}

func (f storeFigures) Collect(metrics chan<- prometheus.Metric) {
	for _, col := range f.store.Collections() {
		stats, err := col.Stats()
		if err != nil {
			continue
		}
		gauge := func(d *prometheus.Desc, v uint64) {
			metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), string(col.Agreement().Name))
		}
		gauge(objectsDesc, stats.Objects)
		gauge(versionsDesc, stats.Versions)
		gauge(bytesDesc, stats.Bytes)
		gauge(entriesDesc, stats.Entries)
	}
	metrics <- prometheus.MustNewConstMetric(lostDesc, prometheus.GaugeValue, float64(len(f.store.Unavailable())))
}
