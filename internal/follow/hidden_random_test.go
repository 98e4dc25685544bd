package follow_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// secrecy is a chain of releases that hide authors and take feedback, with members of each agreement that work against it: they replace
// and revoke copies, send under identifiers that they saw or guessed, name authors in what they send, and tell of what came back to them.
type secrecy struct {
	*exchange
	r   *rand.Rand
	dir string

	derived  map[agreement.Name]map[stix.ID]stix.ID // by source: what its objects were called in the target
	own      map[agreement.Name]map[string]stix.ID  // what members added and still have there, by version
	crashes  int
	released int // copies that were judged
	returned int // feedback that was judged
}

// chain are the agreements, each of which releases to the next.
var chain = []agreement.Name{"source", "target", "third"}

// hideRule is a release that hides authors.
func hideRule(to agreement.Name, author, as string) agreement.Release {
	return agreement.Release{To: to, MaxTLP: stix.Green, Change: &agreement.Change{Author: author, Remove: []string{"x_case"}},
		Feedback: &agreement.Feedback{Types: []string{"sighting", "note"}, As: as}}
}

func newSecrecy(t *testing.T, seed uint64) *secrecy {
	d := &secrecy{r: rand.New(rand.NewPCG(seed, 20)), dir: filepath.Join(t.TempDir(), "data"),
		derived: map[agreement.Name]map[stix.ID]stix.ID{}, own: map[agreement.Name]map[string]stix.ID{}}
	d.exchange = open(t, d.dir)
	d.must(d.store.Change(t.Context(), store.Actor{}, []store.RegistryChange{{Party: &reader}}))
	for i, name := range chain {
		d.derived[name], d.own[name] = map[stix.ID]stix.ID{}, map[string]stix.ID{}
		d.agreement(name, func(a *agreement.Agreement) {
			a.Accept.Corrections = agreement.CorrectionsAccept
			if i+1 < len(chain) {
				a.Release = []agreement.Release{hideRule(chain[i+1], agreement.AuthorRemove, agreement.FeedbackAnonymous)}
			}
			if i > 0 {
				a.Parties = append(a.Parties[1:], agreement.Membership{Party: "reader", Roles: []agreement.Role{agreement.Consumer}, Identity: observer})
				a.Feedback = []string{"note", "sighting"}
			}
		})
	}
	d.addAny("source", author(1, "desk@vendor.example"))
	return d
}

// any returns an object that an agreement holds, or one that it does not.
func (d *secrecy) any(name agreement.Name) stix.ID {
	var ids []stix.ID
	d.must(d.col(name).Snapshot(func(l *store.Snapshot) error {
		return l.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
			ids = append(ids, v.ID)
			return true
		})
	}))
	if len(ids) == 0 || d.r.IntN(8) == 0 {
		return stix.ID("campaign--" + uuid.NewSHA1(uuid.NameSpaceOID, []byte{byte(d.r.IntN(256))}).String())
	}
	return ids[d.r.IntN(len(ids))]
}

// act is one random act of somebody.
func (d *secrecy) act() {
	name := func() string { return fmt.Sprint("n", d.r.IntN(7)) }
	day, mark := 1+d.r.IntN(6), []string{"", "green", "green", "amber"}[d.r.IntN(4)]
	hostile := chain[1+d.r.IntN(2)]
	switch n := d.r.IntN(100); {
	case n < 26: // the vendor shares, and may name itself where it should not
		extra := []string{`"x_case":"17"`, `"labels":["by vendor ltd","b"]`, `"external_references":[{"source_name":"x","url":"https://www.vendor.example/1"}]`, `"description":"as seen by Vendor Ltd."`}[d.r.IntN(4)]
		d.addAny("source", with(extra, by(creator, object([]string{"campaign", "malware"}[d.r.IntN(2)], name(), day, mark))))
	case n < 36:
		one := name()
		d.addAny("source", by(creator, relationship(one, idOf("campaign", one), idOf("malware", name()), day, mark)),
			by(creator, report(name(), day, mark, idOf("campaign", one), idOf("malware", name()))))
	case n < 40: // a correction, or another version of who it is
		d.addAny("source", []string{author(day, "desk@vendor.example"), author(day, "news@vendor.example"), with(`"x_case":"18"`, by(creator, object("campaign", name(), day, mark)))}[d.r.IntN(3)])
	case n < 46:
		d.revoke("source", idOf("campaign", name()))
	case n < 54:
		d.remove("source", idOf([]string{"campaign", "malware"}[d.r.IntN(2)], name()), []store.Versions{{}, {Last: true}}[d.r.IntN(2)])
	case n < 57:
		d.operator([]agreement.Name{"source", hostile}[d.r.IntN(2)])
	case n < 65: // a member replaces what it got, or revokes it
		d.replace(hostile, d.any(hostile))
	case n < 70: // or sends under an identifier that it guessed, or saw elsewhere
		from := chain[d.r.IntN(3)]
		d.replace(hostile, d.any(from))
	case n < 74: // or brings what names the author itself
		d.member(hostile, by(creator, object("campaign", "own "+name(), day, mark)))
	case n < 88: // and tells about it
		d.tell(hostile)
	case n < 91: // what came back is told about, too
		if id := d.any("source"); id.Type() == "sighting" || id.Type() == "note" {
			d.addAny("source", by(creator, sighting("back "+name(), id, day, mark)))
		}
	case n < 97:
		i := d.r.IntN(2)
		d.terms(chain[i], "change", func(a *agreement.Agreement) {
			a.Release = []agreement.Release{hideRule(chain[i+1], []string{agreement.AuthorRemove, agreement.AuthorAgreement}[d.r.IntN(2)],
				[]string{agreement.FeedbackAnonymous, agreement.FeedbackAgreement, agreement.FeedbackParty}[d.r.IntN(3)])}
			a.Release[0].MaxTLP = []stix.TLP{stix.Clear, stix.Green}[d.r.IntN(2)]
		})
	default:
		i := d.r.IntN(2)
		d.terms(chain[i], "change", func(a *agreement.Agreement) { a.Release = nil })
	}
}

