package follow

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// previewEntries is how many entries of a journal a preview judges; of longer ones it draws a part.
var previewEntries uint64 = 150_000

// previewing is a batch that collects what it decides, of one object or of all.
type previewing struct {
	*batch
	object stix.ID // "": all
	made   map[journal.Position]*Decision

	drawn   map[journal.Position]bool // of a sample; nil: everything is judged
	sampled *Sample
}

func newPreviewing(s *store.Store, r route, object stix.ID, now time.Time) (*previewing, error) {
	p := &previewing{batch: newBatch(s, r, nil, nil, now), object: object, made: make(map[journal.Position]*Decision)}
	p.state, p.reset = newState(nil, r.name), true
	key, err := previewKey(r)
	if err != nil {
		return nil, err
	}
	p.setKey(key)
	p.observe = p.note
	return p, nil
}

// note keeps a decision of the batch.
func (p *previewing) note(at journal.Position, e *journal.Entry, v Verdict, reasons []string, missing stix.ID) {
	d := p.made[at]
	if d == nil {
		if e == nil || p.object != "" && e.Object != string(p.object) {
			return
		}
		d = &Decision{Source: p.route.source.Agreement().Name, Target: p.route.target.Agreement().Name, Position: at, Object: stix.ID(e.Object), Version: e.Version}
		p.made[at] = d
	}
	d.Verdict, d.Reasons, d.Missing = v, reasons, missing
}

// decisions returns what was decided, in the order of the source's journal.
func (p *previewing) decisions() []Decision {
	list := make([]Decision, 0, len(p.made))
	for at, d := range p.made {
		if d.Sampled = p.sampled; p.drawn == nil || p.drawn[at] {
			list = append(list, *d)
		}
	}
	slices.SortFunc(list, func(a, b Decision) int { return cmp.Compare(a.Position, b.Position) })
	return list
}

// look gives the batch snapshots to read. What the release has judged so far does not count, but for who it knows to be an author.
func (p *previewing) look(source, target *store.Snapshot) {
	p.read(source, target)
	if p.state.snapshot == nil {
		p.state = newState(target, p.route.name)
		for _, prefix := range judgements {
			p.state.empty[prefix[0]] = prefix != prefixDefined || p.state.empty[prefix[0]]
		}
	}
	p.state.snapshot = target
}

// one judges the versions of the object, after what they refer to: the rest of the journal is not read.
func (p *previewing) one(source, target *store.Snapshot) error {
	p.look(source, target)
	length, err := source.Length()
	if err != nil {
		return err
	}
	judge := sampler{p.batch, make(map[stix.ID][]targetVersion)}
	if err := judge.judgeWithReferences(p.object, 0); err != nil {
		return err
	}
	p.position = length
	_, err = p.runLate(prefixLast, never)
	return err
}

// sample draws entries of the source's journal, and judges the objects that they added, after what they refer to.
func (p *previewing) sample(ctx context.Context, stats store.Stats) error {
	judge := sampler{p.batch, make(map[stix.ID][]targetVersion)}
	p.drawn, p.sampled = make(map[journal.Position]bool), &Sample{Of: stats.Versions}
	for left := max(int(previewEntries)/sampleCost, 1); left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := min(left, sampleChunk)
		left -= chunk
		err := p.route.target.Snapshot(func(target *store.Snapshot) error {
			return p.route.source.Snapshot(func(source *store.Snapshot) error {
				p.look(source, target)
				for range chunk {
					at := journal.Position(1 + rand.Uint64N(stats.Entries))
					if p.drawn[at] {
						continue
					}
					e, err := readEntry(source, at)
					if err != nil {
						return err
					}
					if e.recorded.Kind != journal.Added || !e.present {
						continue
					}
					p.drawn[at] = true
					p.sampled.Judged++
					if err := judge.judgeWithReferences(e.id(), 0); err != nil {
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
	return nil
}
