package ingest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix/validate"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Outcome is the outcome of one object.
type Outcome string

// The outcomes.
const (
	Added     Outcome = "added"     // stored
	Already   Outcome = "already"   // this version exists with the same content: a success that changed nothing
	Corrected Outcome = "corrected" // stored in place of the earlier text of this version
	Refused   Outcome = "refused"   // not stored; the message has the reason
)

// Detail is the outcome of one object of a submission.
type Detail struct {
	ID      string  `json:"id"`      // the STIX identifier as the sender wrote it, or a placeholder
	Version string  `json:"version"` // as TAXII states it (TAXII 2.1, section 4.3.1)
	Outcome Outcome `json:"outcome"`
	Message string  `json:"message,omitempty"`
	Rule    string  `json:"rule,omitempty"` // of the first finding that refuses it, if a rule did

	Dropped int `json:"dropped,omitempty"` // bytes of a message that was not kept, for there were too many
}

// Result is the outcome of a submission. It is complete from the start: Accord answers when everything is durable.
type Result struct {
	ID uuid.UUID `json:"id"` // of the status resource, a version 4 UUID
	At time.Time `json:"at"` // when the submission came
	Counts
	Details []Detail `json:"details"` // of a large submission, see MostDetails

	Left *leftOut `json:"left,omitempty"` // of a draft

	Place uint64 `json:"-"` // in the log of a cluster, of what was added
}

// leftOut is what a draft has numbers of instead of details.
type leftOut struct {
	Passed  int            `json:"passed,omitempty"`  // objects that await the store's outcomes; then none of the details does
	Refused map[string]int `json:"refused,omitempty"` // by rule

	taken int // of Passed, by the store
}

// Counts are the numbers of a result. They are exact, whatever Details has left.
type Counts struct {
	Successes int         `json:"successes"`
	Failures  int         `json:"failures"`
	Rules     []RuleCount `json:"rules,omitempty"` // of the failures, by rule; only when their details were left out
}

// RuleCount is how many objects a rule refused; "" is for those that no rule did.
type RuleCount struct {
	Rule  string `json:"rule"`
	Count int    `json:"count"`
}

// MostDetails bounds the details of the successes, and those of the failures, in bytes of JSON. Clients refuse a list that
// is shorter than its count, so a list beyond it is left out whole; that of failures is summed up by rule instead.
const MostDetails = 3 << 20

// bound counts the details, and leaves out the lists that are beyond MostDetails. Call it once.
func (r *Result) bound() {
	var size [2]int // of the successes, of the failures
	rules := map[string]int{}
	if left := r.Left; left != nil {
		r.Left = nil
		if r.Successes = left.taken; left.taken > 0 {
			size[0] = MostDetails + 1
		}
		for rule, count := range left.Refused {
			rules[rule] = count
			r.Failures += count
			size[1] = MostDetails + 1
		}
	}
	for i := range r.Details {
		d := &r.Details[i]
		if d.Outcome == Refused {
			r.Failures++
			rules[d.Rule]++
			size[1] += d.size()
			continue
		}
		r.Successes++
		size[0] += d.size()
	}
	if size[0] <= MostDetails && size[1] <= MostDetails {
		return
	}
	var kept []Detail
	for _, d := range r.Details {
		if failed := d.Outcome == Refused; failed && size[1] <= MostDetails || !failed && size[0] <= MostDetails {
			kept = append(kept, d)
		}
	}
	r.Details = kept
	if size[1] > MostDetails {
		for rule, count := range rules {
			r.Rules = append(r.Rules, RuleCount{rule, count})
		}
		slices.SortFunc(r.Rules, func(a, b RuleCount) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Rule, b.Rule)) })
	}
}

// size is about what a detail takes as JSON, at least.
func (d *Detail) size() int {
	const frame = len(`{"id":"","version":"","outcome":"corrected","message":"","rule":""},`)
	return frame + jsonSize(d.ID) + jsonSize(d.Version) + jsonSize(d.Message) + len(d.Rule) + d.Dropped
}

