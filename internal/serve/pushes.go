package serve

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accord-taxii/accord/internal/push"
	"github.com/accord-taxii/accord/store"
)

// runPushes passes what outboxes hold on to collections of other servers.
func (s *srv) runPushes(context.Context) (stop, error) {
	s.operations.registry.MustRegister(pushMetrics{s.store, s.pushes, s.operations.anonymous})
	return s.byTurns(s.pushes.Run), nil
}

// pushMetrics collects the metrics of outboxes when it is asked to; anonymous, their sums.
type pushMetrics struct {
	store     *store.Store
	pushes    *push.Manager
	anonymous bool
}

var (
	pushQueueDesc    = prometheus.NewDesc("accord_push_queue_entries", "Journal entries of an outbox that the remote collection has yet to follow.", []string{"outbox"}, nil)
	pushFailuresDesc = prometheus.NewDesc("accord_push_failures", "Attempts to push that have failed in a row.", []string{"outbox"}, nil)
	pushVersionsDesc = prometheus.NewDesc("accord_push_versions", "Versions that were pushed or taken back, by outcome.", []string{"outbox", "outcome"}, nil)
)

func (f pushMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{pushQueueDesc, pushFailuresDesc, pushVersionsDesc} {
		descs <- d
	}
}

func (f pushMetrics) Collect(metrics chan<- prometheus.Metric) {
	type sums struct {
		push.State
		failures int
	}
	by := map[string]sums{}
	for _, col := range f.store.Collections() {
		a := col.Agreement()
		if a.Push == nil {
			continue
		}
		name := string(a.Name)
		if f.anonymous {
			name = ""
		}
		of := by[name]
		of.failures += f.pushes.Outcome(a.Name).Failures
		if st, _, _, err := push.Read(col, false); err == nil {
			of.Queue += st.Queue
			of.Sent, of.Failed, of.Deleted, of.Revoked, of.Remaining = of.Sent+st.Sent, of.Failed+st.Failed, of.Deleted+st.Deleted, of.Revoked+st.Revoked, of.Remaining+st.Remaining
		}
		by[name] = of
	}
	for name, of := range by {
		metrics <- prometheus.MustNewConstMetric(pushQueueDesc, prometheus.GaugeValue, float64(of.Queue), name)
		metrics <- prometheus.MustNewConstMetric(pushFailuresDesc, prometheus.GaugeValue, float64(of.failures), name)
		for outcome, n := range map[string]uint64{"sent": of.Sent, "failed": of.Failed, "deleted": of.Deleted, "revoked": of.Revoked, "remaining": of.Remaining} {
			metrics <- prometheus.MustNewConstMetric(pushVersionsDesc, prometheus.GaugeValue, float64(n), name, outcome)
		}
	}
}
