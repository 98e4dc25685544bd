package serve

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/store"
)

// runMirrors follows collections of other servers.
func (s *srv) runMirrors(context.Context) (stop, error) {
	s.operations.registry.MustRegister(mirrorMetrics{s.store, s.mirrors, s.config.Now, s.operations.anonymous})
	return s.byTurns(s.mirrors.Run), nil
}

// mirrorMetrics collects the metrics of mirrors when it is asked to; anonymous, their sums and the largest lag.
type mirrorMetrics struct {
	store     *store.Store
	mirrors   *mirror.Manager
	now       func() time.Time
	anonymous bool
}

var (
	mirrorVisitsDesc    = prometheus.NewDesc("accord_mirror_visits_total", "Visits of mirrors to their remote collections, by outcome.", []string{"outcome"}, nil)
	mirrorFaultsDesc    = prometheus.NewDesc("accord_mirror_faults_total", "Visits that failed, by what was wrong with the remote server.", []string{"fault"}, nil)
	mirrorLagDesc       = prometheus.NewDesc("accord_mirror_lag_seconds", "Seconds since a visit came to the end of the remote collection; absent until one has.", []string{"agreement"}, nil)
	mirrorFailuresDesc  = prometheus.NewDesc("accord_mirror_failures", "Visits that have failed in a row.", []string{"agreement"}, nil)
	mirrorTakenDesc     = prometheus.NewDesc("accord_mirror_objects_total", "Objects that came from the remote collection, by outcome; one that comes again is taken again.", []string{"agreement", "outcome"}, nil)
	mirrorWithdrawnDesc = prometheus.NewDesc("accord_mirror_withdrawn_total", "Versions that were withdrawn since the remote collection no longer has them.", []string{"agreement"}, nil)
)

func (f mirrorMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{mirrorVisitsDesc, mirrorFaultsDesc, mirrorLagDesc, mirrorFailuresDesc, mirrorTakenDesc, mirrorWithdrawnDesc} {
		descs <- d
	}
}

func (f mirrorMetrics) Collect(metrics chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	succeeded, failed, faults := f.mirrors.Counts()
	counter(mirrorVisitsDesc, float64(succeeded), "complete")
	counter(mirrorVisitsDesc, float64(failed), "failed")
	for _, name := range append([]string{"server"}, mirror.Faults...) {
		counter(mirrorFaultsDesc, float64(faults[name]), name)
	}
	type sums struct {
		mirror.Counts
		lag, failures float64
		complete      bool
	}
	by := map[string]sums{}
	for _, col := range f.store.Collections() {
		a := col.Agreement()
		if a.Mirror == nil {
			continue
		}
		name := string(a.Name)
		o := f.mirrors.Outcome(a.Name)
		if f.anonymous {
			name = ""
		}
		of := by[name]
		of.failures += float64(o.Failures)
		if !o.Complete.IsZero() {
			of.complete, of.lag = true, max(of.lag, f.now().Sub(o.Complete).Seconds())
		}
		if p, err := mirror.Read(col); err == nil {
			of.Taken, of.Added, of.Refused, of.Withdrawn = of.Taken+p.Taken, of.Added+p.Added, of.Refused+p.Refused, of.Withdrawn+p.Withdrawn
		}
		by[name] = of
	}
	for name, of := range by {
		if of.complete {
			gauge(mirrorLagDesc, of.lag, name)
		}
		gauge(mirrorFailuresDesc, of.failures, name)
		counter(mirrorTakenDesc, float64(of.Taken), name, "taken")
		counter(mirrorTakenDesc, float64(of.Added), name, "added")
		counter(mirrorTakenDesc, float64(of.Refused), name, "refused")
		counter(mirrorWithdrawnDesc, float64(of.Withdrawn), name)
	}
}