// member has the agency add something to an agreement, which need not be taken.
func (d *secrecy) member(name agreement.Name, text string) {
	o := parse(d.t, text)
	r, err := d.col(name).Append(d.t.Context(), store.Batch{Actor: store.Actor{Account: "agency", Party: agency.Name}, Changes: []store.Change{{Add: &store.Addition{Object: o, TLP: stix.Clear}}}})
	d.must(err)
	if out := r.Outcomes[0]; out.Kind == store.Added || out.Kind == store.Corrected {
		e, _, err := d.col(name).Entry(out.Position)
		d.must(err)
		d.own[name][versionOf(e)] = o.ID
	}
}

// replace has a member send another version of an object, perhaps a revoked one.
func (d *secrecy) replace(name agreement.Name, id stix.ID) {
	if t := id.Type(); t != "campaign" && t != "malware" {
		return
	}
	text := strings.Replace(object(id.Type(), "forged", 1+d.r.IntN(9), "green"), string(idOf(id.Type(), "forged")), string(id), 1)
	if d.r.IntN(2) == 0 {
		text = with(`"revoked":true`, text)
	}
	d.member(name, text)
}

// revoke has the vendor revoke an object.
func (d *secrecy) revoke(name agreement.Name, id stix.ID) {
	text := strings.Replace(object(id.Type(), "over", 7+d.r.IntN(2), "green"), string(idOf(id.Type(), "over")), string(id), 1)
	d.addAny(name, with(`"revoked":true`, by(creator, text)))
}

// operator removes an object, perhaps for good.
func (d *secrecy) operator(name agreement.Name) {
	id := d.any(name)
	_, err := d.col(name).Append(d.t.Context(), store.Batch{Changes: []store.Change{{Remove: &store.Removal{ID: id, Operator: true, Bar: d.r.IntN(2) == 0, Reason: "by an operator"}}}})
	d.must(err)
	for key, owned := range d.own[name] {
		if owned == id {
			delete(d.own[name], key)
		}
	}
}

// tell has the reader send feedback: about a copy, about an original whose identifier it should not know, or in a name that it should not use.
func (d *secrecy) tell(name agreement.Name) {
	n := fmt.Sprint("told ", d.r.IntN(40))
	about := d.any(name)
	if d.r.IntN(4) == 0 {
		about = d.any("source")
	}
	text := sighting(n, about, 1, "")
	switch d.r.IntN(4) {
	case 0:
		text = by(creator, text)
	case 1:
		text = with(`"x_by":"`+string(observer)+`"`, text)
	}
	d.offer(name, reader, text) // which the terms, or who owns what, may refuse
}

// crash runs the releases and stops them at some step, as a crash would: what was written stays, and nothing else. Then the files are
// opened again.
func (d *secrecy) crash() {
	ctx, cancel := context.WithCancel(d.t.Context())
	defer cancel()
	steps := 1 + d.r.IntN(12)
	m := follow.New(follow.Config{Store: d.store, BatchEntries: 1 + d.r.IntN(3), Now: func() time.Time {
		if steps--; steps == 0 {
			cancel()
		}
		return d.now
	}})
	if err := m.Settle(ctx); err != nil && ctx.Err() == nil {
		d.t.Fatal(err)
	}
	d.crashes++
	d.must(d.store.Close())
	d.exchange = open(d.exchange.t, d.dir)
}

