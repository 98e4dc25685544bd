package main

import (
	"context"
	"time"
)

const (
	statusesKept  = 30 * 24 * time.Hour // how long a status resource can be read
	houseInterval = time.Hour
)

// background runs do until the service stops, and has the service wait for its end.
func (s *service) background(do func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(ctx)
	}()
	s.stops = append(s.stops, func(context.Context) error {
		cancel()
		<-done
		return nil
	})
}

// every runs do in the background, at the start and from then on at intervals.
func (s *service) every(interval time.Duration, do func(context.Context)) {
	s.background(func(ctx context.Context) {
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
	})
}

// keepHouse drops old statuses from time to time.
func (s *service) keepHouse() { s.every(houseInterval, s.forgetStatuses) }

// forgetStatuses goes through all collections. Each call of the store drops a bounded number, so that others can write in
// between.
func (s *service) forgetStatuses(ctx context.Context) {
	before := s.config.now().Add(-statusesKept)
	for _, col := range s.store.Collections() {
		for ctx.Err() == nil {
			n, err := col.ForgetStatuses(ctx, before)
			if err != nil && ctx.Err() == nil {
				s.config.log.Error().Str("agreement", string(col.Agreement().Name)).Err(err).Msg("old statuses could not be dropped")
			}
			if err != nil || n == 0 {
				break
			}
		}
	}
}
