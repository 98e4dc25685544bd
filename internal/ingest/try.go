package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// Trial is what Accept would decide about one object by rules and terms, before it looks at what is stored.
type Trial struct {
	ID       string   `json:"id"`
	Version  string   `json:"version,omitempty"`
	Accepted bool     `json:"accepted"`
	TLP      string   `json:"tlp,omitempty"`
	Rule     string   `json:"rule,omitempty"` // the first that refuses it
	Message  string   `json:"message,omitempty"`
	Warnings []string `json:"warnings,omitempty"` // ids of rules
}

// Try says what Accept would decide about some objects that a party sends. Nothing is stored.
func Try(ctx context.Context, col *store.Collection, party agreement.Party, raws [][]byte, opts Options) ([]Trial, error) {
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	terms, _ := col.Terms()
	j := judge{terms: terms, party: party, limits: opts.Limits, now: opts.Now.UTC(), wait: opts.Turn, definitions: &definitions{col: col, party: party.Name}}
	verdicts, err := j.all(ctx, raws)
	if err != nil {
		return nil, err
	}
	j.resolve(verdicts)
	if err := j.definitions.err; err != nil {
		return nil, fmt.Errorf("read marking definitions: %w", err)
	}
	list := make([]Trial, len(verdicts))
	for i := range verdicts {
		v := &verdicts[i]
		list[i] = Trial{ID: v.id, Version: v.object.Version, Accepted: v.passed, Rule: v.rule, Message: v.message, Warnings: v.warnings}
		if v.tlp != 0 {
			list[i].TLP = v.tlp.String()
		}
		releaseTree(v.object.Tree)
	}
	return list, nil
}
