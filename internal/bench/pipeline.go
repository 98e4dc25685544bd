package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// pipeline is the way of a POST below HTTP, in this process, on a folder of its own, with every fsync.
type pipeline struct {
	store *store.Store
	col   *store.Collection
	opts  ingest.Options
}

var (
	pipelineParty  = agreement.Party{Name: "both", Title: "Gives and takes"}
	pipelineCaller = agreement.Caller{Account: "tool", Party: pipelineParty.Name}
)

// newPipeline makes the folder. If unjudged is set, objects are not checked against the rules and the terms.
func newPipeline(ctx context.Context, dir string, unjudged bool) (_ *pipeline, err error) {
	opened, err := store.Open(dir, store.Options{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.Close())
		}
	}()
	by := store.Actor{Account: pipelineCaller.Account, Party: pipelineCaller.Party}
	changes := []store.RegistryChange{
		{Root: &store.Root{Name: "bench", Title: "Measured", MaxContentLength: 100 << 20}, Act: "create"},
		{Party: &pipelineParty, Act: "create"},
	}
	if err := opened.Change(ctx, by, changes); err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	terms := &agreement.Agreement{
		Name: "bench", Title: "Measured", APIRoot: "bench",
		Collection: agreement.Collection{ID: uuid.MustParse("5d3c1f2e-8a4b-4c6d-9e70-1b2a3c4d5e6f")},
		Parties:    []agreement.Membership{{Party: pipelineParty.Name, Roles: []agreement.Role{agreement.Producer, agreement.Consumer}}},
		Term:       agreement.Term{From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	col, err := opened.CreateAgreement(ctx, by, terms)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	return &pipeline{store: opened, col: col, opts: ingest.Options{Unjudged: unjudged}}, nil
}

func (p *pipeline) close() error { return p.store.Close() }

// write takes a batch in from four callers at once.
func (p *pipeline) write(ctx context.Context, b batch) error {
	const callers = 4
	errs := make([]error, callers)
	var next atomic.Int64
	var group sync.WaitGroup
	for k := range callers {
		group.Go(func() {
			for errs[k] == nil {
				i := int(next.Add(1)) - 1
				if i >= len(b.bodies) {
					return
				}
				errs[k] = p.accept(ctx, b.bodies[i])
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// accept adds one envelope. A refused object is an error of the measurement.
func (p *pipeline) accept(ctx context.Context, body []byte) error {
	raws, err := taxii.SplitEnvelope(body, taxii.EnvelopeLimits{})
	if err != nil {
		return err
	}
	result, err := ingest.Accept(ctx, p.col, pipelineCaller, pipelineParty, raws, p.opts)
	if err != nil {
		return err
	}
	for _, d := range result.Details {
		if d.Outcome != ingest.Added {
			return fmt.Errorf("%s: %s: %s", d.ID, d.Outcome, d.Message)
		}
	}
	return nil
}
