package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Judgement is what Judge found about objects.
type Judgement struct {
	Terms   journal.Digest        // by which they were judged
	Passed  []store.Addition      // in the order in which they came
	Refused []store.RefusedObject // with rule and message
}

// Judge judges objects that a follower brings as Accept judges those of a party, and adds nothing. An object whose text is not
// JSON is refused like any other. Once the objects have been added, the caller may reuse raws.
func Judge(ctx context.Context, col *store.Collection, raws [][]byte, opts Options) (Judgement, error) {
	terms, digest := col.Terms()
	j := judge{terms: terms, party: agreement.Party{}, limits: opts.Limits, now: opts.Now, wait: opts.Turn, definitions: &definitions{col: col}}
	found := Judgement{Terms: digest}
	var verdicts []verdict
	for {
		var err error
		var broken *NotJSONError
		if verdicts, err = j.all(ctx, raws); errors.As(err, &broken) {
			found.Refused = append(found.Refused, store.RefusedObject{Text: raws[broken.Index], ID: placeholderID, Message: broken.Reason})
			raws = append(append(make([][]byte, 0, len(raws)), raws[:broken.Index]...), raws[broken.Index+1:]...)
			continue
		} else if err != nil {
			return Judgement{}, err
		}
		break
	}
	j.resolve(verdicts)
	if err := j.definitions.err; err != nil {
		return Judgement{}, fmt.Errorf("read marking definitions: %w", err)
	}
	found.Refused = append(found.Refused, refusedOf(raws, verdicts)...)
	for i := range verdicts {
		if v := &verdicts[i]; v.passed {
			found.Passed = append(found.Passed, store.Addition{Object: v.object, TLP: v.tlp, Warnings: v.warnings})
		}
	}
	return found, nil
}
