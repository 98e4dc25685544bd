package follow

import (
	"context"
	"fmt"
	"time"

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
	Reasons  []string         `json:"reasons,omitempty"` // each a term and a sentence
	Missing  stix.ID          `json:"missing,omitempty"` // Waits: the object it waits for

	// Original and Copy are the texts of a version that the release changes. A few of each preview have them, as examples.
	Original string `json:"original,omitempty"`
	Copy     string `json:"copy,omitempty"`

	Sampled *Sample `json:"sampled,omitempty"` // nil: all versions were judged
}

// Sample says that a part of a journal was judged: so many versions, drawn at random, of so many.
type Sample struct {
	Judged uint64 `json:"judged"`
	Of     uint64 `json:"of"`
}

// mostCopies is how many decisions of a preview have the texts of a changed version.
const mostCopies = 3

// Preview returns what a release that started now would decide about every version of a source, in the order of the
// source's journal. It changes nothing. If object is set, only its versions are returned. Of a journal with more than a hundred and
// fifty thousand entries a part is drawn, and each decision says so.
func Preview(ctx context.Context, s *store.Store, from, to agreement.Name, object stix.ID) (_ []Decision, err error) {
	source, ok := s.Collection(from)
	if !ok {
		return nil, fmt.Errorf("preview of a release: unknown agreement %s", from)
	}
	target, ok := s.Collection(to)
	if !ok {
		return nil, fmt.Errorf("preview of a release: unknown agreement %s", to)
	}
	rule, ok := source.Agreement().ReleaseTo(to)
	if !ok {
		return nil, fmt.Errorf("preview of a release: the agreement %s does not release to %s", from, to)
	}
	r := route{source: source, target: target, rule: rule, ruled: true, name: store.ReleaseFollower(source.ID())}
	p, err := newPreviewing(s, r, object, time.Now())
	if err != nil {
		return nil, fmt.Errorf("preview of a release: %w", err)
	}
	stats, err := source.Stats()
	switch {
	case err != nil:
	case object != "":
		err = target.Snapshot(func(target *store.Snapshot) error {
			return source.Snapshot(func(source *store.Snapshot) error { return p.one(source, target) })
		})
	case stats.Entries > previewEntries:
		err = p.sample(ctx, stats)
	default:
		err = previewAll(ctx, p.batch)
	}
	list := p.decisions()
	if err == nil {
		err = p.exemplify(list)
	}
	if err != nil {
		return nil, fmt.Errorf("preview of the release from %s to %s: %w", from, to, err)
	}
	return list, nil
}

// exemplify adds the texts of the first few versions that the release changes.
func (b *batch) exemplify(list []Decision) error {
	if b.route.rule.Change == nil {
		return nil
	}
	return b.route.target.Snapshot(func(target *store.Snapshot) error {
		return b.route.source.Snapshot(func(source *store.Snapshot) error {
			b.read(source, target)
			return b.exemplifyIn(list)
		})
	})
}

// exemplifyIn is exemplify in the transactions that the batch reads.
func (b *batch) exemplifyIn(list []Decision) error {
	if b.route.rule.Change == nil {
		return nil
	}
	found := 0
	for i := range list {
		d := &list[i]
		if found == mostCopies {
			break
		}
		if d.Verdict != Goes && d.Verdict != There {
			continue
		}
		e, err := readEntry(b.source, d.Position)
		if err != nil {
			return err
		}
		c, err := b.base(e)
		if err != nil {
			return err
		}
		if c.out != nil && c.out.original != (journal.Digest{}) {
			d.Original, d.Copy = string(e.object.Raw()), string(c.out.object.Raw())
			found++
		}
	}
	return nil
}

// previewAll applies every entry of the source, a bounded number at a time.
func previewAll(ctx context.Context, b *batch) error {
	const entries, size = 500, 2 << 20
	never := func() bool { return false }
	for from := journal.Position(1); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := readChunk(b.route.source, from, entries, size)
		if err != nil {
			return err
		}
		atEnd := len(c.entries) == 0
		from += journal.Position(len(c.entries))
		err = b.route.target.Snapshot(func(target *store.Snapshot) error {
			return b.route.source.Snapshot(func(source *store.Snapshot) error {
				b.read(source, target)
				for _, e := range c.entries {
					if err := b.apply(e); err != nil {
						return err
					}
					if _, err := b.runTasks(never); err != nil {
						return err
					}
					if _, err := b.runLate(prefixLate, never); err != nil {
						return err
					}
				}
				if !atEnd {
					return nil
				}
				_, err := b.runLate(prefixLast, never)
				return err
			})
		})
		if err != nil || atEnd {
			return err
		}
	}
}
