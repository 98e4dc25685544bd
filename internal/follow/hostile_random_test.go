package follow_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// duel is a release between two agreements whose members, the vendor and the agency, work against each other on both sides.
type duel struct {
	*exchange
	r   *rand.Rand
	dir string

	touched map[stix.ID]bool   // objects of which a member put something into the target
	there   map[string]stix.ID // what members put there and nobody took back, by id, version and digest
}

// act is one random act of somebody.
func (d *duel) act() {
	party := []agreement.PartyName{vendor.Name, agency.Name}[d.r.IntN(2)]
	switch n := d.r.IntN(100); {
	case n < 50:
		d.offer("source", party)
	case n < 65:
		d.offer("target", party)
	case n < 75:
		d.take("source", party, false)
	case n < 82:
		d.take("target", party, false)
	case n < 86:
		d.take([]agreement.Name{"source", "target"}[d.r.IntN(2)], "", d.r.IntN(2) == 0)
	case n < 90:
		_, err := follow.Sweep(d.t.Context(), d.col("source"), d.now, nil)
		d.must(err)
	case n < 97:
		d.terms("source", "change", func(a *agreement.Agreement) {
			rule := agreement.Release{To: "target", MaxTLP: []stix.TLP{stix.Clear, stix.Green, stix.Amber}[d.r.IntN(3)],
				References: []string{agreement.ReferencesWith, agreement.ReferencesCut}[d.r.IntN(2)]}
			a.Release = []agreement.Release{rule}
		})
	default:
		d.terms("source", "change", func(a *agreement.Agreement) { a.Release = nil })
	}
}

// offer has a party add something, which need not be taken.
func (d *duel) offer(to agreement.Name, party agreement.PartyName) {
	name := func() string { return fmt.Sprint("n", d.r.IntN(8)) }
	day, mark := 1+d.r.IntN(5), []string{"clear", "green", "green", "amber"}[d.r.IntN(4)]
	var text string
	switch d.r.IntN(5) {
	case 0:
		n := name()
		text = relationship(n, idOf("campaign", n), idOf("campaign", name()), day, mark)
	case 1:
		text = report(name(), day, mark, idOf("campaign", name()), idOf("campaign", name()+"x"), idOf("campaign", name()))
	case 2:
		text = fmt.Sprintf(`{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3","x_note":"%s %d","object_marking_refs":[%q]}`,
			party, d.r.IntN(2), stix.TLP2Green)
	default:
		text = object("campaign", name()+[]string{"", "x"}[d.r.IntN(2)], day, mark)
	}
	o := parse(d.t, text)
	level, _ := o.EffectiveTLP()
	r, err := d.col(to).Append(d.t.Context(), store.Batch{Actor: store.Actor{Account: agreement.AccountName(party), Party: party},
		Changes: []store.Change{{Add: &store.Addition{Object: o, TLP: level}}}})
	d.must(err)
	if out := r.Outcomes[0]; to == "target" && out.Kind == store.Added {
		e, _, err := d.col(to).Entry(out.Position)
		d.must(err)
		d.touched[o.ID], d.there[versionOf(e)] = true, o.ID
	}
}

func versionOf(e journal.Entry) string {
	if e.Version == "" {
		return fmt.Sprintf("%s %x", e.Object, e.Digest)
	}
	return e.Object + " " + e.Version
}

// take has a party delete what it may of an object, or an operator all of it.
func (d *duel) take(from agreement.Name, party agreement.PartyName, bar bool) {
	id := idOf("campaign", fmt.Sprint("n", d.r.IntN(8)))
	if d.r.IntN(4) == 0 {
		id = "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd"
	}
	b := store.Batch{Changes: []store.Change{{Remove: &store.Removal{ID: id, Operator: true, Bar: bar, Reason: "by an operator"}}}}
	if party != "" {
		b = store.Batch{Actor: store.Actor{Account: agreement.AccountName(party), Party: party},
			Changes: []store.Change{{Remove: &store.Removal{ID: id, OnlyBy: party, Versions: []store.Versions{{}, {Last: true}}[d.r.IntN(2)]}}}}
	}
	r, err := d.col(from).Append(d.t.Context(), b)
	d.must(err)
	if from != "target" {
		return
	}
	for _, p := range r.Outcomes[0].Positions {
		e, _, err := d.col(from).Entry(p)
		d.must(err)
		delete(d.there, versionOf(e))
	}
}

// held returns what an agreement has, by version, and which objects.
func (d *duel) held(name agreement.Name) (versions map[string]store.StoredVersion, ids map[stix.ID]bool) {
	versions, ids = map[string]store.StoredVersion{}, map[stix.ID]bool{}
	d.must(d.col(name).Snapshot(func(l *store.Snapshot) error {
		return l.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
			versions[versionOf(v.Entry)], ids[v.ID] = v, true
			return true
		})
	}))
	return versions, ids
}

