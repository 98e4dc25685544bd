package demo

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

const many = 3000

func parse(t testing.TB, text []byte) stix.Object {
	t.Helper()
	o, findings := validate.Parse(text, new(ijson.Tree), ijson.Limits{})
	if len(findings) > 0 {
		t.Fatalf("got finding %s %s in %s", findings[0].Rule, findings[0].Message, text)
	}
	return o
}

func TestTheSameSeedGivesTheSameObjectsAndFewerAreTheFirstOfMore(t *testing.T) {
	all := Generate(7, many)
	if len(all) != many {
		t.Fatalf("got %d objects, want %d", len(all), many)
	}
	for i, text := range Generate(7, 500) {
		if !bytes.Equal(text, all[i]) {
			t.Fatalf("object %d: got %s, want %s", i, text, all[i])
		}
	}
	if bytes.Equal(Generate(8, 20)[19], all[19]) {
		t.Error("another seed gives the same objects")
	}
	if got := len(Generate(1, 0)); got != 0 {
		t.Errorf("got %d objects, want none", got)
	}
}

func TestEveryObjectIsValidWithoutAWarning(t *testing.T) {
	wrong := 0
	for _, text := range Generate(3, many) {
		for _, f := range validate.Object(parse(t, text), validate.Options{}) {
			t.Errorf("%s %s at %q: %s\n%s", f.Rule, f.Severity, f.Path, f.Message, text)
			wrong++
		}
		if wrong > 10 {
			t.Fatal("and so on")
		}
	}
}

func TestEachVersionIsThereOnceAndReferencesPointBack(t *testing.T) {
	versions, ids := map[string]bool{}, map[string]bool{}
	known := map[stix.ID]bool{}
	revised, revoked, marked := 0, 0, map[stix.TLP]int{}
	for _, text := range Generate(3, many) {
		o := parse(t, text)
		key := string(o.ID) + " " + o.Version
		if versions[key] {
			t.Fatalf("%s is there twice", key)
		}
		versions[key] = true
		if known[o.ID] {
			revised++
		}
		known[o.ID], ids[string(o.ID)] = true, true
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		if string(members["revoked"]) == "true" {
			revoked++
		}
		level, _ := o.EffectiveTLP()
		marked[level]++
		for name, value := range members {
			for _, ref := range references(name, value) {
				if !ids[ref] {
					t.Fatalf("%s of %s refers to %s, which has not come yet", name, o.ID, ref)
				}
			}
		}
		if !compact(text) {
			t.Fatalf("white space between tokens of %s", text)
		}
	}
	if revised < many/50 || revoked == 0 {
		t.Errorf("got %d later versions and %d revoked ones of %d objects, want more", revised, revoked, many)
	}
	for _, level := range []stix.TLP{stix.Clear, stix.Green, stix.Amber, stix.AmberStrict} {
		if marked[level] == 0 {
			t.Errorf("no object is marked %s", level)
		}
	}
}

func compact(text []byte) bool {
	var b bytes.Buffer
	return json.Compact(&b, text) == nil && bytes.Equal(b.Bytes(), text)
}

func references(name string, value json.RawMessage) []string {
	var one string
	var list []string
	switch {
	case strings.HasSuffix(name, "_ref") && json.Unmarshal(value, &one) == nil:
		return []string{one}
	case strings.HasSuffix(name, "_refs") && json.Unmarshal(value, &list) == nil:
		return list
	}
	return nil
}

func TestTheKindsOfObjectsThatPeopleLookFor(t *testing.T) {
	got := map[string]int{}
	for _, text := range Generate(1, 500) {
		got[parse(t, text).Type]++
	}
	for _, want := range []string{"threat-actor", "campaign", "intrusion-set", "malware", "tool", "attack-pattern", "vulnerability",
		"identity", "indicator", "observed-data", "sighting", "relationship", "report", "marking-definition", "infrastructure",
		"ipv4-addr", "domain-name", "url", "file", "email-addr", "email-message", "network-traffic", "process", "windows-registry-key"} {
		if got[want] == 0 {
			t.Errorf("no %s among 500 objects", want)
		}
	}
}

func TestNothingIsDatedInTheFuture(t *testing.T) {
	end := epoch.Add((casesInSpan + 30) * betweenCases)
	if want := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC); end.After(want) {
		t.Errorf("cases are dated up to %v, want before %v", end, want)
	}
}

// The vectors are those that the Standard's algorithm gives (section 2.9).
func TestIdentifiersOfObservablesComeFromTheirContributingProperties(t *testing.T) { // S-020
	for _, row := range []struct {
		typ          string
		contributing fields
		want         string
	}{
		{"ipv4-addr", fields{{"value", "198.51.100.3"}}, "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"},
		{"autonomous-system", fields{{"number", 15139}}, "autonomous-system--3aa27478-50b5-5ab8-9da9-cdc12b657fff"},
		{"windows-registry-key", fields{{"values", []fields{{{"name", "Foo"}, {"data", "qwerty"}, {"data_type", "REG_SZ"}},
			{{"name", "Bar"}, {"data", "42"}, {"data_type", "REG_DWORD"}}}}, {"key", `hkey_local_machine\system\bar\foo`}},
			"windows-registry-key--f6a11ddf-fa2b-54c8-97ab-e7f28413095a"},
	} {
		g := &generator{yield: func([]byte) bool { return true }, seen: nil}
		g.done, g.seen = true, map[uuid.UUID]bool{}
		if got := g.observe(row.typ, row.contributing, nil); got != row.want {
			t.Errorf("%s: got %s, want %s", row.typ, got, row.want)
		}
	}
}

func TestTheAuthorIsWhoCreatedTheObjects(t *testing.T) {
	texts := Generate(5, 200)
	want := `"created_by_ref":"` + string(Author(5)) + `"`
	if !slices.ContainsFunc(texts, func(b []byte) bool { return bytes.Contains(b, []byte(want)) }) {
		t.Errorf("no object has %s", want)
	}
}

func BenchmarkGenerate(b *testing.B) {
	b.ReportAllocs()
	size := 0
	n := 0
	for text := range All(1) {
		if n == b.N {
			break
		}
		size += len(text)
		n++
	}
	b.ReportMetric(float64(size)/float64(n), "B/object")
}
