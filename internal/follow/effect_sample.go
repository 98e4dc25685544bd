package follow

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// A sample is judged as all would be: before a drawn object come the objects that it refers to, as far as these bounds go.
const (
	sampleReferences = 100 // of one version
	sampleDepth      = 6
	sampleEntries    = 200 // about one object
	sampleChunk      = 200 // objects in one read transaction
	sampleCost       = 5   // of an entry that is drawn, in entries that are read in order
)

// draws returns how many entries are drawn: reading them in no order costs more than reading all in order.
func (f *forecast) draws() int { return max(f.most/sampleCost, 1) }

// sampler judges drawn objects.
type sampler struct {
	*batch
	before map[stix.ID][]targetVersion // what the target has, of objects that were judged
}

// sample draws entries of the source's journal and judges the objects that they added.
func (f *forecast) sample(ctx context.Context, s *store.Store, stats store.Stats) error {
	b, err := f.batch(s)
	if err != nil {
		return err
	}
	p := sampler{b, make(map[stix.ID][]targetVersion)}
	length := stats.Entries
	drawn, judged := 0, uint64(0)
	for drawn < f.draws() {
		err := f.within(ctx, p.batch, func() error {
			for range min(sampleChunk, f.draws()-drawn) {
				drawn++
				e, err := readEntry(p.source, journal.Position(1+rand.Uint64N(length)))
				if err != nil {
					return err
				}
				if e.recorded.Kind != journal.Added || !e.present {
					continue
				}
				judged++
				if err := p.judgeWithReferences(e.id(), 0); err != nil {
					return err
				}
				if err := f.compare(p, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	f.effect.Sampled, f.effect.Of = judged, stats.Objects
	f.effect.scale()
	return nil
}

// judgeWithReferences applies the versions of an object, after those of what they refer to.
func (p *sampler) judgeWithReferences(id stix.ID, depth int) error {
	if _, done := p.before[id]; done || depth > sampleDepth {
		return nil
	}
	h, err := p.targetObject(id)
	if err != nil {
		return err
	}
	p.before[id] = append([]targetVersion{}, h.versions...)
	positions, err := p.positions(id)
	if err != nil {
		return err
	}
	entries := make([]*entry, 0, len(positions))
	for _, at := range positions {
		e, err := readEntry(p.batch.source, at)
		if err != nil {
			return err
		}
		entries = append(entries, e)
		for i, ref := range e.references {
			if i == sampleReferences {
				break
			}
			if err := p.judgeWithReferences(ref, depth+1); err != nil {
				return err
			}
		}
	}
	for _, e := range entries {
		if err := p.apply(e); err != nil {
			return err
		}
		p.tasks = nil // what follows for others is seen when they are drawn
		if _, err := p.runLate(prefixLate, never); err != nil {
			return err
		}
	}
	return nil
}

// positions returns the entries about an object, or where its versions were added if there are many.
func (p *sampler) positions(id stix.ID) ([]journal.Position, error) {
	all, err := p.batch.source.EntriesOf(id)
	if err != nil || len(all) <= sampleEntries {
		return all, err
	}
	versions, err := p.batch.source.Versions(id)
	all = all[:0]
	for _, v := range versions {
		all = append(all, v.Position)
	}
	slices.Sort(all)
	return all, err
}

// compare counts what becomes of a drawn version.
func (f *forecast) compare(p sampler, e *entry) error {
	h, err := p.targetObject(e.id())
	if err != nil {
		return err
	}
	was, is := versionOf(p.before[e.id()], e), versionOf(h.versions, e)
	stays := is != nil && is.ours
	c, err := p.base(e)
	if err != nil {
		return err
	}
	lacking := stays && !p.route.rule.Cuts() && c.out != nil && len(p.missing(e, c.out)) > 0
	switch {
	case was != nil && was.ours && (!stays || lacking):
		if was.others {
			return nil
		}
		term := byReferences
		if !stays {
			if d := p.judge(e, false); len(d.Refusals) > 0 {
				term = d.Refusals[0].Term
			} else if p.blocked(e) {
				term = byNewer
			}
		}
		f.effect.Withdrawn++
		f.effect.taken = append(f.effect.taken, takenVersion{e.id(), e.key})
		f.reason(term, e.id())
	case was == nil && stays && !lacking:
		f.effect.Goes++
		f.effect.going = append(f.effect.going, goingObject{e.id(), e.position})
	}
	return nil
}

// versionOf returns the version that came from an entry, nil if there is none.
func versionOf(versions []targetVersion, e *entry) *targetVersion {
	if i := slices.IndexFunc(versions, func(v targetVersion) bool { return v.of(e) }); i >= 0 {
		return &versions[i]
	}
	return nil
}

// sampleEnd draws entries of the target's journal and counts those that the release has brought and that are still there.
func (f *forecast) sampleEnd(ctx context.Context, stats store.Stats, why string) error {
	judged := uint64(0)
	for drawn := 0; drawn < f.draws(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := f.route.target.Snapshot(func(target *store.Snapshot) error {
			for range min(sampleChunk, f.draws()-drawn) {
				drawn++
				at := journal.Position(1 + rand.Uint64N(stats.Entries))
				rec, err := target.Entry(at)
				if err != nil {
					return err
				}
				if rec.Kind != journal.Added {
					continue
				}
				versions, err := target.Versions(stix.ID(rec.Object))
				if err != nil {
					return err
				}
				for _, v := range versions {
					if v.Position != at {
						continue
					}
					judged++
					if h := targetVersionOf(v, f.route.source.ID()); h.ours && !h.others {
						f.effect.Withdrawn++
						f.effect.taken = append(f.effect.taken, takenVersion{v.ID, h.key})
						f.reason(why, v.ID)
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	f.effect.Sampled, f.effect.Of = judged, stats.Objects
	f.effect.scale()
	return nil
}
