package serve

import (
	"context"
	"time"

	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/store"
)

const (
	statusLifetime = 30 * 24 * time.Hour // how long a status resource can be read
	statusInterval = time.Hour           // how often older ones are dropped
)

// background runs do until it is stopped. The stop waits for do to return.
func (s *srv) background(do func(context.Context)) stop {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(ctx)
	}()
	return func(context.Context) error {
		cancel()
		<-done
		return nil
	}
}

// every runs do in the background, at once and then at intervals.
func (s *srv) every(interval time.Duration, do func(context.Context)) stop {
	return s.background(repeating(interval, do))
}

// everyTurn is every, in a cluster only while this node leads.
func (s *srv) everyTurn(interval time.Duration, do func(context.Context)) stop {
	return s.byTurns(repeating(interval, do))
}

// repeating does something at once and then at intervals, until its context ends.
func repeating(interval time.Duration, do func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			do(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// dropStatuses drops old status resources, and refused objects that were kept for as long as their agreement says.
func (s *srv) dropStatuses(context.Context) (stop, error) {
	return s.every(statusInterval, func(ctx context.Context) {
		now := s.config.Now()
		for _, col := range s.store.Collections() {
			s.drop(ctx, col, now.Add(-statusLifetime), "old statuses", col.ForgetStatuses)
			if !s.leads() { // the others get what is forgotten through the log
				continue
			}
			s.drop(ctx, col, ingest.RefusedSince(col.Agreement(), now), "old refused objects", col.ForgetRefused)
		}
	}), nil
}

// drop calls forget until it has dropped everything. Each call drops a bounded number, so that writers get in between.
func (s *srv) drop(ctx context.Context, col *store.Collection, before time.Time, what string, forget func(context.Context, time.Time) (int, error)) {
	for ctx.Err() == nil {
		n, err := forget(ctx, before)
		if err != nil && ctx.Err() == nil {
			s.config.Log.Error().Str("agreement", string(col.Agreement().Name)).Err(err).Msg(what + " could not be dropped")
		}
		if err != nil || n == 0 {
			return
		}
	}
}
