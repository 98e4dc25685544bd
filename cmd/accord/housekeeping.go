package main

import (
	"context"
	"time"
)

const (
	statusesKept  = 30 * 24 * time.Hour // how long a status resource can be read
	houseInterval = time.Hour
)

// keepHouse drops old statuses from time to time, as long as the service runs.
func (s *service) keepHouse() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(houseInterval)
		defer tick.Stop()
		for {
			s.forgetStatuses(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	s.stops = append(s.stops, func(context.Context) error {
		cancel()
		<-done
		return nil
	})
}

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
