package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
	"github.com/accord-taxii/accord/store"
)

// Options of Accept. Zero values are the defaults.
type Options struct {
	Now     time.Time    // the moment that terms are judged at and the result records; default the clock's
	Limits  ijson.Limits // of each object's text
	Refused func(Detail) // if set, called for each refused object, in order, once the outcome is durable

	// Turn, if set, waits for a turn to judge some objects, about a millisecond's work; done ends it. Without it, the
	// whole process judges as many at once as there are processors.
	Turn func(context.Context) (done func(), err error)

	// OnBehalf says that the caller's account is an operator's, who acts for the caller's party.
	OnBehalf bool

	// Address is where the caller's request comes from; "" if it comes from no network. See store.Batch.
	Address string

	// Unjudged skips rules and terms: everything that the store can keep passes. It lets internal/bench measure the cost
	// of judging; no server sets it.
	Unjudged bool
}

// NotJSONError reports that an object's text, and so the whole body, is not JSON.
type NotJSONError struct {
	Index  int    // of the object in the envelope, from 0
	Offset int    // bytes from the start of that object's text
	Reason string // what was found and what would be right
}

func (e *NotJSONError) Error() string {
	return fmt.Sprintf("objects/%d is not JSON: %s", e.Index, e.Reason)
}

// Accept adds the objects of one envelope to an agreement. Each of raws is one object's text; the caller may reuse it once
// Accept has returned without an error.
//
// The Result has the outcome of each object, in the order they came, and the store keeps it under its ID: see [Load].
// When Accept returns it, everything in it is durable. The objects are judged by the terms that are in force in the
// transaction, and the caller's right to add holds there. The errors are a *NotJSONError, after which nothing has changed,
// and those of store.Collection.Append.
func Accept(ctx context.Context, col *store.Collection, caller agreement.Caller, party agreement.Party, raws [][]byte, opts Options) (*Result, error) {
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	id, at := uuid.New(), opts.Now.UTC()
	for try := 1; ; try++ {
		result, err := attempt(ctx, col, caller, party, raws, opts, id, at)
		if errors.Is(err, store.ErrStale) && try < mostAttempts {
			continue
		}
		return result, err
	}
}

// mostAttempts is how often an envelope is judged because the terms changed between judging it and the transaction.
const mostAttempts = 4

// attempt judges an envelope by the terms in force and appends it, if they are still in force then: else store.ErrStale.
func attempt(ctx context.Context, col *store.Collection, caller agreement.Caller, party agreement.Party, raws [][]byte, opts Options, id uuid.UUID, at time.Time) (*Result, error) {
	terms, digest := col.Terms()
	j := judge{terms: terms, party: party, limits: opts.Limits, now: at, idle: opts.Unjudged, wait: opts.Turn, definitions: &definitions{col: col, party: party.Name}}
	verdicts, err := j.all(ctx, raws)
	if err != nil {
		return nil, err
	}
	j.resolve(verdicts)
	if err := j.definitions.err; err != nil {
		return nil, fmt.Errorf("read marking definitions: %w", err)
	}
	if err := j.onlyFeedback(col, caller, opts.OnBehalf, verdicts); err != nil {
		return nil, err
	}
	draft := draftOf(id, at, verdicts)
	kept := draft.shortened()
	text, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("write status: %w", err)
	}
	batch := store.Batch{
		Actor:  store.Actor{Account: caller.Account, Party: caller.Party},
		Terms:  digest,
		Status: &store.StatusDraft{ID: id, Text: text, Counted: kept.Left != nil && kept.Left.Passed > 0},

		OnBehalf: opts.OnBehalf, Address: opts.Address,
	}
	if terms.Accept.KeepRefusedDays > 0 {
		batch.Refused = &store.RefusalDraft{Objects: refusedOf(raws, verdicts)}
	}
	for i := range verdicts {
		if v := &verdicts[i]; v.passed {
			batch.Changes = append(batch.Changes, store.Change{Add: &store.Addition{
				Object: v.object, TLP: v.tlp, Warnings: v.warnings,
			}})
		}
	}
	appended, err := col.Append(ctx, batch)
	if err != nil {
		// The trees are not reused: a writer may still read them.
		return nil, fmt.Errorf("add %d objects: %w", len(batch.Changes), err)
	}
	outcomes, err := hide(col, caller.Party, appended.Outcomes)
	if err != nil {
		return nil, err
	}
	for i := range verdicts {
		releaseTree(verdicts[i].object.Tree)
	}
	result := finish(kept, outcomes, nil)
	result.Place = appended.Place
	if opts.Refused != nil {
		if kept != draft {
			finish(draft, outcomes, nil)
		}
		for _, d := range draft.Details {
			if d.Outcome == Refused {
				opts.Refused(d)
			}
		}
	}
	result.bound()
	return result, nil
}

// verdict is the judgement of one object before it is appended.
type verdict struct {
	object   stix.Object
	passed   bool
	id       string // as the sender wrote it, or a placeholder
	tlp      stix.TLP
	warnings []string // ids of rules, sorted, each once
	message  string   // the findings
	rule     string   // of the first finding that refuses
	dropped  int      // bytes of the message, when it is not kept

	found   []validate.Finding // of validation; kept while missing is not empty
	missing []stix.ID          // markings whose definition is not at hand
}

// judge checks objects against the Standard and one agreement's terms at one moment.
type judge struct {
	terms  *agreement.Agreement
	party  agreement.Party
	limits ijson.Limits
	now    time.Time
	idle   bool // see Options.Unjudged
	wait   func(context.Context) (done func(), err error)

	definitions *definitions

	messages atomic.Int64 // bytes of the messages of refused objects that are kept
}

