package main

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/store"
)

// release passes objects on between agreements.
func (s *service) release() {
	s.ops.registry.MustRegister(termFigures{s.store, s.config.now})
	m := follow.New(follow.Config{Store: s.store, Now: s.config.now, Log: s.config.log, Requests: s.ops.answered.Load})
	s.background(func(ctx context.Context) {
		if err := m.Run(ctx); err != nil {
			s.config.log.Error().Err(err).Msg("releases have stopped")
		}
	})
}

const (
	// retentionInterval is how often what is too old is looked for, in each agreement.
	retentionInterval = time.Hour

	// retentionLook is how soon a rule that has changed takes effect.
	retentionLook = 10 * time.Second
)

// retain drops what the agreements' retention no longer keeps.
func (s *service) retain() {
	pace := follow.NewPace(s.ops.answered.Load)
	type swept struct {
		rule agreement.Retention
		at   time.Time
	}
	last := make(map[uuid.UUID]swept)
	s.every(retentionLook, func(ctx context.Context) {
		for _, col := range s.store.Collections() {
			now := swept{col.Agreement().Retention, time.Now()}
			if before, ok := last[col.ID()]; ok && before.rule == now.rule && now.at.Sub(before.at) < retentionInterval {
				continue
			}
			last[col.ID()] = now
			n, err := follow.Sweep(ctx, col, s.config.now(), pace)
			if err != nil && ctx.Err() == nil {
				s.config.log.Error().Str("agreement", string(col.Agreement().Name)).Err(err).Msg("retention failed")
			}
			if n > 0 {
				s.config.log.Info().Str("agreement", string(col.Agreement().Name)).Int("versions", n).Msg("dropped by retention")
			}
		}
	})
}

// termFigures collects, when asked, how the releases stand and when terms end.
type termFigures struct {
	store *store.Store
	now   func() time.Time
}

var (
	lagDesc = prometheus.NewDesc("accord_release_lag_entries",
		"Journal entries of the source that a release has not dealt with.", []string{"source", "target"}, nil)
	pausedDesc = prometheus.NewDesc("accord_release_paused",
		"1 when a release does not go on, because its source or its target is not active.", []string{"source", "target"}, nil)
	expiryDesc = prometheus.NewDesc("accord_agreement_expires_seconds",
		"Seconds until an agreement's term ends, negative once it has; absent when it has no end.", []string{"agreement"}, nil)
	stateDesc = prometheus.NewDesc("accord_agreement_state", "1 for the state that an agreement is in.", []string{"agreement", "state"}, nil)
)

func (f termFigures) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagDesc, pausedDesc, expiryDesc, stateDesc} {
		descs <- d
	}
}

func (f termFigures) Collect(metrics chan<- prometheus.Metric) {
	now := f.now()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, col := range f.store.Collections() {
		a := col.Agreement()
		gauge(stateDesc, 1, string(a.Name), string(a.State(now)))
		if !a.Term.Until.IsZero() && a.State(now) != agreement.Terminated {
			gauge(expiryDesc, a.Term.Until.Sub(now).Seconds(), string(a.Name))
		}
		lags, err := follow.LagsFrom(f.store, col, now)
		if err != nil {
			continue
		}
		for _, l := range lags {
			paused := 0.0
			if l.Paused != "" {
				paused = 1
			}
			gauge(lagDesc, float64(l.Behind), string(l.Source), string(l.Target))
			gauge(pausedDesc, paused, string(l.Source), string(l.Target))
		}
	}
}
