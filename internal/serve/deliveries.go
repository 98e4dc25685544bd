package serve

import (
	"context"
	"fmt"
	"strings"

	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/taxii"
	"github.com/accord-taxii/accord/taxii/server"
)

// openDeliveries opens what history needs beside the journals: the key that signs heads, and the record of deliveries. To
// stop it is to write the last of them.
func (s *srv) openDeliveries(context.Context) (stop, error) {
	keys, err := s.store.Keys(s.config.ServerName)
	if err != nil {
		return nil, err
	}
	s.config.Log.Info().Str("key", keys.Key()).Msg("signing heads")
	s.deliveries = delivery.Open(s.store.AgreementsDir(), delivery.Options{Failed: func(err error) {
		s.config.Log.Error().Err(err).Msg("deliveries could not be written")
	}})
	return func(context.Context) error { return s.deliveries.Close() }, nil
}

// notingDeliveries returns c with the record of deliveries as its observer.
func (s *srv) notingDeliveries(c server.Config) server.Config {
	if s.config.DurableDeliveries {
		c.Delivering = func(ctx context.Context, d server.Delivery) error {
			return s.deliveries.NoteDurably(ctx, delivered(d))
		}
		return c
	}
	c.Delivered = func(d server.Delivery) { s.deliveries.Note(delivered(d)) }
	return c
}

// delivered returns a delivery in the form that is stored.
func delivered(d server.Delivery) delivery.Delivery {
	return delivery.Delivery{Collection: d.Collection, Account: string(d.Account), Party: string(d.Party), Filter: filterText(d.Filter),
		Positions: d.Positions, At: d.At}
}

// filterText describes a filter: types and spec versions by name, the rest by parameter only, since the positions say which
// objects and versions were delivered.
func filterText(f taxii.Filter) string {
	var parts []string
	if len(f.IDs) > 0 {
		parts = append(parts, "match[id]")
	}
	if n := len(f.Types); n > 0 {
		parts = append(parts, "match[type]="+short(f.Types))
	}
	if v := f.Versions; v.All {
		parts = append(parts, "match[version]=all")
	} else if v.First || v.Last || len(v.Exact) > 0 {
		var words []string
		if v.First {
			words = append(words, "first")
		}
		if v.Last {
			words = append(words, "last")
		}
		if len(v.Exact) > 0 {
			words = append(words, "timestamp")
		}
		parts = append(parts, "match[version]="+strings.Join(words, ","))
	}
	if len(f.Specs) > 0 {
		parts = append(parts, "match[spec_version]="+strings.Join(f.Specs, ","))
	}
	return strings.Join(parts, "&")
}

// short lists names, at most eight of them.
func short(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ",")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ","), len(names)-most)
}
