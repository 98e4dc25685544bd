package follow_test

import (
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// A member that adds a marking definition under an id before its author does chooses no meaning for others: a definition counts
// for what its own party adds, and for what is sent together with the same text.
func TestADefinitionThatAStrangerAddedFirstDoesNotCount(t *testing.T) {
	marked := object("campaign", "a", 1, licence)
	stranger := func(texts ...string) step {
		return func(x *exchange) { x.addAs("source", agency.Name, texts...) }
	}
	for _, row := range []releaseCase{
		{name: "the stranger came first", steps: []step{stranger(statement(licence, "licence")), adds(marked)}, want: "licence"},
		{name: "the object came first", steps: []step{adds(marked), stranger(statement(licence, "licence"))}, want: "licence"},
		{name: "the author came first", steps: []step{adds(statement(licence, "licence")), adds(marked)}, want: "a@1 licence"},
		{name: "the sender means the same", steps: []step{stranger(statement(licence, "licence")), adds(statement(licence, "licence"), marked)}, want: "a@1 licence"},
		{name: "what was meant is replaced", steps: []step{stranger(statement(licence, "licence")), adds(statement(licence, "licence"), marked),
			func(x *exchange) { x.deleteAs("source", agency.Name, licence) }, stranger(statement(licence, "other"))}, taken: 2},
	} {
		row.rule = agreement.Release{MaxTLP: stix.Green}
		row.run(t)
	}
}

// The same holds under a ceiling of the agreement itself.
func TestADefinitionThatAStrangerAddedFirstOpensNoAgreement(t *testing.T) {
	x := open(t, t.TempDir())
	x.agreement("source", func(a *agreement.Agreement) { a.Accept.MaxTLP = stix.Green })
	x.addAs("source", agency.Name, statement(licence, "licence"))
	accept := func(texts ...string) (list []string) {
		var raws [][]byte
		for _, text := range texts {
			raws = append(raws, []byte(text))
		}
		r, err := ingest.Accept(t.Context(), x.col("source"), agreement.Caller{Account: "push", Party: vendor.Name}, vendor, raws, ingest.Options{Now: x.now})
		x.must(err)
		for _, d := range r.Details {
			list = append(list, map[bool]string{true: "refused", false: "in"}[d.Outcome == ingest.Refused])
		}
		return list
	}
	marked := object("campaign", "a", 1, licence)
	for _, row := range []struct {
		name  string
		texts []string
		want  string
	}{
		{"alone", []string{marked}, "refused"},
		{"with another text", []string{statement(licence, "secret"), marked}, "refused refused"},
		{"with the same text", []string{marked, statement(licence, "licence")}, "in in"},
	} {
		if got := strings.Join(accept(row.texts...), " "); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

// Nor does a member of the target open its agreement to what a release brings.
func TestADefinitionOfTheTargetDoesNotCountForARelease(t *testing.T) {
	for name, row := range map[string]struct {
		there string
		want  string
	}{
		"another text":  {"licence", "licence"},
		"the same text": {"secret", "secret"}, // which is not understood either
		"no text":       {"", "secret"},
	} {
		x := open(t, t.TempDir())
		x.agreement("source", releaseTo("target", 0))
		x.agreement("target", func(a *agreement.Agreement) { a.Accept.MaxTLP = stix.Green })
		if row.there != "" {
			x.addAs("target", agency.Name, statement(classified, row.there))
		}
		x.add("source", statement(classified, "secret"), object("campaign", "a", 1, classified))
		x.settle()
		if got := strings.Join(x.holds("target"), " "); got != row.want {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}

// Content of an object without versions that a member of the target added first is the last for readers. The released one lies
// beside it: a conflict, until an operator or the member takes the other back.
func TestContentThatAMemberAddedFirstIsAConflict(t *testing.T) {
	const id = "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd"
	address := func(note string) string {
		return `{"type":"ipv4-addr","spec_version":"2.1","id":"` + id + `","value":"198.51.100.3"` + note + `}`
	}
	own, poison := address(""), address(`,"x_note":"poison"`)
	x := openTwo(t)
	conflicts := func(when string, want int) {
		t.Helper()
		lags, err := follow.LagsFrom(x.store, x.col("source"), x.now)
		x.must(err)
		if lags[0].Conflicts != want {
			t.Errorf("%s: got %d conflicts, want %d", when, lags[0].Conflicts, want)
		}
	}
	x.addAs("target", agency.Name, poison)
	x.addAs("source", vendor.Name, own)
	x.settle()
	conflicts("the member first", 1)
	if got, reasons := x.verdicts(); got != "conflict" || len(reasons) != 1 || !strings.Contains(reasons[0], "the party agency") {
		t.Errorf("preview: got %s, %q", got, reasons)
	}
	x.terms("source", "change", func(a *agreement.Agreement) { a.Release[0].Types = []string{"ipv4-addr"} }) // all is judged again
	x.settle()
	conflicts("judged again", 1)
	_, err := x.col("target").Append(t.Context(), store.Batch{Changes: []store.Change{{Remove: &store.Removal{
		ID: id, Versions: store.Versions{First: true}, Operator: true, Reason: "poison"}}}})
	x.must(err)
	x.settle()
	conflicts("removed", 0)
	page, err := x.col("target").Page(store.Query{Limit: 10}, nil)
	x.must(err)
	if got := string(page.Body); got != own {
		t.Errorf("the last is %s, want %s", got, own)
	}
	x.addAs("target", agency.Name, poison)
	x.settle()
	conflicts("the member second", 0)
}
