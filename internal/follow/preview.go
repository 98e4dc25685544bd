package follow

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Decision is what becomes of one version of a source in one release, and why.
type Decision struct {
	Source   agreement.Name   `json:"source"`
	Target   agreement.Name   `json:"target"`
	Position journal.Position `json:"position"` // in the source's journal
	Object   stix.ID          `json:"object"`
	Version  string           `json:"version,omitempty"`
	Verdict  Verdict          `json:"verdict"`
	Reasons  []string         `json:"reasons,omitempty"` // a term and what it says
	Missing  stix.ID          `json:"missing,omitempty"` // Waits: what it waits for
}

// Preview decides, as a release would that began now, about every version of a source, and changes nothing. An object
// that is given narrows the answer to it. The decisions are in the order of the source's journal.
func Preview(ctx context.Context, s *store.Store, from, to agreement.Name, object stix.ID) ([]Decision, error) {
	source, ok := s.Collection(from)
	if !ok {
		return nil, fmt.Errorf("preview of a release: there is no agreement %s", from)
	}
	target, ok := s.Collection(to)
	if !ok {
		return nil, fmt.Errorf("preview of a release: there is no agreement %s", to)
	}
	rule, ok := source.Agreement().ReleaseTo(to)
	if !ok {
		return nil, fmt.Errorf("preview of a release: the agreement %s does not release to %s", from, to)
	}
	f := flow{source: source, target: target, rule: rule, ruled: true, name: store.ReleaseFollower(source.ID())}
	made := make(map[journal.Position]*Decision)
	w := newWork(s, f, nil, nil)
	w.memory, w.reset = newMemory(nil, f.name), true
	w.note = func(p journal.Position, e *journal.Entry, v Verdict, reasons []string, missing stix.ID) {
		d := made[p]
		if d == nil {
			if e == nil || object != "" && e.Object != string(object) {
				return
			}
			d = &Decision{Source: from, Target: to, Position: p, Object: stix.ID(e.Object), Version: e.Version}
			made[p] = d
		}
		d.Verdict, d.Reasons, d.Missing = v, reasons, missing
	}
	if err := previewAll(ctx, w); err != nil {
		return nil, fmt.Errorf("preview of the release from %s to %s: %w", from, to, err)
	}
	list := make([]Decision, 0, len(made))
	for _, d := range made {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b Decision) int { return cmp.Compare(a.Position, b.Position) })
	return list, nil
}

// previewAll takes every entry of the source, a bounded number at a time.
func previewAll(ctx context.Context, w *work) error {
	const entries, size = 500, 2 << 20
	never := func() bool { return false }
	for from := journal.Position(1); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := readChunk(w.flow.source, from, entries, size)
		if err != nil || len(c.items) == 0 {
			return err
		}
		from += journal.Position(len(c.items))
		err = w.flow.target.Look(func(target *store.Look) error {
			return w.flow.source.Look(func(source *store.Look) error {
				w.source, w.target = source, target
				for _, it := range c.items {
					if err := w.entry(it); err != nil {
						return err
					}
					if _, err := w.do(never); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
}
