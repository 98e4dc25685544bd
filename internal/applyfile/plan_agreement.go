package applyfile

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// planAgreements compares the file's agreements with those that are, and then all of them as they will be with each
// other.
func (p *planner) planAgreements() {
	feedback := p.feedback()
	seen := make(map[string]int)
	var once []agreementEntry
	for _, e := range p.file.agreements {
		if e.Name == "" {
			continue
		}
		if p.once(seen, "the agreement", string(e.Name), e.marks.line("name")) {
			once = append(once, e)
		}
		if u, gone := p.unavailable[e.Name]; gone {
			p.add(e.line("name"), "the agreement %s cannot be opened: %v", e.Name, u.Reason)
			continue
		}
		p.credentials(e)
		p.agreement(e, feedback[e.Name])
		p.warnOfPush(e)
	}
	p.feedbackElsewhere(feedback)
	for _, e := range p.file.agreements {
		p.references(e)
	}
	for _, e := range once {
		p.uniqueInRoot(e)
	}
	p.loops()
}

// agreement makes the step of one agreement.
func (p *planner) agreement(e agreementEntry, feedback []string) {
	now, existed := p.before[e.Name]
	want := e.Canonical()
	want.Feedback = feedback
	if !existed {
		if want.Collection.ID == (uuid.UUID{}) {
			want.Collection.ID = uuid.New()
		}
		p.agreements[want.Name] = want
		p.step("agreement", string(want.Name), false, nil, func(st *Step) { st.Create = want })
		p.warnOfTitle(want)
		return
	}
	if id := want.Collection.ID; id != (uuid.UUID{}) && id != now.Collection.ID {
		p.add(e.line("collection.id"), "the agreement %s has the collection id %s, which never changes: write that or leave it out", e.Name, now.Collection.ID)
	}
	want.Collection.ID = now.Collection.ID
	want.Suspended, want.Terminated = now.Suspended, now.Terminated
	changes := agreementChanges(now.Canonical(), want)
	if now.Terminated != nil && len(changes) > 0 {
		p.add(e.line("name"), "the agreement %s is terminated and its terms change no more; the file would change %s", e.Name, strings.Join(changes, ", "))
	}
	if want.Public && !now.Public {
		p.onlyClear(e)
	}
	p.agreements[want.Name] = want
	p.step("agreement", string(want.Name), true, changes, func(st *Step) { st.Terms = want })
	p.differences(now, want)
	p.warnOfTitle(want)
}

// differences adds old and new values of the terms to the last step.
func (p *planner) differences(now, want *agreement.Agreement) {
	last := &p.steps[len(p.steps)-1]
	if last.Result != Changed {
		return
	}
	var err error
	if last.Line.Terms, err = termChanges(now, want); err != nil {
		p.add(0, "%v", err)
	}
}

// onlyClear refuses to make an agreement public whose objects are not all TLP:CLEAR.
func (p *planner) onlyClear(e agreementEntry) {
	col, ok := p.store.Collection(e.Name)
	if !ok {
		return
	}
	above := 0
	var failed error
	err := col.Entries(1, math.MaxInt, func(at journal.Position, entry journal.Entry, _ []byte) bool {
		if entry.Kind != journal.Added || stix.TLP(entry.TLP) == stix.Clear {
			return true
		}
		_, there, err := col.ObjectAt(at)
		if failed = err; there {
			above++
		}
		return failed == nil
	})
	switch err = errors.Join(err, failed); {
	case err != nil:
		p.add(e.line("public"), "the agreement %s cannot be made public: %v", e.Name, err)
	case above > 0:
		p.add(e.line("public"), "the agreement %s holds %d versions that are not known to be TLP:CLEAR; want them removed before it is made public", e.Name, above)
	}
}

// warnOfTitle adds to the last step what the agreement's title may break.
func (p *planner) warnOfTitle(want *agreement.Agreement) {
	p.steps[len(p.steps)-1].Warnings = titleWarnings(want.Title)
}

// agreementChanges names the terms that differ, as the apply file has them.
func agreementChanges(now, want *agreement.Agreement) (changes []string) {
	now = now.Canonical()
	add := func(prefix string, fields []string) {
		for _, f := range fields {
			changes = append(changes, prefix+f)
		}
	}
	plain := func(a *agreement.Agreement) any {
		return struct {
			Title       string `json:"title"`
			Description string `json:"description"`
			APIRoot     string `json:"api_root"`
			Public      bool   `json:"public"`
			Members     string `json:"members"`
			Origins     string `json:"origins"`
		}{a.Title, a.Description, a.APIRoot, a.Public, a.Members, a.Origins}
	}
	add("", differ(plain(now), plain(want)))
	add("collection.", differ(now.Collection, want.Collection))
	if !slices.EqualFunc(now.Parties, want.Parties, func(x, y agreement.Membership) bool {
		return x.Party == y.Party && slices.Equal(x.Roles, y.Roles) && x.Anonymous == y.Anonymous
	}) {
		changes = append(changes, "parties")
	}
	if !now.Term.From.Equal(want.Term.From) {
		changes = append(changes, "term.from")
	}
	if !now.Term.Until.Equal(want.Term.Until) {
		changes = append(changes, "term.until")
	}
	add("accept.", differ(now.Accept, want.Accept))
	if !slices.EqualFunc(now.Release, want.Release, agreement.Release.Equal) {
		changes = append(changes, "release")
	}
	if !reflect.DeepEqual(now.Wording, want.Wording) {
		changes = append(changes, "terms")
	}
	if !slices.Equal(now.Feedback, want.Feedback) {
		changes = append(changes, "feedback")
	}
	if !now.Push.Equal(want.Push) {
		changes = append(changes, "push")
	}
	if !now.Mirror.Equal(want.Mirror) {
		changes = append(changes, "mirror")
	}
	add("retention.", differ(now.Retention, want.Retention))
	return changes
}

