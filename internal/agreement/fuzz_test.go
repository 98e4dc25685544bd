package agreement

import (
	"bytes"
	"testing"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

// FuzzParseDate reads dates of terms: each can be written down again, in an apply file as in an agreement's document.
func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2029-01-01", "2029-01-01T00:00:00Z", "2029-01-01T00:00:00.000000001+14:00",
		"0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01", "2029-02-30"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := ParseDate(s)
		if err != nil {
			if !at.IsZero() {
				t.Errorf("%q: got %v beside %v", s, at, err)
			}
			return
		}
		if again, err := ParseDate(FormatDate(at)); err != nil || !again.Equal(at) {
			t.Errorf("%q is written %q, which is %v (%v)", s, FormatDate(at), again, err)
		}
		a := sample()
		a.Term.Until = at
		doc, err := a.Document()
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if back, err := ParseDocument(doc); err != nil || !back.Term.Until.Equal(at.Truncate(time.Microsecond)) {
			t.Errorf("%q: the document has %v (%v)", s, back, err)
		}
	})
}

// FuzzParseDocument parses arbitrary documents: what parses has one canonical form.
func FuzzParseDocument(f *testing.F) {
	for _, a := range []*Agreement{full(), sample(), {Name: "gsp"}} {
		doc, err := a.Document()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseDocument(b)
		if err != nil {
			if a != nil {
				t.Errorf("got %+v beside %v", a, err)
			}
			return
		}
		doc, err := a.Document()
		if err != nil {
			return // a time that a document cannot have
		}
		again, err := ParseDocument(doc)
		if err != nil {
			t.Fatalf("%q: %v", doc, err)
		}
		if twice, err := again.Document(); err != nil || !bytes.Equal(twice, doc) {
			t.Errorf("got %s, %v, want %s", twice, err, doc)
		}
	})
}

// FuzzAccepts checks any object against the strictest terms: an object with a level above the ceiling is never
// accepted, and a released object has the level of its markings.
func FuzzAccepts(f *testing.F) {
	for _, id := range []stix.ID{stix.TLP1Red, stix.TLP2AmberStrict, stix.TLP1Green, statement} {
		f.Add([]byte(indicator(marked(id))), uint8(2))
	}
	f.Add([]byte(indicator(`"granular_markings":[{"marking_ref":"`+string(stix.TLP1Red)+`"},{},3],"object_marking_refs":{"a":1}`)), uint8(1))
	f.Add([]byte(`[{"object_marking_refs":["`+string(stix.TLP1Red)+`"]}]`), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, most uint8) {
		var tree ijson.Tree
		if tree.Parse(text, ijson.Limits{}) != nil {
			return
		}
		o := stix.FromTree(&tree)
		a := sample()
		a.Accept = Accept{Types: []string{"indicator", ""}, MaxTLP: stix.TLP(most % 6), RequireMarking: true, Warnings: WarningsReject, CreatedBy: CreatedByParty, FutureModified: FutureReject}
		refused := map[string]bool{}
		for _, found := range a.Accepts(o, Party{Name: "producer", Identity: us}, nil, nil, noon).Findings {
			if found.Message == "" || found.Rule == "" {
				t.Errorf("%q: got %+v", text, found)
			}
			refused[found.Rule] = refused[found.Rule] || found.Severity == validate.Error
		}
		level, others := o.EffectiveTLP()
		counts := level
		if len(others) > 0 || level == 0 && o.Type != "marking-definition" {
			counts = stix.Red
		}
		if above := a.Accept.MaxTLP != 0 && counts > a.Accept.MaxTLP; above && !refused["A-003"] {
			t.Errorf("%q: marked %v under a ceiling of %v, refused %t", text, level, a.Accept.MaxTLP, refused["A-003"])
		}
		if a.Accepts(o, Party{}, nil, nil, noon).Level != level {
			t.Errorf("%q: got the level %v, want %v", text, a.Accepts(o, Party{}, nil, nil, noon).Level, level)
		}
	})
}
