package serve

import (
	"context"
	"errors"
	"time"

	"github.com/accord-taxii/accord/internal/delivery"
)

// Deliveries are sealed when the last seal is older than sealAge, which is looked at every sealInterval.
const (
	sealAge      = time.Hour
	sealInterval = 10 * time.Minute
)

// sealDeliveries enters digests of the record of deliveries into the server's journal.
func (s *srv) sealDeliveries(context.Context) (stop, error) {
	return s.every(sealInterval, func(ctx context.Context) {
		now := s.config.Now()
		var errs []error
		for _, col := range s.store.Collections() {
			errs = append(errs, s.deliveries.Seal(ctx, col.ID(), now, now.Add(-sealAge), func(seal delivery.Seal) error {
				return s.store.RecordSeal(ctx, col.ID(), seal.Digest, seal.Before)
			}))
		}
		if err := errors.Join(errs...); err != nil && ctx.Err() == nil {
			s.config.Log.Error().Err(err).Msg("deliveries could not be sealed")
		}
	}), nil
}
