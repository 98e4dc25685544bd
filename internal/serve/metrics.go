package serve

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii/server"
)

// processMetrics are those of Go, the process and the build.
func processMetrics(version string) []prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "accord_build_info", Help: "1, by the version of the program.",
		ConstLabels: prometheus.Labels{"version": version}})
	info.Set(1)
	return []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), info}
}

func requestMetrics() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "accord_http_request_seconds", Help: "Time from a request's header to the end of its answer, by route, method and status.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
	}, []string{"route", "method", "status"})
}

func refusalMetrics() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "accord_objects_refused_total", Help: "Objects that were refused, by agreement and by the first rule that refused them.",
	}, []string{"agreement", "rule"})
}

func unknownMetrics() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Name: "accord_unknown_parameters_total", Help: "Query parameters without a meaning that were ignored: clients take them for filters.",
	})
}

// observed is the server's Config.Observed.
func (o *operations) observed(r server.Observation) {
	o.answered.Add(1)
	o.unknown.Add(float64(r.Unknown))
	route := r.Route
	if route == "" {
		route = "none"
	}
	o.requests.WithLabelValues(route, knownMethod(r.Method), strconv.Itoa(r.Status)).Observe(r.Took.Seconds())
}

// refused is the server's Config.Refused.
func (o *operations) refused(to agreement.Name, rule string) {
	o.counted.count(to)
	if rule == "" {
		rule = "none" // other content under an existing version
	}
	if o.anonymous {
		to = ""
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

// storeMetrics collects the metrics of every agreement when it is asked to; anonymous, their sums.
type storeMetrics struct {
	store      *store.Store
	deliveries *delivery.Log
	anonymous  bool
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
	behindDesc   = prometheus.NewDesc("accord_deliveries_behind", "Polls that are noted in memory but not on disk yet.", []string{"agreement"}, nil)
	unnotedDesc  = prometheus.NewDesc("accord_deliveries_lost_total", "Polls that could not be noted: what they delivered is not known.", []string{"agreement"}, nil)
	lostDesc     = prometheus.NewDesc("accord_agreements_unavailable", "Agreements whose file could not be opened.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f storeMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{objectsDesc, versionsDesc, bytesDesc, entriesDesc, commitsDesc, batchesDesc, behindDesc, unnotedDesc, lostDesc} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (f storeMetrics) Collect(metrics chan<- prometheus.Metric) {
	type series struct {
		desc *prometheus.Desc
		kind prometheus.ValueType
		name string
	}
	sums := map[series]float64{}
	backlog := f.deliveries.Backlog()
	for _, col := range f.store.Collections() {
		name := string(col.Agreement().Name)
		if f.anonymous {
			name = ""
		}
		add := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) { sums[series{d, kind, name}] += v }
		add(commitsDesc, prometheus.CounterValue, float64(col.Commits()))
		add(batchesDesc, prometheus.CounterValue, float64(col.Batches()))
		add(behindDesc, prometheus.GaugeValue, float64(backlog[col.ID()].Polls))
		add(unnotedDesc, prometheus.CounterValue, float64(backlog[col.ID()].Lost))
		stats, err := col.Stats()
		if err != nil {
			continue
		}
		add(objectsDesc, prometheus.GaugeValue, float64(stats.Objects))
		add(versionsDesc, prometheus.GaugeValue, float64(stats.Versions))
		add(bytesDesc, prometheus.GaugeValue, float64(stats.Bytes))
		add(entriesDesc, prometheus.GaugeValue, float64(stats.Entries))
	}
	for s, v := range sums {
		metrics <- prometheus.MustNewConstMetric(s.desc, s.kind, v, s.name)
	}
	metrics <- prometheus.MustNewConstMetric(lostDesc, prometheus.GaugeValue, float64(len(f.store.Unavailable())))
}

// connectionMetrics collects the metrics of connections.
type connectionMetrics struct{ c *connections }

var (
	openDesc    = prometheus.NewDesc("accord_connections", "Connections that are open.", nil, nil)
	evictedDesc = prometheus.NewDesc("accord_connections_evicted_total", "Idle connections that were closed to make room for others.", nil, nil)
	refusedDesc = prometheus.NewDesc("accord_connections_refused_total", "Connections that were refused, because a bound was reached and none was idle.", nil, nil)
)

// Describe implements prometheus.Collector.
func (f connectionMetrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- openDesc
	descs <- evictedDesc
	descs <- refusedDesc
}

// Collect implements prometheus.Collector.
func (f connectionMetrics) Collect(metrics chan<- prometheus.Metric) {
	open, evicted, refused := f.c.stats()
	metrics <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, float64(open))
	metrics <- prometheus.MustNewConstMetric(evictedDesc, prometheus.CounterValue, float64(evicted))
	metrics <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(refused))
}
