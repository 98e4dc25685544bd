package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

var (
	caller = agreement.Caller{Account: "vendor", Party: "vendor"}
	party  = agreement.Party{Name: "vendor", Title: "vendor"}
)

func accept(t *testing.T, col *store.Collection, opts ingest.Options, raws ...[]byte) *ingest.Result {
	t.Helper()
	return acceptFrom(t, col, "vendor", opts, raws...)
}

func acceptFrom(t *testing.T, col *store.Collection, name agreement.PartyName, opts ingest.Options, raws ...[]byte) *ingest.Result {
	t.Helper()
	caller, party := agreement.Caller{Account: agreement.AccountName(name), Party: name}, agreement.Party{Name: name, Title: string(name)}
	r, err := ingest.Accept(t.Context(), col, caller, party, raws, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// However many work on an envelope, what is said of its objects stands in their order, and is kept (T-050).
func TestDetailsStandInTheOrderOfTheObjects(t *testing.T) {
	col := accordtest.New(t).Collection("gsp")
	var raws [][]byte
	for n := range 500 {
		object := accordtest.Indicator(n, 0)
		if n%7 == 3 {
			object = fmt.Appendf(nil, `{"type":"tool","spec_version":"2.1","id":"tool--broken-%d","name":"x"}`, n)
		}
		raws = append(raws, object)
	}
	var told []ingest.Detail
	commits := col.Commits()
	r := accept(t, col, ingest.Options{Refused: func(d ingest.Detail) { told = append(told, d) }}, raws...)
	if got := col.Commits() - commits; got != 1 {
		t.Errorf("got %d transactions, want 1", got)
	}
	for n, d := range r.Details {
		id, outcome := accordtest.IndicatorID(n), ingest.Added
		if n%7 == 3 {
			id, outcome = fmt.Sprintf("tool--broken-%d", n), ingest.Refused
		}
		if d.ID != id || d.Outcome != outcome || d.Version == "" || (d.Message == "") == (outcome == ingest.Refused) {
			t.Fatalf("object %d: got %+v, want %s %s", n, d, id, outcome)
		}
	}
	refused := slices.DeleteFunc(slices.Clone(r.Details), func(d ingest.Detail) bool { return d.Outcome != ingest.Refused })
	if !slices.Equal(told, refused) || len(told) != 71 {
		t.Errorf("Refused was told of %d, want the %d that were refused", len(told), len(refused))
	}
	kept, by, ok, err := ingest.Load(col, r.ID)
	if err != nil || !ok || by != (store.Actor{Account: "vendor", Party: "vendor"}) {
		t.Fatalf("load: got %v, %v, %v", by, ok, err)
	}
	if !kept.At.Equal(r.At) || kept.ID != r.ID || !reflect.DeepEqual(kept.Details, r.Details) {
		t.Errorf("what is kept differs from what was returned")
	}
	if _, _, ok, err := ingest.Load(col, uuid.New()); ok || err != nil {
		t.Errorf("an unknown status: got %v, %v", ok, err)
	}
}

// An object that is refused because its version is stored goes by its own version, as its sender spelled it (T-050, T-065).
func TestARefusedVersionIsSpelledAsItWasSent(t *testing.T) {
	col := accordtest.New(t).Collection("gsp")
	stored := accordtest.Indicator(1, 0)
	version := accept(t, col, ingest.Options{}, stored).Details[0].Version
	longer := strings.TrimSuffix(version, "Z") + "000Z"
	r := accept(t, col, ingest.Options{}, bytes.Replace(bytes.ReplaceAll(stored, []byte(version), []byte(longer)), []byte(`"name":"`), []byte(`"name":"x`), 1))
	if d := r.Details[0]; d.Outcome != ingest.Refused || d.Version != longer || !strings.Contains(d.Message, version+" of this object is stored") {
		t.Errorf("got %+v, want version %s refused because %s is stored", d, longer, version)
	}
}

// Text that is no JSON refuses the whole body, names its object, and changes nothing (T-107).
func TestTextThatIsNoJSONRefusesAll(t *testing.T) {
	col := accordtest.New(t).Collection("gsp")
	raws := accordtest.Indicators(0, 200)
	raws[150] = []byte(`{"type":"tool",}`)
	before, _, _ := col.Head()
	_, err := ingest.Accept(t.Context(), col, caller, party, raws, ingest.Options{})
	var e *ingest.NotJSONError
	if !errors.As(err, &e) || e.Index != 150 || e.Offset != 15 {
		t.Errorf("got %v, want object 150, byte 15", err)
	}
	if after, _, _ := col.Head(); after != before {
		t.Errorf("the journal grew from %d to %d", before, after)
	}
}

// Nothing that passes is still a submission with a status.
func TestAllRefused(t *testing.T) {
	col := accordtest.New(t).Collection("gsp")
	r := accept(t, col, ingest.Options{}, []byte(`{}`), []byte(`{"type":"tool","type":"tool"}`), []byte(`{"id":"`+strings.Repeat("x", 1000)+`"}`))
	if _, _, ok, err := ingest.Load(col, r.ID); !ok || err != nil {
		t.Errorf("the status is not kept: %v", err)
	}
	for i, d := range r.Details {
		if _, err := stix.ParseID(d.ID); err != nil || d.Outcome != ingest.Refused || d.Message == "" {
			t.Errorf("object %d: got %+v, want a refusal with a placeholder for its id", i, d)
		}
	}
}

// What the rules let pass but the store cannot keep fails alone, too.
func TestWhatCannotBeKeptFailsAlone(t *testing.T) {
	col := accordtest.New(t).Collection("circle")
	long := []byte(strings.Replace(string(accordtest.Tool(1, 0)), `"modified":"2024-03-01T12:00:00.000Z"`,
		`"modified":"2024-03-01T12:00:00.`+strings.Repeat("1", 400)+`Z"`, 1))
	future := []byte(strings.Replace(string(accordtest.Tool(2, 0)), `"spec_version":"2.1"`, `"spec_version":"3.0"`, 1))
	r := acceptFrom(t, col, "agency", ingest.Options{}, long, future, accordtest.Tool(3, 0))
	for i, want := range []ingest.Outcome{ingest.Refused, ingest.Refused, ingest.Added} {
		if r.Details[i].Outcome != want {
			t.Errorf("object %d: got %+v, want %s", i, r.Details[i], want)
		}
	}
}

// A caller who has gone before anything was written leaves nothing.
func TestACallerWhoHasGone(t *testing.T) {
	col := accordtest.New(t).Collection("gsp")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before, _, _ := col.Head()
	if _, err := ingest.Accept(ctx, col, caller, party, accordtest.Indicators(0, 3), ingest.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if after, _, _ := col.Head(); after != before {
		t.Errorf("the journal grew from %d to %d", before, after)
	}
}

// The journal records the marking that counts, what was warned of, and whose request it was.
func TestWhatTheJournalRecords(t *testing.T) {
	s := accordtest.New(t)
	col := s.Collection("gsp")
	s.Change("gsp", "change", func(a *agreement.Agreement) { a.Accept.DefaultTLP, a.Accept.MaxTLP = stix.Green, stix.Amber })
	marked := func(n int, marking stix.ID) []byte {
		return []byte(strings.Replace(string(accordtest.Tool(n, 0)), `"name"`, `"object_marking_refs":["`+string(marking)+`"],"name"`, 1))
	}
	r := accept(t, col, ingest.Options{}, accordtest.Tool(1, 0), marked(2, stix.TLP1Amber), marked(3, stix.TLP2Red),
		marked(4, "marking-definition--7d3f9c2a-51b4-4e08-9a6d-00000000000f"))
	if d := r.Details[2]; d.Outcome != ingest.Refused || !strings.Contains(d.Message, "A-003") {
		t.Errorf("above the ceiling: got %+v, want a refusal by A-003", d)
	}
	if d := r.Details[3]; d.Outcome != ingest.Refused || !strings.Contains(d.Message, "its definition is not here") {
		t.Errorf("an unknown marking under a ceiling: got %+v, want a refusal", d)
	}
	s.Change("gsp", "change", func(a *agreement.Agreement) { a.Accept.MaxTLP = 0 })
	r = accept(t, col, ingest.Options{}, marked(4, "marking-definition--7d3f9c2a-51b4-4e08-9a6d-00000000000f"))
	if d := r.Details[0]; d.Outcome != ingest.Added || !strings.Contains(d.Message, "warning A-007") {
		t.Errorf("an unknown marking: got %+v, want success with a warning", d)
	}
	var got []string
	err := col.Entries(3, 10, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		if e.Kind != journal.Added {
			return true
		}
		if e.Account != "vendor" || e.Party != "vendor" {
			t.Errorf("got %+v, want the submission's account", e)
		}
		got = append(got, fmt.Sprint(e.Object[len(e.Object)-1:], " ", stix.TLP(e.TLP), " ", slices.Contains(e.Warnings, "A-007")))
		return true
	})
	want := []string{"1 green false", "2 amber false", "4 green true"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func BenchmarkAccept(b *testing.B) {
	col := accordtest.New(b).Collection("gsp")
	n := 0
	for b.Loop() {
		if _, err := ingest.Accept(b.Context(), col, caller, party, accordtest.Indicators(n, n+100), ingest.Options{}); err != nil {
			b.Fatal(err)
		}
		n += 100
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "objects/s")
}

// BenchmarkAcceptUnjudged is BenchmarkAccept without the rules and the terms: the difference is what they cost.
func BenchmarkAcceptUnjudged(b *testing.B) {
	col := accordtest.New(b).Collection("gsp")
	n := 0
	for b.Loop() {
		if _, err := ingest.Accept(b.Context(), col, caller, party, accordtest.Indicators(n, n+100), ingest.Options{Unjudged: true}); err != nil {
			b.Fatal(err)
		}
		n += 100
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "objects/s")
}

// What is not judged is kept all the same, and no part of the product leaves anything unjudged.
func TestUnjudgedObjectsAreKept(t *testing.T) {
	col := accordtest.New(t).Collection("gsp")
	wrong := []byte(strings.Replace(string(accordtest.Indicator(1, 0)), `"pattern_type":"stix"`, `"pattern_type":7`, 1))
	if r := accept(t, col, ingest.Options{}, wrong); r.Details[0].Outcome != ingest.Refused {
		t.Errorf("judged: got %+v, want a refusal", r.Details[0])
	}
	r := accept(t, col, ingest.Options{Unjudged: true}, wrong, []byte(`{"type":"tool"}`))
	if r.Details[0].Outcome != ingest.Added || r.Details[1].Outcome != ingest.Refused {
		t.Errorf("got %+v, want the first added and the second, which cannot be kept, refused", r.Details)
	}
}

// What is said of an object is short, however long the names and values in it are.
func TestMessagesAreShort(t *testing.T) {
	col := accordtest.New(t).Collection("gsp")
	long := strings.Repeat("é", 1<<20)
	for name, object := range map[string]string{
		"a property with a long name":     `{"type":"tool","spec_version":"2.1","id":"tool--6f1e8c3b-5b1c-4a7e-9d20-000000000001","` + long + `":null}`,
		"a long identifier":               `{"type":"tool","spec_version":"2.1","id":"tool--` + long + `","name":"x"}`,
		"a property twice, its name long": `{"type":"tool","` + long + `":1,"` + long + `":2}`,
		"a long type":                     `{"type":"` + long + `","spec_version":"2.1","id":"x--6f1e8c3b-5b1c-4a7e-9d20-000000000001"}`,
	} {
		d := accept(t, col, ingest.Options{}, []byte(object)).Details[0]
		if d.Outcome != ingest.Refused || d.Message == "" {
			t.Errorf("%s: got %v %q, want a refusal that says why", name, d.Outcome, d.Message)
		}
		if n := len(d.Message) + len(d.ID) + len(d.Version); n > 16<<10 || strings.ContainsRune(d.Message, '\uFFFD') {
			t.Errorf("%s: got %d bytes of message, identifier and version, want short and whole characters: %.200s", name, n, d.Message)
		}
	}
}

// An envelope may bring the definitions of its own markings, in any order, and definitions of those.
func TestAnEnvelopeDefinesItsOwnMarkings(t *testing.T) {
	const licence, classified, deep = "marking-definition--7d3f9c2a-51b4-4e08-9a6d-000000000001", "marking-definition--7d3f9c2a-51b4-4e08-9a6d-000000000002", "marking-definition--7d3f9c2a-51b4-4e08-9a6d-000000000003"
	definition := func(id, statement string, more string) []byte {
		return []byte(`{"type":"marking-definition","spec_version":"2.1","id":"` + id + `","created":"2026-01-01T00:00:00.000Z",` + more +
			`"definition_type":"statement","definition":{"statement":"` + statement + `"}}`)
	}
	marked := func(n int, marking string) []byte {
		return []byte(strings.Replace(string(accordtest.Tool(n, 0)), `"name"`, `"object_marking_refs":["`+marking+`"],"name"`, 1))
	}
	objects := [][]byte{
		marked(1, licence), marked(2, classified), marked(3, deep), definition(deep, "Copyright", `"object_marking_refs":["`+licence+`"],`),
		definition(licence, "CC BY 4.0", ""), definition(classified, "NATO SECRET", ""), marked(4, licence),
	}
	want := []ingest.Outcome{ingest.Added, ingest.Refused, ingest.Added, ingest.Added, ingest.Added, ingest.Added, ingest.Added}
	for name, reverse := range map[string]bool{"as given": false, "reversed": true} {
		t.Run(name, func(t *testing.T) {
			s := accordtest.New(t)
			col := s.Collection("gsp")
			s.Change("gsp", "change", func(a *agreement.Agreement) { a.Accept.DefaultTLP, a.Accept.MaxTLP = stix.Green, stix.Green })
			list, outcomes := slices.Clone(objects), slices.Clone(want)
			if reverse {
				slices.Reverse(list)
				slices.Reverse(outcomes)
			}
			for i, d := range accept(t, col, ingest.Options{}, list...).Details {
				if d.Outcome != outcomes[i] {
					t.Errorf("object %d: got %+v, want %s", i, d, outcomes[i])
				}
			}
			// What came first counts, whatever its date; here it is in the collection.
			other := strings.Replace(string(definition(classified, "CC BY 4.0", "")), "2026-01-01", "2025-01-01", 1)
			r := accept(t, col, ingest.Options{}, []byte(other), marked(5, classified))
			if r.Details[1].Outcome != ingest.Refused || !strings.Contains(r.Details[1].Message, `"secret"`) {
				t.Errorf("a second definition under one id: got %+v, want that the first counts", r.Details[1])
			}
		})
	}
}

// The sender finds its object by the id that it wrote; capitals make no other marking of TLP:RED.
func TestIdentifiersInCapitals(t *testing.T) {
	s := accordtest.New(t)
	col := s.Collection("gsp")
	s.Change("gsp", "change", func(a *agreement.Agreement) { a.Accept.MaxTLP = stix.Amber })
	text := string(accordtest.Tool(1, 0))
	id := string(stix.TLP1Red)
	red := strings.Replace(text, `"name"`, `"object_marking_refs":["marking-definition--`+strings.ToUpper(id[len(id)-36:])+`"],"name"`, 1)
	if d := accept(t, col, ingest.Options{}, []byte(red)).Details[0]; d.Outcome != ingest.Refused || d.Rule != "A-003" {
		t.Errorf("got %+v, want a refusal by A-003", d)
	}
}

// What an agreement tolerates comes in; it is recorded as tolerated, told to the sender, and no warning.
func TestWhatIsTolerated(t *testing.T) {
	s := accordtest.New(t)
	col := s.Collection("gsp")
	broken := []byte(strings.Replace(string(accordtest.Tool(1, 0)), "2024-03-01T12:00:00.000Z", "2024-03-01T12:00:00Z", 1)) // S-025: no milliseconds
	if d := accept(t, col, ingest.Options{}, broken).Details[0]; d.Outcome != ingest.Refused || d.Rule != "S-025" {
		t.Fatalf("where nothing is tolerated: got %+v, want a refusal by S-025", d)
	}
	s.Change("gsp", "change", func(a *agreement.Agreement) {
		a.Accept.Tolerate, a.Accept.Warnings = []string{"S-025"}, agreement.WarningsReject
	})
	d := accept(t, col, ingest.Options{}, broken).Details[0]
	if d.Outcome != ingest.Added || d.Rule != "" || !strings.HasPrefix(d.Message, "tolerated by the agreement: S-025 at /created: ") {
		t.Errorf("where it is tolerated: got %+v", d)
	}
	var warnings []string
	if err := col.Entries(1, 100, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		warnings = append(warnings, e.Warnings...)
		return true
	}); err != nil || !slices.Equal(warnings, []string{"tolerated S-025"}) {
		t.Errorf("recorded: got %q, %v", warnings, err)
	}
}
