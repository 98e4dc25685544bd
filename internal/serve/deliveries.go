package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/taxii"
	"github.com/accord-taxii/accord/taxii/server"
)

// openDeliveries opens what history needs beside the journals: the key that signs heads, and the record of deliveries. To
// stop it is to write the last of them.
func (s *srv) openDeliveries(context.Context) (stop, error) {
	first := !s.store.HasKey()
	name := s.config.ServerName
	if first {
		name = s.config.serverName()
	}
	keys, err := s.store.Keys(name)
	if err != nil {
		return nil, err
	}
	if first {
		s.config.Log.Warn().Str("name", keys.Name()).Msg("the server's name is chosen now, and stays: heads that people keep begin with it. For another, stop the server, remove the folder keys and give --server-name")
	}
	s.config.Log.Info().Str("key", keys.Key()).Msg("signing heads")
	stopDropping := s.every(retiredInterval, func(context.Context) {
		if _, err := keys.Retiring(); err != nil {
			s.config.Log.Error().Err(err).Msg("a retired key could not be deleted")
		}
	})
	s.deliveries = delivery.Open(s.store.AgreementsDir(), delivery.Options{Durable: s.config.DurableDeliveries, Others: s.otherDeliveries(), Failed: func(err error) {
		s.config.Log.Error().Err(err).Msg("deliveries could not be written")
	}})
	s.answerDeliveries()
	return func(ctx context.Context) error {
		if s.node != nil {
			s.node.Answer(deliveryTopic, nil)
		}
		return errors.Join(stopDropping(ctx), s.deliveries.Close())
	}, nil
}

// deliveryTopic is how nodes of a cluster ask each other for their accounts of deliveries.
const deliveryTopic = "deliveries"

// answerDeliveries answers other nodes.
func (s *srv) answerDeliveries() {
	if s.node == nil {
		return
	}
	s.node.Answer(deliveryTopic, func(_ context.Context, text []byte) ([]byte, error) {
		var q delivery.Question
		if err := json.Unmarshal(text, &q); err != nil {
			return nil, err
		}
		a, err := s.deliveries.Ask(q)
		if err != nil {
			return nil, err
		}
		return json.Marshal(a)
	})
}

// otherDeliveries asks other nodes; nil: there are none.
func (s *srv) otherDeliveries() func(delivery.Question) ([]delivery.Answer, []string) {
	if s.node == nil {
		return nil
	}
	return func(q delivery.Question) (answers []delivery.Answer, silent []string) {
		text, err := json.Marshal(q)
		if err != nil {
			return nil, nil
		}
		said, silent := s.node.AskAll(context.Background(), deliveryTopic, text)
		for name, text := range said {
			var a delivery.Answer
			if json.Unmarshal(text, &a) != nil {
				silent = append(silent, name)
				continue
			}
			answers = append(answers, a)
		}
		slices.Sort(silent)
		return answers, silent
	}
}

// retiredInterval is how often it is looked whether a retired key's time to sign beside its successor is over.
const retiredInterval = time.Hour

// serverName returns the name of a server that has none yet: the one that was given, or that clients know it by.
func (c *Config) serverName() string {
	if c.ServerName != "" {
		return c.ServerName
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	if a := c.Transport.Files.ACME; a != nil && len(a.Names) > 0 {
		return a.Names[0]
	}
	return ""
}

// notingDeliveries returns c with the record of deliveries as its observer.
func (s *srv) notingDeliveries(c server.Config) server.Config {
	c.Delivering = func(ctx context.Context, d server.Delivery) (func(whole bool), error) {
		begun, err := s.deliveries.Begin(ctx, delivery.Delivery{Collection: d.Collection, Account: string(d.Account), Party: string(d.Party),
			Filter: filterText(d.Filter), Positions: d.Positions, At: d.At})
		return begun.End, err
	}
	return c
}

// filterText describes a filter in words whose number is bounded: object types and spec versions that the Standard defines by
// name, others by their number, the rest by parameter only, since the positions say which objects and versions were delivered.
func filterText(f taxii.Filter) string {
	var parts []string
	if len(f.IDs) > 0 {
		parts = append(parts, "match[id]")
	}
	if len(f.Types) > 0 {
		parts = append(parts, "match[type]="+knownNames(f.Types, func(name string) bool { return stix.CategoryOf(name) != stix.Unknown }))
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
		parts = append(parts, "match[spec_version]="+knownNames(f.Specs, func(name string) bool { return name == "2.0" || name == "2.1" }))
	}
	text := strings.Join(parts, "&")
	if len(f.Unknown) > 0 {
		text = strings.TrimSpace(text + " " + delivery.IgnoredParameters)
	}
	return text
}

// knownNames lists the known ones of some names, at most three of them in order, and counts the rest.
func knownNames(names []string, known func(string) bool) string {
	const most = 3
	var list []string
	others := 0
	for _, name := range names {
		if known(name) {
			list = append(list, name)
		} else {
			others++
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if n := len(list) - most; n > 0 {
		list, others = list[:most], others+n
	}
	if others > 0 {
		list = append(list, fmt.Sprintf("%d others", others))
	}
	return strings.Join(list, ",")
}