// judge compares what the agreements hold, and their journals, with what was promised.
func (d *secrecy) judge(when string) {
	for i, name := range chain[1:] {
		d.judgeCopies(when, chain[i], name)
		d.judgeFeedback(when, name, chain[i])
	}
	for _, name := range chain {
		for key := range d.own[name] {
			if held := d.keys(name); !held[key] {
				d.t.Errorf("%s: %s, which a member added to %s, has gone", when, key, name)
			}
		}
	}
}

func (d *secrecy) keys(name agreement.Name) map[string]bool {
	keys := map[string]bool{}
	d.must(d.col(name).Snapshot(func(l *store.Snapshot) error {
		return l.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
			keys[versionOf(v.Entry)] = true
			return true
		})
	}))
	return keys
}

// judgeCopies judges what a release has brought.
func (d *secrecy) judgeCopies(when string, from, to agreement.Name) {
	source, target := d.col(from), d.col(to)
	rule, ruled := source.Agreement().ReleaseTo(to)
	held := map[journal.Position]store.StoredVersion{}
	var newest = map[stix.ID]stix.Instant{} // above the ceiling
	d.must(source.Snapshot(func(l *store.Snapshot) error {
		return l.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
			held[v.Position] = v
			if stix.TLP(v.Entry.TLP) > rule.MaxTLP && newest[v.ID].Compare(v.Instant) < 0 {
				newest[v.ID] = v.Instant
			}
			return true
		})
	}))
	originals, secrets := d.originals(from, to), append(slices.Clone(traces), observer.UUID())
	d.must(target.Entries(1, 1<<30, func(p journal.Position, e journal.Entry, _ []byte) bool {
		if e.Source.Collection != source.ID() || e.Kind != journal.Added {
			if e.Kind == journal.Withdrawn && e.Source.Collection == source.ID() {
				d.secret(when, fmt.Sprintf("entry %d of %s", p, to), e.Object+" "+e.Reason, append(secrets, originals...))
			}
			return true
		}
		d.secret(when, fmt.Sprintf("entry %d of %s", p, to), e.Object, append(secrets, originals...))
		original, _, err := source.Entry(e.Source.Position)
		d.must(err)
		id := stix.ID(original.Object)
		if known, seen := d.derived[from][id]; seen && string(known) != e.Object && stix.ID(e.Object).Type() == id.Type() {
			d.t.Errorf("%s: %s of %s was %s in %s, and is %s", when, id, from, known, to, e.Object)
		} else if stix.ID(e.Object).Type() == id.Type() && id.Type() != "identity" {
			d.derived[from][id] = stix.ID(e.Object)
		}
		return true
	}))
	d.must(target.Snapshot(func(l *store.Snapshot) error {
		return l.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
			if !slices.Contains(v.Sources, source.ID()) {
				return true
			}
			d.released++
			original, there := held[v.Entry.Source.Position]
			text, _, err := target.ObjectAt(v.Position)
			d.must(err)
			acting := v.ID.Type() == "identity" // in whose name copies go
			switch {
			case !ruled:
				d.t.Errorf("%s: %s is in %s, and %s releases nothing to it", when, v.ID, to, from)
			case acting:
			case !there:
				d.t.Errorf("%s: %s is in %s, and its original is not in %s", when, v.ID, to, from)
			case stix.TLP(original.Entry.TLP) > rule.MaxTLP || !original.Unversioned && original.Instant.Compare(newest[original.ID]) <= 0 && newest[original.ID] != (stix.Instant{}):
				d.t.Errorf("%s: %s is in %s above the ceiling", when, v.ID, to)
			}
			d.secret(when, "a copy in "+string(to), string(text), append(secrets, originals...))
			if strings.Contains(string(text), "x_case") {
				d.t.Errorf("%s: a copy in %s has what the release removes: %s", when, to, text)
			}
			return true
		})
	}))
}