// jsonSize is how many bytes a text takes as JSON.
func jsonSize(s string) int {
	n := len(s)
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= 0x80 {
			n += 5
		}
	}
	return n
}

// Lifetime is how long a result can be read back.
const Lifetime = store.StatusLifetime

// Load reads a result and its submitter. ok is false if the store has none under the id.
func Load(col *store.Collection, id uuid.UUID) (r *Result, by store.Actor, ok bool, err error) {
	kept, ok, err := col.Status(id)
	if err != nil || !ok {
		return nil, store.Actor{}, false, err
	}
	outcomes, by := kept.Outcomes, kept.By
	draft := new(Result)
	if err := json.Unmarshal(kept.Draft, draft); err != nil {
		return nil, store.Actor{}, false, fmt.Errorf("read status %s: %w", id, err)
	}
	if kept.Counts == nil && pending(draft) > len(outcomes) {
		return nil, store.Actor{}, false, fmt.Errorf("read status %s: it has %d outcomes, expected %d", id, len(outcomes), pending(draft))
	}
	if outcomes, err = hide(col, by.Party, outcomes); err != nil {
		return nil, store.Actor{}, false, err
	}
	r = finish(draft, outcomes, kept.Counts)
	if r.Successes+r.Failures == 0 { // else it was kept, finished and bounded, before statuses were drafts
		r.bound()
	}
	return r, by, true, nil
}

// draftOf is a result as it is before the store has taken the objects that passed: these have no outcome yet.
func draftOf(id uuid.UUID, at time.Time, verdicts []verdict) *Result {
	r := &Result{ID: id, At: at, Details: make([]Detail, len(verdicts))}
	for i := range verdicts {
		v := &verdicts[i]
		r.Details[i] = Detail{ID: v.id, Version: v.object.Version, Message: v.message, Rule: v.rule, Dropped: v.dropped}
		if !v.passed {
			r.Details[i].Outcome = Refused
		}
	}
	return r
}

// mostPassed bounds the details of the objects that passed, in a draft. It is more than MostDetails, for the store may refuse
// some of them.
const mostPassed = MostDetails + MostDetails/2

// shortened is a draft as it is kept: less than 8 MiB of JSON, whatever came.
func (r *Result) shortened() *Result {
	var passed, refused int
	left := &leftOut{Refused: map[string]int{}}
	for i := range r.Details {
		d := &r.Details[i]
		if d.Outcome == Refused {
			refused += d.size()
			left.Refused[d.Rule]++
		} else {
			passed += d.size()
			left.Passed++
		}
	}
	if passed <= mostPassed && refused <= MostDetails {
		return r
	}
	short := &Result{ID: r.ID, At: r.At, Left: left}
	for _, d := range r.Details {
		if failed := d.Outcome == Refused; failed && refused <= MostDetails || !failed && passed <= mostPassed {
			short.Details = append(short.Details, d)
		}
	}
	if refused <= MostDetails {
		left.Refused = nil
	}
	if passed <= mostPassed {
		left.Passed = 0
	}
	return short
}

func pending(draft *Result) (n int) {
	if draft.Left != nil {
		n = draft.Left.Passed
	}
	for i := range draft.Details {
		if draft.Details[i].Outcome == "" {
			n++
		}
	}
	return n
}

// finish fills a draft in with the store's outcomes of the objects that passed, in order, or with how many there are of each kind.
func finish(r *Result, outcomes []store.Outcome, counts map[store.OutcomeKind]uint64) *Result {
	next, now := 0, stamp(r.At)
	if left := r.Left; left != nil {
		count := func(o store.Outcome, n int) {
			switch {
			case n == 0:
			case withOutcome(Detail{}, o).Outcome != Refused:
				left.taken += n
			default:
				if left.Refused == nil {
					left.Refused = map[string]int{}
				}
				left.Refused[""] += n
			}
		}
		for kind, n := range counts {
			count(store.Outcome{Kind: kind}, int(n))
		}
		for ; counts == nil && next < left.Passed; next++ {
			count(outcomes[next], 1)
		}
	}
	for i := range r.Details {
		d := &r.Details[i]
		if d.Outcome == "" {
			*d = withOutcome(*d, outcomes[next])
			next++
		}
		if d.Version == "" {
			d.Version = now // it has none; TAXII 2.1, section 4.3.1, requires one
		}
	}
	return r
}

