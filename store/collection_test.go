package store

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store/journal"
)

var vendor = Actor{Account: "vendor-push", Party: "vendor"}

func testAgreement(id uuid.UUID) *agreement.Agreement {
	return &agreement.Agreement{
		Name: "gsp", Title: "Government programme", APIRoot: "nicp",
		Collection: agreement.Collection{ID: id},
		Parties: []agreement.Membership{
			{Party: "vendor", Roles: []agreement.Role{agreement.Producer, agreement.Consumer}},
			{Party: "agency", Roles: []agreement.Role{agreement.Producer, agreement.Consumer}},
			{Party: "other", Roles: []agreement.Role{agreement.Producer, agreement.Consumer}},
		},
	}
}

// newCollection makes a collection in a fresh file. Whenever a test ends, its file must pass a check.
func newCollection(t testing.TB, opts collectionOptions) *Collection {
	t.Helper()
	id := uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116")
	col, err := createCollection(filepath.Join(t.TempDir(), "agreement.db"), id, testAgreement(id), Actor{Account: "root"}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		mustBeSound(t, col)
		if err := col.close(); err != nil {
			t.Error(err)
		}
	})
	return col
}

func mustBeSound(t testing.TB, col *Collection) {
	t.Helper()
	faults, err := col.Check(context.Background())
	if err != nil {
		t.Errorf("check: %v", err)
	}
	for i, fault := range faults {
		if i == 10 {
			t.Errorf("and %d more", len(faults)-i)
			break
		}
		t.Errorf("check: %s", fault)
	}
}

// clockFrom is a clock that moves by step each time it is read.
func clockFrom(start time.Time, step time.Duration) func() time.Time {
	var n atomic.Int64
	return func() time.Time { return start.Add(time.Duration(n.Add(1)) * step) }
}

var testEpoch = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func parsed(t testing.TB, text string) stix.Object {
	t.Helper()
	o, err := parseText(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func parseText(text string) (stix.Object, error) {
	var tree ijson.Tree
	if err := tree.Parse([]byte(text), ijson.Limits{}); err != nil {
		return stix.Object{}, err
	}
	return stix.FromTree(&tree), nil
}

// testID is the n-th identifier of a type.
func testID(typ string, n int) stix.ID {
	return stix.ID(fmt.Sprintf("%s--%08x-1111-4111-8111-%012x", typ, uint32(n)*2654435761, n))
}

// malware is a STIX object; spec is 2.0 or 2.1, modified an instant's text, more further members with a comma in front.
func malware(id stix.ID, spec, modified, more string) string {
	specVersion := `"spec_version":"2.1",`
	if spec == spec20 {
		specVersion = ""
	}
	return fmt.Sprintf(`{"type":%q,%s"id":%q,"created":"2020-01-01T00:00:00.000Z","modified":%q,"is_family":false,"name":"n"%s}`,
		id.Type(), specVersion, id, modified, more)
}

// address is an object without version.
func address(id stix.ID, value string) string {
	return fmt.Sprintf(`{"type":%q,"id":%q,"value":%q}`, id.Type(), id, value)
}

func additions(t testing.TB, texts ...string) []Change {
	t.Helper()
	changes := make([]Change, len(texts))
	for i, text := range texts {
		changes[i] = Change{Add: &Addition{Object: parsed(t, text)}}
	}
	return changes
}

func mustAppend(t testing.TB, col *Collection, changes ...Change) []Outcome {
	t.Helper()
	r, err := col.Append(context.Background(), Batch{Actor: vendor, Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	return r.Outcomes
}

func add(t testing.TB, col *Collection, texts ...string) []Outcome {
	t.Helper()
	return mustAppend(t, col, additions(t, texts...)...)
}

func kinds(outcomes []Outcome) string {
	names := [...]string{"", "added", "already", "conflict", "gone", "removed", "missing", "not theirs", "changed", "not owner", "not creator", "barred", "decision kept", "corrected", "forgotten"}
	var b strings.Builder
	for i, o := range outcomes {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(names[o.Kind])
	}
	return b.String()
}

func wantKinds(t testing.TB, got []Outcome, want string) {
	t.Helper()
	if kinds(got) != want {
		t.Fatalf("got outcomes %s, want %s", kinds(got), want)
	}
}

func texts(t testing.TB, col *Collection, q Query) []string {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1_000_000
	}
	page, err := col.Page(q, nil)
	if err != nil {
		t.Fatal(err)
	}
	return split(t, page.Body)
}

// split cuts a page's body into its objects.
func split(t testing.TB, body []byte) []string {
	t.Helper()
	var tree ijson.Tree
	if err := tree.Parse(append(append([]byte{'['}, body...), ']'), ijson.Limits{}); err != nil {
		t.Fatalf("the page is no list of objects: %v\n%.300s", err, body)
	}
	var list []string
	for item := range tree.Items(tree.Root()) {
		list = append(list, string(tree.Raw(item)))
	}
	return list
}

func TestWhatGoesInComesOut(t *testing.T) { // T-067
	col := newCollection(t, collectionOptions{})
	a := malware(testID("malware", 1), spec21, "2021-01-01T00:00:00Z", `,"x_n":1.50e3,"x_s":"\u00e9 \/"`)
	b := address(testID("ipv4-addr", 2), "198.51.100.3")
	out := add(t, col, a, b)
	wantKinds(t, out, "added, added")
	if got := texts(t, col, Query{}); strings.Join(got, "\n") != a+"\n"+b {
		t.Errorf("got %q, want %q", got, []string{a, b})
	}
	if out[0].Position != 2 || out[1].Position != 3 || out[0].Version != "2021-01-01T00:00:00Z" || out[1].Version != taxiiTime(uint64(out[1].At.UnixMicro())) {
		t.Errorf("got outcomes %+v", out)
	}
	if !out[0].At.Before(out[1].At) || out[1].At.UnixMicro()%1000 != 0 {
		t.Errorf("got date_added %v and %v, want them ascending and the last a whole millisecond", out[0].At, out[1].At)
	}
	text, ok, err := col.ObjectAt(out[1].Position)
	if err != nil || !ok || string(text) != b {
		t.Errorf("ObjectAt: got %q, %v, %v", text, ok, err)
	}
	e, raw, err := col.Entry(2)
	if err != nil || e.Kind != journal.Added || e.Object != string(testID("malware", 1)) || len(raw) == 0 {
		t.Errorf("Entry: got %+v, %v", e, err)
	}
	wantKinds(t, add(t, col, a, b), "already, already")
}