// forget drops what a refused object takes beside its place in the result: a small body can have a hundred thousand of
// them. Messages beyond MostDetails are not kept, because the result will leave them out.
func (j *judge) forget(v *verdict) {
	if v.passed || len(v.missing) > 0 {
		return
	}
	releaseTree(v.object.Tree)
	v.object = stix.Object{Version: v.object.Version}
	if n := len(v.message); j.messages.Add(int64(n)) > MostDetails {
		v.message, v.dropped = "", n
	}
}

// one judges one object. The verdict's object refers to tree.
func (j *judge) one(index int, raw []byte, tree *ijson.Tree) (verdict, error) {
	if j.idle {
		return j.pass(index, raw, tree)
	}
	object, findings := validate.Parse(raw, tree, j.limits)
	if refused(findings) {
		if err := notJSON(index, raw, tree, j.limits); err != nil {
			return verdict{}, err
		}
		object = stix.Object{Tree: tree}
		return verdict{object: object, id: placeholderID, message: messageOf(findings), rule: refusing(findings)}, nil
	}
	v := verdict{object: object, id: idOf(object)}
	v.found = append(findings, validate.Object(object, validate.Options{SpecVersions: j.terms.Accept.SpecVersions})...)
	j.checkTerms(&v)
	return v, nil
}

// checkTerms checks a validated object against the terms.
func (j *judge) checkTerms(v *verdict) {
	found, tolerated := j.tolerate(v.found)
	accepted := j.terms.Accepts(v.object, j.party, found, j.definitions.of, j.now)
	findings := append(slices.Clip(found), accepted.Findings...)
	v.message, v.rule, v.missing = join(messageOf(findings), toleratedText(tolerated)), refusing(findings), accepted.Missing
	v.passed = !refused(findings)
	if v.passed {
		if why := unkeepable(v.object); why != "" {
			v.passed, v.message = false, why
		}
	}
	if v.passed {
		v.tlp, v.warnings = accepted.Level, warningsOf(findings, tolerated)
	}
	if len(v.missing) == 0 {
		v.found = nil
	}
}

// pass is like one without rules and terms.
func (j *judge) pass(index int, raw []byte, tree *ijson.Tree) (verdict, error) {
	if err := tree.Parse(raw, j.limits); err != nil {
		return verdict{}, &NotJSONError{Index: index, Reason: err.Error()}
	}
	object := stix.FromTree(tree)
	why := unkeepable(object)
	return verdict{object: object, id: idOf(object), message: why, passed: why == ""}, nil
}

// unkeepable says why the store cannot keep an object that passed rules and terms. Appending it would fail the whole
// envelope.
func unkeepable(o stix.Object) string {
	switch {
	case o.ID == "":
		return "the object has no well-formed id, expected object-type--UUID"
	case len(o.Version) > store.MaxVersionText:
		return fmt.Sprintf("the object's version has %d characters, at most %d are kept", len(o.Version), store.MaxVersionText)
	case o.SpecVersion != "2.0" && o.SpecVersion != "2.1":
		return fmt.Sprintf("the object's spec_version is %q, only 2.0 and 2.1 are kept", o.SpecVersion)
	}
	return ""
}

// notJSON returns an error for text that is not JSON, and nil for JSON that is refused (duplicate names, depth).
func notJSON(index int, raw []byte, tree *ijson.Tree, limits ijson.Limits) error {
	err, ok := tree.Parse(raw, limits).(*ijson.Error)
	if ok && err.Code == ijson.TooLarge && !json.Valid(raw) {
		return &NotJSONError{Index: index, Reason: "it is not JSON"}
	}
	if !ok || !err.Code.Malformed() {
		return nil
	}
	return &NotJSONError{Index: index, Offset: err.Offset, Reason: err.Error()}
}

// placeholderID stands for an object without a usable identifier: TAXII 2.1, section 4.3.1, requires one (T-050).
const placeholderID = "unidentified--00000000-0000-4000-8000-000000000000"

// longestID bounds how much of a broken identifier is repeated to its sender.
const longestID = 300

// idOf returns the identifier as the sender wrote it, malformed or not, so that the sender can find the object.
func idOf(o stix.Object) string {
	t := o.Tree
	if id := t.Str(t.Member(t.Root(), "id")); id != "" && len(id) <= longestID {
		return id
	}
	return placeholderID
}

func refused(findings []validate.Finding) bool {
	return slices.ContainsFunc(findings, func(f validate.Finding) bool { return f.Severity == validate.Error })
}

// refusing returns the rule of the first finding that refuses an object, or "".
func refusing(findings []validate.Finding) string {
	for _, f := range findings {
		if f.Severity == validate.Error {
			return f.Rule
		}
	}
	return ""
}

// tolerate divides validation's findings into those that count and those that the agreement tolerates.
func (j *judge) tolerate(found []validate.Finding) (counts, tolerated []validate.Finding) {
	if len(j.terms.Accept.Tolerate) == 0 {
		return found, nil
	}
	for _, f := range found {
		if f.Severity == validate.Error && j.terms.Accept.Tolerates(f.Rule) {
			tolerated = append(tolerated, f)
		} else {
			counts = append(counts, f)
		}
	}
	return counts, tolerated
}

// toleratedText writes what was tolerated for the sender.
func toleratedText(findings []validate.Finding) string {
	if len(findings) == 0 {
		return ""
	}
	return "tolerated by the agreement: " + messageOf(findings)
}

func warningsOf(findings, tolerated []validate.Finding) []string {
	var ids []string
	for _, f := range findings {
		ids = append(ids, f.Rule)
	}
	for _, f := range tolerated {
		ids = append(ids, agreement.Tolerated(f.Rule))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