func (d *duel) references(name agreement.Name, v store.StoredVersion) (ids []stix.ID) {
	text, _, err := d.col(name).ObjectAt(v.Position)
	d.must(err)
	t := parse(d.t, string(text)).Tree
	for _, name := range []string{"source_ref", "target_ref"} {
		if i := t.Member(t.Root(), name); i >= 0 {
			ids = append(ids, stix.ID(t.Str(i)))
		}
	}
	for item := range t.Items(t.Member(t.Root(), "object_refs")) {
		ids = append(ids, stix.ID(t.Str(item)))
	}
	return ids
}

// judge compares what the release has made of it all with its promises.
func (d *duel) judge(when string) {
	source, _ := d.held("source")
	target, ids := d.held("target")
	rule, ruled := d.col("source").Agreement().ReleaseTo("target")
	over := map[string]stix.Instant{} // by object: its newest version above the ceiling
	for _, e := range d.entries("source") {
		if in, err := stix.ParseInstant(e.Version); e.Kind == journal.Added && err == nil && stix.TLP(e.TLP) > rule.MaxTLP && over[e.Object].Compare(in) < 0 {
			over[e.Object] = in
		}
	}
	above := func(v store.StoredVersion) bool {
		limit := over[string(v.ID)]
		return stix.TLP(v.Entry.TLP) > rule.MaxTLP || !v.Unversioned && !limit.IsZero() && v.Instant.Compare(limit) <= 0
	}
	for key, id := range d.there {
		if _, ok := target[key]; !ok {
			d.t.Errorf("%s: %s, which a member put into the target, has gone", when, key)
		}
		_ = id
	}
	for key, v := range target {
		if !slices.Contains(v.Sources, d.col("source").ID()) {
			continue
		}
		original, ok := source[key]
		switch {
		case !ruled:
			d.t.Errorf("%s: %s is in the target, and nothing is released to it", when, key)
		case !ok:
			d.t.Errorf("%s: %s is in the target, but not in the source", when, key)
		case above(v):
			d.t.Errorf("%s: %s is in the target, but it or a later version is above the ceiling", when, key)
		case !rule.Cuts() && original.Entry.Digest != v.Entry.Digest:
			d.t.Errorf("%s: %s is in the target with another text", when, key)
		}
		for _, id := range d.references("target", v) {
			if !ids[id] {
				d.t.Errorf("%s: %s is in the target, but not %s", when, key, id)
			}
		}
	}
	d.complete(when, source, target, ids, ruled, func(v store.StoredVersion) bool { return !above(v) })
	d.final(when)
}

// complete reports what may go and has not gone. What members of the target have touched, or keeps an object back, is left out.
func (d *duel) complete(when string, source, target map[string]store.StoredVersion, ids map[stix.ID]bool, ruled bool, may func(store.StoredVersion) bool) {
	lost := map[string]bool{} // taken from the target because of itself
	for _, e := range d.entries("target") {
		if e.Kind == journal.Withdrawn && e.Act == "" || e.Kind == journal.Deleted {
			lost[versionOf(e)] = true
		}
	}
	for key, v := range source {
		if _, there := target[key]; there || !ruled || !may(v) || lost[key] || v.Unversioned || d.touched[v.ID] {
			continue
		}
		whole := true
		for _, id := range d.references("source", v) {
			whole = whole && ids[id] && !d.touched[id] || id == v.ID // what is in conflict is not there
		}
		if whole {
			d.t.Errorf("%s: %s may go and has not gone", when, key)
		}
	}
}

// final reports versions that a release brought again after it had taken them back because of themselves.
func (d *duel) final(when string) {
	taken := map[string]bool{}
	for _, e := range d.entries("target") {
		switch {
		case e.Kind == journal.Withdrawn && e.Act == "" && e.Version != "":
			taken[versionOf(e)] = true
		case e.Kind == journal.Added && !e.Source.IsZero() && taken[versionOf(e)]:
			d.t.Errorf("%s: %s was taken back because of itself, and came again", when, versionOf(e))
		}
	}
}

// Members that work against each other, and against a release, on both of its sides, while terms change, operators interfere,
// retention deletes and the server stops in the middle: the release keeps its promises, and their objects stay theirs.
func TestHostileMembersOnBothSidesOfARelease(t *testing.T) {
	for seed := range seeds(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			d := &duel{r: rand.New(rand.NewPCG(seed, 14)), dir: filepath.Join(t.TempDir(), "data"), touched: map[stix.ID]bool{}, there: map[string]stix.ID{}}
			d.exchange = open(t, d.dir)
			d.agreement("source", func(a *agreement.Agreement) {
				releaseTo("target", stix.Green)(a)
				a.Retention = agreement.Retention{Versions: 3}
			})
			d.agreement("target", nil)
			released := 0
			for round := range 12 {
				stop := d.running(follow.Config{BatchEntries: 1 + d.r.IntN(5)})
				for range 12 {
					d.act()
				}
				stop() // wherever it is
				if d.r.IntN(3) == 0 {
					d.must(d.store.Close())
					d.exchange = open(t, d.dir)
				}
				d.settle()
				d.judge(fmt.Sprint("round ", round))
				target, _ := d.held("target")
				for _, v := range target {
					if !v.Entry.Source.IsZero() {
						released++
					}
				}
				if t.Failed() {
					return
				}
			}
			if released == 0 {
				t.Error("nothing was released")
			}
		})
	}
}
