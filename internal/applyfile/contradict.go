package applyfile

import (
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
)

// contradictions reports terms of a release by which nothing would ever go, because of the terms of its target.
func (p *planner) contradictions(e agreementEntry, i int, r agreement.Release, to *agreement.Agreement) {
	line := func(term string) int { return e.line(fmt.Sprintf("release[%d]%s", i, term)) }
	if r.Hides() && to.Accept.CreatedBy == agreement.CreatedByParty {
		p.add(line(".change.author"), "%s hides authors from %s, which takes only what the party itself created (accept.created_by): nothing would go", e.called(), r.To)
	}
	f := r.Feedback
	if f == nil {
		return
	}
	from := p.agreements[e.Name]
	if from == nil {
		return
	}
	rule, _ := r.FeedbackRule(e.Name)
	for _, typ := range rule.Types {
		for _, a := range []*agreement.Agreement{from, to} {
			if len(a.Accept.Types) > 0 && !slices.Contains(a.Accept.Types, typ) {
				p.add(line(".feedback"), "%s takes %s as feedback from %s, and the agreement %s takes no objects of that type (accept.types)", e.called(), typ, r.To, a.Name)
			}
		}
	}
	if from.Accept.CreatedBy == agreement.CreatedByParty && rule.Hides() {
		p.add(line(".feedback.as"), "%s takes only what the party itself created (accept.created_by), and feedback from %s would name no party: none would come back", e.called(), r.To)
	}
}

// feedback returns the types of feedback that consumers of each agreement may add, by the releases into it as they will be.
func (p *planner) feedback() map[agreement.Name][]string {
	types := make(map[agreement.Name][]string)
	see := func(releases []agreement.Release) {
		for _, r := range releases {
			if rule, ok := r.FeedbackRule(""); ok {
				types[r.To] = append(types[r.To], rule.Types...)
			}
		}
	}
	written := make(map[agreement.Name]bool)
	for _, e := range p.file.agreements {
		written[e.Name] = true
		see(e.Release)
	}
	for name, a := range p.before {
		if !written[name] && a.Terminated == nil {
			see(a.Release)
		}
	}
	for name := range types {
		slices.Sort(types[name])
		types[name] = slices.Compact(types[name])
	}
	return types
}

// feedbackElsewhere changes the terms of agreements that the file does not have, and whose feedback follows from it.
func (p *planner) feedbackElsewhere(types map[agreement.Name][]string) {
	for _, now := range sortedAgreements(p.before) {
		written := slices.ContainsFunc(p.file.agreements, func(e agreementEntry) bool { return e.Name == now.Name })
		if written || now.Terminated != nil || slices.Equal(now.Feedback, types[now.Name]) {
			continue
		}
		want := now.Clone()
		want.Feedback = types[now.Name]
		want = want.Canonical()
		p.agreements[want.Name] = want
		p.step("agreement", string(want.Name), true, []string{"feedback"}, func(st *Step) { st.Terms = want })
		p.differences(now, want)
	}
}