// references reports the unknown names in an agreement of the file.
func (p *planner) references(e agreementEntry) {
	p.needRoot(e.line("api_root"), e.called()+" is in", e.APIRoot)
	for i, m := range e.Parties {
		p.needParty(e.line(fmt.Sprintf("parties[%d].party", i)), e.called()+" names", m.Party)
	}
	for i, r := range e.Release {
		to, known := p.agreements[r.To]
		_, gone := p.unavailable[r.To]
		if known {
			p.contradictions(e, i, r, to)
		}
		if known || gone || agreement.CheckName(string(r.To)) != nil {
			continue
		}
		var there []string
		for name := range p.agreements {
			if name != e.Name {
				there = append(there, string(name))
			}
		}
		p.add(e.line(fmt.Sprintf("release[%d].to", i)), "%s releases to %q, which is unknown; %s", e.called(), r.To, choice(there))
	}
}

// uniqueInRoot reports a title or an alias that is taken in the API root, and a collection id that is taken at all.
func (p *planner) uniqueInRoot(e agreementEntry) {
	a, ok := p.agreements[e.Name]
	if !ok {
		return
	}
	// By name, so that of several the same one is reported every time.
	for _, other := range sortedAgreements(p.agreements) {
		if other.Name == a.Name {
			continue
		}
		if other.Collection.ID == a.Collection.ID {
			p.add(e.line("collection.id"), "the collection id %s of the agreement %s is the agreement %s's; want another, or leave it out", a.Collection.ID, a.Name, other.Name)
		}
		if other.APIRoot != a.APIRoot {
			continue
		}
		if other.Title == a.Title {
			p.add(e.line("title"), "the title %q of the agreement %s is taken in the API root %s, by the agreement %s; want another", a.Title, a.Name, a.APIRoot, other.Name)
		}
		if a.Collection.Alias != "" && other.Collection.Alias == a.Collection.Alias {
			p.add(e.line("collection.alias"), "the alias %q of the agreement %s is taken in the API root %s, by the agreement %s; want another, or none", a.Collection.Alias, a.Name, a.APIRoot, other.Name)
		}
	}
	for _, u := range p.unavailable {
		if u.Collection == a.Collection.ID {
			p.add(e.line("collection.id"), "the collection id %s of the agreement %s is the agreement %s's; want another, or leave it out", a.Collection.ID, a.Name, u.Name)
		}
	}
}

func sortedAgreements(m map[agreement.Name]*agreement.Agreement) []*agreement.Agreement {
	list := make([]*agreement.Agreement, 0, len(m))
	for _, a := range m {
		list = append(list, a)
	}
	slices.SortFunc(list, func(x, y *agreement.Agreement) int { return cmp.Compare(x.Name, y.Name) })
	return list
}

// loops reports each loop of releases, of any length, that goes through an agreement of the file, once.
func (p *planner) loops() {
	reported := make(map[string]bool)
	for _, e := range p.file.agreements {
		for i, r := range e.Release {
			way := p.way(r.To, e.Name, make(map[agreement.Name]bool))
			if way == nil || r.To == e.Name { // a release to itself is reported already
				continue
			}
			key := loopKey(way)
			if reported[key] {
				continue
			}
			reported[key] = true
			text := string(e.Name)
			for _, name := range way {
				text += " -> " + string(name)
			}
			p.add(e.line(fmt.Sprintf("release[%d].to", i)), "releases go round in a loop: %s; want one of them left out", text)
		}
	}
}

// way returns a chain of releases from one agreement to another, both included; nil when there is none.
func (p *planner) way(from, to agreement.Name, seen map[agreement.Name]bool) []agreement.Name {
	if from == to {
		return []agreement.Name{to}
	}
	a, ok := p.agreements[from]
	if !ok || seen[from] {
		return nil
	}
	seen[from] = true
	for _, r := range a.Release {
		if rest := p.way(r.To, to, seen); rest != nil {
			return append([]agreement.Name{from}, rest...)
		}
	}
	return nil
}

// loopKey returns the same key for a loop, wherever it is entered.
func loopKey(way []agreement.Name) string {
	return fmt.Sprint(slices.Sorted(slices.Values(way)))
}