// hide takes from the outcomes what tells a party that neither reads nor audits about objects that others have added: that and
// when they did. What was already present is then like what was added.
func hide(col *store.Collection, party agreement.PartyName, outcomes []store.Outcome) ([]store.Outcome, error) {
	member, _ := col.Agreement().Member(party)
	if party == "" || slices.Contains(member.Roles, agreement.Consumer) || slices.Contains(member.Roles, agreement.Auditor) {
		return outcomes, nil
	}
	shown := slices.Clone(outcomes)
	for i := range shown {
		o := &shown[i]
		if o.Kind != store.Already && o.Kind != store.Conflict {
			continue
		}
		e, _, err := col.Entry(o.Position)
		if err != nil {
			return nil, err
		}
		if e.Party == string(party) {
			continue
		}
		o.At = time.Time{}
		if o.Kind == store.Already {
			o.Version = "" // of an object without versions, the time
		}
	}
	return shown, nil
}

// withOutcome adds the store's outcome to a detail.
func withOutcome(d Detail, o store.Outcome) Detail {
	if d.Version == "" { // an unversioned object counts by when it was added
		d.Version = o.Version
	}
	d.Outcome = Refused
	switch o.Kind {
	case store.Added:
		d.Outcome = Added
	case store.Already:
		d.Outcome = Already
		if o.At.IsZero() {
			break // see hide
		}
		d.Message = join("already present, added "+stamp(o.At), d.Message)
	case store.Corrected:
		d.Outcome = Corrected
		d.Message = join("corrected: this text replaces the one that was stored under this version", d.Message)
	case store.Conflict:
		added := ""
		if !o.At.IsZero() {
			added = ", added " + stamp(o.At)
		}
		d.Message = fmt.Sprintf("version %s of this object is stored with other content%s; the stored one stays. "+
			"A change needs a later `modified`", o.Version, added)
	case store.NotOwner:
		d.Message = "this object belongs to another party or a release in this agreement: only its owner adds versions, revokes it or changes its markings"
	case store.NotCreator:
		d.Message = "created_by_ref is the identity of another party of this agreement, and only that party may add it (accept.relay)"
	case store.Barred:
		d.Message = "an operator has removed this version for good"
	default:
		d.Message = "the store did not take this object"
	}
	return d
}

// messageOf writes findings for the sender: rule, path and sentence of each.
func messageOf(findings []validate.Finding) string {
	var b strings.Builder
	for i, f := range findings {
		if i > 0 {
			b.WriteString("; ")
		}
		if f.Severity == validate.Warning {
			b.WriteString("warning ")
		}
		b.WriteString(f.Rule)
		if f.Path != "" {
			b.WriteString(" at ")
			b.WriteString(clipped(f.Path, mostPath))
		}
		b.WriteString(": ")
		b.WriteString(clipped(f.Message, mostSentence))
	}
	return b.String()
}

// Bounds on what a finding quotes of an object, such as property names, which can be as long as the object.
const (
	mostPath     = 300 // bytes
	mostSentence = 1000
)

// clipped returns text or, if it is longer than most bytes, its beginning and end.
func clipped(text string, most int) string {
	if len(text) <= most {
		return text
	}
	head, tail := text[:most*2/3], text[len(text)-most/3:]
	return strings.ToValidUTF8(head, "") + "…" + strings.ToValidUTF8(tail, "")
}

func join(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + "; " + second
}

// stamp writes a moment as a TAXII timestamp (TAXII 2.1, section 2).
func stamp(t time.Time) string { return t.UTC().Format(journal.TimeFormat) }
