package mirror

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Retry judges objects again that a mirror brought and that were refused, and adds those that pass as the mirror's. Those are kept
// no longer. Keys that nothing of the mirror is kept under are left out of tried.
func Retry(ctx context.Context, col *store.Collection, keys []store.RefusedKey, now time.Time, limits ijson.Limits) (tried []store.RefusedKey, accepted int, err error) {
	for try := 1; ; try++ {
		tried, accepted, err = retry(ctx, col, keys, now, limits)
		if errors.Is(err, store.ErrStale) && try < mostAttempts {
			continue
		}
		return tried, accepted, err
	}
}

func retry(ctx context.Context, col *store.Collection, keys []store.RefusedKey, now time.Time, limits ijson.Limits) (tried []store.RefusedKey, accepted int, err error) {
	terms := col.Agreement().Mirror
	if terms == nil {
		return nil, 0, nil
	}
	var raws [][]byte
	for _, key := range keys[:min(len(keys), store.MostRefused)] {
		kept, ok, err := col.RefusedObject(key)
		if err != nil {
			return nil, 0, err
		}
		if ok && kept.Party == agreement.MirrorParty {
			raws, tried = append(raws, kept.Text), append(tried, key)
		}
	}
	if len(raws) == 0 {
		return nil, 0, nil
	}
	found, err := ingest.Judge(ctx, col, raws, ingest.Options{Now: now, Limits: limits})
	if err != nil {
		return nil, 0, err
	}
	b := store.Batch{Terms: found.Terms, Refused: &store.RefusalDraft{Objects: found.Refused, As: agreement.MirrorParty}}
	for i := range found.Passed {
		add := &found.Passed[i]
		add.Source = journal.Source{Collection: Source(terms.URL)}
		b.Changes = append(b.Changes, store.Change{Add: add})
	}
	result, err := col.Append(ctx, b)
	if err != nil {
		return nil, 0, fmt.Errorf("try again what the mirror was refused: %w", err)
	}
	for _, o := range result.Outcomes {
		switch o.Kind {
		case store.Added, store.Already, store.Corrected:
			accepted++
		}
	}
	return tried, accepted, nil
}
