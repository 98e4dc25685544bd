package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
	"github.com/accord-taxii/accord/taxii/server"
)

// keepAccount opens what history needs beside the journals: the key that signs heads, and the account of deliveries.
func (s *service) keepAccount() error {
	keys, err := s.store.Keys(s.config.serverName)
	if err != nil {
		return err
	}
	s.config.log.Info().Str("key", keys.Key()).Msg("signing heads")
	s.deliveries = s.store.OpenDeliveries(func(err error) {
		s.config.log.Error().Err(err).Msg("deliveries are not written down")
	})
	return nil
}

// closeAccount writes down the last deliveries.
func (s *service) closeAccount() error {
	if s.deliveries == nil {
		return nil
	}
	return s.deliveries.Close()
}

// noting has a TAXII server tell of its deliveries.
func (s *service) noting(c server.Config) server.Config {
	if s.config.durableDeliveries {
		c.Delivering = func(ctx context.Context, d server.Delivery) error {
			return s.deliveries.NoteDurably(ctx, delivered(d))
		}
		return c
	}
	c.Delivered = func(d server.Delivery) { s.deliveries.Note(delivered(d)) }
	return c
}

func delivered(d server.Delivery) store.Delivery {
	return store.Delivery{Collection: d.Collection, Account: string(d.Account), Party: string(d.Party), Filter: filterText(d.Filter),
		Positions: d.Positions, At: d.At}
}

// filterText says what a reader asks for. It names types and spec versions, and of the rest only that it was asked for:
// which objects and versions it was, the positions say.
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

func short(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ",")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ","), len(names)-most)
}

// mountFar serves /accord/v1/ beside TAXII.
func (s *service) mountFar(taxii *server.Server, logins *auth.Authenticator) {
	api := &admin.API{Store: s.store, Now: s.config.now, Deliveries: s.deliveries, Failed: func(r *http.Request, err error) {
		s.config.log.Error().Str("method", r.Method).Str("path", r.URL.Path).Err(err).Msg("a request failed")
	}}
	far := &admin.Far{API: api, Auth: logins, Address: taxii.Address, Enter: taxii.Enter}
	taxii.Mount(admin.FarPrefix, far.Handler())
}