// originals are the identifiers of the objects that an agreement ever had, but for those that came back to it from another one, and those
// of copies there, which members may have sent here.
func (d *secrecy) originals(name, back agreement.Name) (list []string) {
	from := d.col(back).ID()
	copies := map[string]bool{}
	for _, e := range d.entries(back) {
		if e.Kind != journal.Added || e.Source.Collection != d.col(name).ID() {
			continue
		}
		original, _, err := d.col(name).Entry(e.Source.Position)
		d.must(err)
		copies[e.Object] = copies[e.Object] || original.Object != e.Object
	}
	d.must(d.col(name).Entries(1, 1<<30, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		if id := stix.ID(e.Object); e.Kind == journal.Added && e.Source.Collection != from && !copies[e.Object] && id.Type() != "marking-definition" && !slices.Contains(list, id.UUID()) {
			list = append(list, id.UUID())
		}
		return true
	}))
	return list
}

func (d *secrecy) secret(when, where, text string, secrets []string) {
	lower := strings.ToLower(text)
	for _, s := range secrets {
		if strings.Contains(lower, s) {
			d.t.Errorf("%s: %s has %q: %s", when, where, s, text)
		}
	}
}

// judgeFeedback judges what has come back over a release: each once, of what is still there, about what the source has, and in the name
// that the terms say.
func (d *secrecy) judgeFeedback(when string, from, to agreement.Name) {
	source, target := d.col(from), d.col(to) // of the feedback
	rule, ruled := target.Agreement().ReleaseTo(from)
	held := map[string]bool{}
	d.must(source.Snapshot(func(l *store.Snapshot) error {
		return l.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
			held[versionOf(v.Entry)] = true
			return true
		})
	}))
	came := map[string]bool{}
	d.must(target.Snapshot(func(l *store.Snapshot) error {
		return l.Walk(nil, func(v store.StoredVersion, _ []byte) bool {
			if !slices.Contains(v.Sources, source.ID()) || v.ID.Type() == "identity" {
				return true
			}
			original, _, err := source.Entry(v.Entry.Source.Position)
			d.must(err)
			key := versionOf(original)
			text, _, err := target.ObjectAt(v.Position)
			d.must(err)
			switch {
			case !ruled || rule.Feedback == nil:
				d.t.Errorf("%s: %s has come back to %s, which takes no feedback", when, v.ID, to)
			case came[key]:
				d.t.Errorf("%s: %s of %s has come back twice", when, key, from)
			case !held[key]:
				d.t.Errorf("%s: %s has come back to %s, and %s has it no more", when, key, to, from)
			case !slices.Contains(rule.Feedback.Types, v.ID.Type()):
				d.t.Errorf("%s: %s has come back to %s", when, v.ID, to)
			}
			came[key] = true
			d.returned++
			if ruled && rule.Feedback != nil && rule.Feedback.As != agreement.FeedbackParty {
				d.secret(when, "feedback in "+string(to), string(text), []string{observer.UUID()})
			}
			for _, ref := range references(parse(d.t, string(text))) {
				if !l.Holds(ref) {
					d.t.Errorf("%s: feedback %s in %s is about %s, which is not there", when, v.ID, to, ref)
				}
			}
			return true
		})
	}))
}

// references are what a sighting, or a note, is about.
func references(o stix.Object) (ids []stix.ID) {
	t := o.Tree
	if i := t.Member(t.Root(), "sighting_of_ref"); i >= 0 {
		ids = append(ids, stix.ID(t.Str(i)))
	}
	for item := range t.Items(t.Member(t.Root(), "object_refs")) {
		ids = append(ids, stix.ID(t.Str(item)))
	}
	return ids
}

// Over time, with members that work against it on every side, with terms that change and crashes at any step: no copy and no entry names
// an author, identifiers stay what they were, what is withdrawn or deleted leaves every copy, and feedback comes back once.
func TestHiddenAuthorsStayHiddenOverTime(t *testing.T) {
	rounds := 14
	if testing.Short() {
		rounds = 8
	}
	returned := 0
	for seed := range seeds(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			d := newSecrecy(t, seed)
			for round := range rounds {
				for range 10 {
					d.act()
				}
				for range d.r.IntN(3) {
					d.crash()
				}
				d.settle()
				d.judge(fmt.Sprint("round ", round))
				entries := 0
				for _, name := range chain {
					entries += len(d.entries(name))
				}
				d.settle()
				for _, name := range chain {
					entries -= len(d.entries(name))
				}
				if entries != 0 {
					t.Errorf("round %d: it goes on by itself: %d entries", round, -entries)
				}
				if t.Failed() {
					return
				}
			}
			if d.released == 0 || d.crashes == 0 {
				t.Errorf("%d copies were judged after %d crashes", d.released, d.crashes)
			}
			returned += d.returned
		})
	}
	if returned == 0 && !t.Failed() {
		t.Error("no feedback came back")
	}
}
