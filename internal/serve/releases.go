package serve

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/store"
)

// runReleases passes objects on between agreements.
func (s *srv) runReleases(context.Context) (stop, error) {
	if !s.operations.anonymous {
		s.operations.registry.MustRegister(termMetrics{s.store, s.config.Now})
	}
	m := follow.New(follow.Config{Store: s.store, Now: s.config.Now, Log: s.config.Log, Requests: s.operations.answered.Load})
	return s.byTurns(func(ctx context.Context) {
		if err := m.Run(ctx); err != nil {
			s.config.Log.Error().Err(err).Msg("releases have stopped")
		}
	}), nil
}

const (
	// retentionInterval is how often each agreement is swept.
	retentionInterval = time.Hour

	// retentionTick is how soon a changed rule takes effect.
	retentionTick = 10 * time.Second
)

// runRetention drops what the agreements' retention no longer keeps.
func (s *srv) runRetention(context.Context) (stop, error) {
	pace := follow.NewPace(s.operations.answered.Load)
	type swept struct {
		rule agreement.Retention
		at   time.Time
	}
	last := make(map[uuid.UUID]swept)
	return s.everyTurn(retentionTick, func(ctx context.Context) {
		for _, col := range s.store.Collections() {
			now := swept{col.Agreement().Retention, time.Now()}
			if before, ok := last[col.ID()]; ok && before.rule == now.rule && now.at.Sub(before.at) < retentionInterval {
				continue
			}
			last[col.ID()] = now
			n, err := follow.Sweep(ctx, col, s.config.Now(), pace)
			if err != nil && ctx.Err() == nil {
				s.config.Log.Error().Str("agreement", string(col.Agreement().Name)).Err(err).Msg("retention failed")
			}
			if n > 0 {
				s.config.Log.Info().Str("agreement", string(col.Agreement().Name)).Int("versions", n).Msg("dropped by retention")
			}
		}
	}), nil
}

// termMetrics collects the lag of releases and the ends of terms when it is asked to.
type termMetrics struct {
	store *store.Store
	now   func() time.Time
}

var (
	lagDesc = prometheus.NewDesc("accord_release_lag_entries",
		"Journal entries of the source that a release has not processed.", []string{"source", "target"}, nil)
	pausedDesc = prometheus.NewDesc("accord_release_paused",
		"1 when a release is paused, because its source or its target is not active.", []string{"source", "target"}, nil)
	conflictsDesc = prometheus.NewDesc("accord_release_conflicts",
		"Versions of a release under which the target has other content, of a member or of another release.", []string{"source", "target"}, nil)
	heldDesc = prometheus.NewDesc("accord_release_held",
		"Versions that a release holds until a time or until they are approved.", []string{"source", "target"}, nil)
	expiryDesc = prometheus.NewDesc("accord_agreement_expires_seconds",
		"Seconds until an agreement's term ends, negative once it has; absent if it has no end.", []string{"agreement"}, nil)
	stateDesc = prometheus.NewDesc("accord_agreement_state", "1 for the state that an agreement is in.", []string{"agreement", "state"}, nil)
)

func (f termMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagDesc, pausedDesc, conflictsDesc, heldDesc, expiryDesc, stateDesc} {
		descs <- d
	}
}

func (f termMetrics) Collect(metrics chan<- prometheus.Metric) {
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
			gauge(heldDesc, float64(l.Held), string(l.Source), string(l.Target))
			gauge(conflictsDesc, float64(l.Conflicts), string(l.Source), string(l.Target))
		}
	}
}
