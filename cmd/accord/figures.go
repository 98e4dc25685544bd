package main

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii/server"
)

func processFigures() []prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "accord_build_info", Help: "1, by the version of the program.",
		ConstLabels: prometheus.Labels{"version": versionText()}})
	info.Set(1)
	return []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), info}
}

func requestFigures() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "accord_http_request_seconds", Help: "Time from a request's header to the end of its answer, by route, method and status.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
	}, []string{"route", "method", "status"})
}

func refusalFigures() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "accord_objects_refused_total", Help: "Objects that were refused, by agreement and by the first rule that refused them.",
	}, []string{"agreement", "rule"})
}

// observed is the server's Config.Observed.
func (o *operation) observed(r server.Observation) {
	o.answered.Add(1)
	route := r.Route
	if route == "" {
		route = "none"
	}
	o.requests.WithLabelValues(route, knownMethod(r.Method), strconv.Itoa(r.Status)).Observe(r.Took.Seconds())
}

// refused is the server's Config.Refused.
func (o *operation) refused(to agreement.Name, rule string) {
	if rule == "" {
		rule = "none" // another content under a version that is there
	}
	o.refusals.WithLabelValues(string(to), rule).Inc()
}

// knownMethod keeps made-up methods from making series.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete:
		return method
	}
	return "other"
}

// storeFigures collects figures of every agreement when it is asked to.
type storeFigures struct {
	store      *store.Store
	deliveries *store.Deliveries
}

func agreementDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("accord_agreement_"+name, help, []string{"agreement"}, nil)
}

var (
	objectsDesc  = agreementDesc("objects", "Distinct objects of an agreement.")
	versionsDesc = agreementDesc("versions", "Stored versions of objects of an agreement.")
	bytesDesc    = agreementDesc("bytes", "Bytes of the stored objects' texts.")
	entriesDesc  = agreementDesc("journal_entries", "Length of an agreement's journal.")
	commitsDesc  = agreementDesc("commits_total", "Transactions committed, each made durable once.")
	batchesDesc  = agreementDesc("batches_total", "Batches in those transactions: divided by the commits, how many writers share one.")
	behindDesc   = prometheus.NewDesc("accord_deliveries_behind", "Polls that are noted in memory and not on disk yet.", []string{"agreement"}, nil)
	unnotedDesc  = prometheus.NewDesc("accord_deliveries_lost_total", "Polls that could not be noted: who was given what in them is not known.", []string{"agreement"}, nil)
	lostDesc     = prometheus.NewDesc("accord_agreements_unavailable", "Agreements whose file could not be opened.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f storeFigures) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{objectsDesc, versionsDesc, bytesDesc, entriesDesc, commitsDesc, batchesDesc, behindDesc, unnotedDesc, lostDesc} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (f storeFigures) Collect(metrics chan<- prometheus.Metric) {
	backlog := f.deliveries.Backlog()
	for _, col := range f.store.Collections() {
		send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) {
			metrics <- prometheus.MustNewConstMetric(d, kind, v, string(col.Agreement().Name))
		}
		send(commitsDesc, prometheus.CounterValue, float64(col.Commits()))
		send(batchesDesc, prometheus.CounterValue, float64(col.Batches()))
		send(behindDesc, prometheus.GaugeValue, float64(backlog[col.ID()].Polls))
		send(unnotedDesc, prometheus.CounterValue, float64(backlog[col.ID()].Lost))
		stats, err := col.Stats()
		if err != nil {
			continue
		}
		send(objectsDesc, prometheus.GaugeValue, float64(stats.Objects))
		send(versionsDesc, prometheus.GaugeValue, float64(stats.Versions))
		send(bytesDesc, prometheus.GaugeValue, float64(stats.Bytes))
		send(entriesDesc, prometheus.GaugeValue, float64(stats.Entries))
	}
	metrics <- prometheus.MustNewConstMetric(lostDesc, prometheus.GaugeValue, float64(len(f.store.Unavailable())))
}

// connectionFigures collects the figures of connections.
type connectionFigures struct{ c *connections }

var (
	openDesc    = prometheus.NewDesc("accord_connections", "Connections that are open.", nil, nil)
	evictedDesc = prometheus.NewDesc("accord_connections_evicted_total", "Idle connections that were closed to make room for others.", nil, nil)
	turnedDesc  = prometheus.NewDesc("accord_connections_refused_total", "Connections that were turned away: as many as may be were at work.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f connectionFigures) Describe(descs chan<- *prometheus.Desc) {
	descs <- openDesc
	descs <- evictedDesc
	descs <- turnedDesc
}

// Collect implements prometheus.Collector.
func (f connectionFigures) Collect(metrics chan<- prometheus.Metric) {
	open, evicted, refused := f.c.figures()
	metrics <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, float64(open))
	metrics <- prometheus.MustNewConstMetric(evictedDesc, prometheus.CounterValue, float64(evicted))
	metrics <- prometheus.MustNewConstMetric(turnedDesc, prometheus.CounterValue, float64(refused))
}
