package ingest

import (
	"context"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
)

// keptMessage bounds the message that is kept with a refused object, in bytes.
const keptMessage = 2000

// refusedOf returns the refused objects of an envelope that are worth keeping: the last ones, as many as are kept.
func refusedOf(raws [][]byte, verdicts []verdict) (list []store.RefusedObject) {
	size := 0
	for i := len(verdicts) - 1; i >= 0 && len(list) < store.MostRefused; i-- {
		v := &verdicts[i]
		if v.passed || len(raws[i]) > store.MostRefusedText {
			continue
		}
		text, err := ijson.Compact(raws[i])
		if err != nil {
			text = raws[i] // it has a name twice, or is nested too deeply
		}
		if size += len(text); size > store.MostRefusedBytes {
			break
		}
		list = append(list, store.RefusedObject{
			Text: text, ID: clipped(v.id, longestID), Version: clipped(v.object.Version, store.MaxVersionText), Rule: v.rule,
			Message: clipped(v.message, keptMessage),
		})
	}
	slices.Reverse(list)
	return list
}

// Rules of refusals that no rule of validation and no term made.
const (
	ruleConflict = "conflict" // the version is stored with other content
	ruleOwner    = "owner"    // the object is another party's
	ruleCreator  = "creator"  // created_by_ref is another party's identity
	ruleBarred   = "barred"   // an operator removed the version for good
	ruleOther    = "other"    // the store cannot keep it
)

// WhyRefused returns why an object that is kept was refused: the rule, and a sentence for its sender.
func WhyRefused(o store.RefusedObject) (rule, message string) {
	switch o.Outcome.Kind {
	case store.Conflict:
		rule = ruleConflict
	case store.NotOwner:
		rule = ruleOwner
	case store.NotCreator:
		rule = ruleCreator
	case store.Barred:
		rule = ruleBarred
	default:
		if rule = o.Rule; rule == "" {
			rule = ruleOther
		}
		return rule, o.Message
	}
	return rule, withOutcome(Detail{Version: o.Version}, o.Outcome).Message
}

// RefusedSince returns the moment since which an agreement keeps what it refused.
func RefusedSince(a *agreement.Agreement, now time.Time) time.Time {
	return now.Add(-time.Duration(a.Accept.KeepRefusedDays) * 24 * time.Hour)
}

// Retry adds refused objects of a party again, as if they were sent now: the terms of now judge them, and those that are
// accepted are kept no longer. At most store.MostRefused keys are tried; those that nothing is kept under, or another party's
// object, are left out. Without any, the Result is nil.
func Retry(ctx context.Context, col *store.Collection, caller agreement.Caller, party agreement.Party, keys []store.RefusedKey, opts Options) (r *Result, tried []store.RefusedKey, err error) {
	var raws [][]byte
	size := 0
	for _, key := range keys[:min(len(keys), store.MostRefused)] {
		kept, ok, err := col.RefusedObject(key)
		if err != nil {
			return nil, nil, err
		}
		if !ok || kept.Party != party.Name {
			continue
		}
		if size += len(kept.Text); size > store.MostRefusedBytes {
			break
		}
		raws, tried = append(raws, kept.Text), append(tried, key)
	}
	if len(raws) == 0 {
		return nil, nil, nil
	}
	r, err = Accept(ctx, col, caller, party, raws, opts)
	return r, tried, err
}
