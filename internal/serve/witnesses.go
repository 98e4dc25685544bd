package serve

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/witness"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Heads of agreements are recorded in the server's own journal every recordEvery, and witnesses are asked to cosign its head when it
// has grown, and in any case every cosignEvery: the time of a cosignature says how old a head is.
const (
	recordEvery = 30 * time.Second
	cosignEvery = time.Hour
	askTimeout  = 10 * time.Second
)

// cosigner records heads and asks witnesses.
type cosigner struct {
	*srv
	client *http.Client
	known  map[string]uint64 // size that each witness has seen, by its key
	newest atomic.Pointer[[]byte]
	asked  time.Time
	size   uint64
}

// runWitnesses starts recording heads and asking witnesses.
func (s *srv) runWitnesses(context.Context) (stop, error) {
	c := s.cosigner
	c.srv = s
	return s.byTurns(func(ctx context.Context) {
		for ctx.Err() == nil {
			version := c.store.Version()
			c.step(ctx)
			waiting, end := context.WithTimeout(ctx, recordEvery)
			c.store.Wait(waiting, version) // a witness that was added is asked at once
			end()
		}
	}), nil
}

func newCosigner() *cosigner {
	return &cosigner{known: map[string]uint64{}, client: &http.Client{Timeout: askTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// cosigned returns the newest cosigned head; nil: none.
func (c *cosigner) cosigned() []byte {
	if p := c.newest.Load(); p != nil {
		return *p
	}
	return nil
}

func (c *cosigner) step(ctx context.Context) {
	if _, err := c.store.RecordHeads(ctx); err != nil && ctx.Err() == nil {
		c.config.Log.Error().Err(err).Msg("heads of agreements could not be recorded")
		return
	}
	witnesses := c.store.Registry().Witnesses
	if len(witnesses) == 0 {
		c.newest.Store(nil)
		return
	}
	size, _, err := c.store.AdminHead()
	if err != nil || size == c.size && c.config.Now().Sub(c.asked) < cosignEvery {
		return
	}
	if err := c.ask(ctx, witnesses); err != nil && ctx.Err() == nil {
		c.config.Log.Warn().Err(err).Msg("a head could not be cosigned")
	}
}

// ask has the witnesses cosign the head of now. What some of them cosigned counts, and those that failed are asked again with the
// next step.
func (c *cosigner) ask(ctx context.Context, witnesses []store.Witness) error {
	keys, err := c.store.Keys("")
	if err != nil {
		return err
	}
	signed, err := keys.ServerCheckpoint(c.store)
	if err != nil {
		return err
	}
	head, err := journal.ReadCheckpoint(signed)
	if err != nil {
		return err
	}
	prove := func(from uint64) ([]tlog.Hash, error) {
		return journal.ProveConsistency(from, head.Size, c.store.ServerHashes())
	}
	var failed error
	cosigned := bytes.Clone(signed)
	for _, listed := range witnesses {
		w, err := journal.ParseWitness(listed.Key)
		if err == nil {
			var line string
			if line, err = witness.Ask(ctx, c.client, listed.URL, w, signed, c.known[listed.Key], prove); err == nil {
				cosigned = append(cosigned, line...)
				c.known[listed.Key] = head.Size
				continue
			}
		}
		failed = fmt.Errorf("%s: %w", listed.URL, err)
	}
	if len(cosigned) > len(signed) {
		c.newest.Store(&cosigned)
	}
	if failed == nil {
		c.asked, c.size = c.config.Now(), head.Size
	}
	return failed
}
