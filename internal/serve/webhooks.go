package serve

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accord-taxii/accord/internal/webhook"
	"github.com/accord-taxii/accord/store"
)

// runWebhooks sends the messages of webhooks.
func (s *srv) runWebhooks(context.Context) (stop, error) {
	s.operations.registry.MustRegister(webhookMetrics{s.store, s.webhooks})
	return s.byTurns(s.webhooks.Run), nil
}

// webhookMetrics collects the metrics of webhooks when it is asked to. They name no agreement.
type webhookMetrics struct {
	store    *store.Store
	webhooks *webhook.Service
}

var (
	webhookSentDesc = prometheus.NewDesc("accord_webhook_attempts_total", "Messages of webhooks that were sent, each attempt counted, by outcome.", []string{"outcome"}, nil)
	webhookDesc     = prometheus.NewDesc("accord_webhooks", "Webhooks.", nil, nil)
	webhookFailDesc = prometheus.NewDesc("accord_webhooks_failing", "Webhooks whose last attempt failed.", nil, nil)
	webhookEndDesc  = prometheus.NewDesc("accord_webhooks_ended", "Webhooks that have ended: their receiver is gone, or was not reached for three days.", nil, nil)
	webhookLagDesc  = prometheus.NewDesc("accord_webhook_lag_entries", "Journal entries that the webhook that is furthest behind has yet to tell.", nil, nil)
)

func (f webhookMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{webhookSentDesc, webhookDesc, webhookFailDesc, webhookEndDesc, webhookLagDesc} {
		descs <- d
	}
}

func (f webhookMetrics) Collect(metrics chan<- prometheus.Metric) {
	list := f.store.Registry().Webhooks
	failing, ended, lag := 0, 0, uint64(0)
	for _, w := range list {
		col, ok := f.store.Collection(w.Agreement)
		if !ok {
			continue
		}
		st, _, err := webhook.Read(col, w.ID, false)
		switch {
		case err != nil:
		case st.End != nil:
			ended++
		default:
			lag = max(lag, st.Behind)
			if st.Attempts > 0 {
				failing++
			}
		}
	}
	sent, failed := f.webhooks.Counts()
	metrics <- prometheus.MustNewConstMetric(webhookSentDesc, prometheus.CounterValue, float64(sent), "taken")
	metrics <- prometheus.MustNewConstMetric(webhookSentDesc, prometheus.CounterValue, float64(failed), "failed")
	metrics <- prometheus.MustNewConstMetric(webhookDesc, prometheus.GaugeValue, float64(len(list)))
	metrics <- prometheus.MustNewConstMetric(webhookFailDesc, prometheus.GaugeValue, float64(failing))
	metrics <- prometheus.MustNewConstMetric(webhookEndDesc, prometheus.GaugeValue, float64(ended))
	metrics <- prometheus.MustNewConstMetric(webhookLagDesc, prometheus.GaugeValue, float64(lag))
}
