package applyfile

import (
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

// anothers is a marking whose definition another party has added; no other is defined.
const anothers = "marking-definition--7a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"

// judged returns the rules that an object breaks, by itself and under the terms of a line such as accept: {max_tlp: green}.
func judged(t *testing.T, terms, text string) (rules map[string]bool) {
	t.Helper()
	file, err := Parse("f", []byte("api_roots: [{name: r}]\nagreements:\n  - {name: a, api_root: r, "+terms+"}\n"))
	if err != nil {
		t.Fatalf("%s: %v", terms, err)
	}
	a := file.agreements[0].Agreement.Canonical()
	o, found := validate.Parse([]byte(text), new(ijson.Tree), ijson.Limits{})
	found = append(found, validate.Object(o, validate.Options{SpecVersions: a.Accept.SpecVersions})...)
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	party := agreement.Party{Name: "vendor", Identity: "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"}
	found = append(found, a.Accepts(o, party, found, func(id stix.ID) (agreement.Definition, bool) {
		return agreement.Definition{ID: id, Foreign: id == anothers}, id == anothers
	}, now).Findings...)
	rules = map[string]bool{}
	for _, f := range found {
		rules[f.Rule] = true
	}
	return rules
}

// The example of each term breaks that term and, but for what it is an example of, nothing else; without the term it breaks none.
func TestExamplesOfTermsBreakThem(t *testing.T) {
	for _, r := range agreement.Rules() {
		terms, object, ok := strings.Cut(r.Example, "\n")
		if !ok {
			t.Errorf("%s: the example has no object: %q", r.ID, r.Example)
			continue
		}
		if got := judged(t, terms, object); len(got) == 0 || !got[r.ID] {
			t.Errorf("%s: its example breaks %v", r.ID, got)
		} else {
			for other := range got {
				if other != r.ID && !(r.ID == "A-008" && other[0] == 'S') && !(r.ID == "A-002" && other == "S-050") && !(r.ID == "A-010" && other == "A-007") {
					t.Errorf("%s: its example breaks %s, too", r.ID, other)
				}
			}
		}
		if got := judged(t, "accept: {future_modified: warn}", object); r.Term != "" && r.ID != "A-006" && got[r.ID] {
			t.Errorf("%s: its example breaks it without the term %s", r.ID, r.Term)
		}
	}
}

// The TLP markings of the Standard and of OASIS are welcome under every terms, and nothing that only has their id is.
func TestTLPMarkingsAreAlwaysWelcome(t *testing.T) {
	const strict = "accept: {types: [indicator], max_tlp: clear, max_pap: clear, require_marking: true, created_by: party, warnings: reject}"
	old := func(id stix.ID, level, more string) string {
		return `{"type":"marking-definition","spec_version":"2.1","id":"` + string(id) + `","created":"2017-01-20T00:00:00.000Z","definition_type":"tlp",` + more +
			`"definition":{"tlp":"` + level + `"}}`
	}
	now := func(id stix.ID, level string) string {
		return `{"type":"marking-definition","spec_version":"2.1","id":"` + string(id) + `","created":"2022-10-01T00:00:00.000Z","name":"TLP:` + strings.ToUpper(level) + `",` +
			`"extensions":{"` + string(stix.TLP2Extension) + `":{"extension_type":"property-extension","tlp_2_0":"` + level + `"}}}`
	}
	for name, text := range map[string]string{
		"white": old(stix.TLP1White, "white", ""), "green": old(stix.TLP1Green, "green", `"name":"TLP:GREEN",`),
		"amber": old(stix.TLP1Amber, "amber", ""), "red": old(stix.TLP1Red, "red", ""),
		"2.0 clear": now(stix.TLP2Clear, "clear"), "2.0 green": now(stix.TLP2Green, "green"), "2.0 amber": now(stix.TLP2Amber, "amber"),
		"2.0 amber+strict": now(stix.TLP2AmberStrict, "amber+strict"), "2.0 red": now(stix.TLP2Red, "red"),
	} {
		got := judged(t, strict, text)
		delete(got, "S-187") // a warning where the name is left out
		if len(got) > 0 {
			t.Errorf("%s breaks %v", name, got)
		}
	}
	for name, text := range map[string]string{
		"another level under the id": old(stix.TLP1Green, "red", ""),
		"text of one's own":          old(stix.TLP1Green, "green", `"x_news":"the berth is open",`),
		"another id":                 old("marking-definition--3c1f6c1e-6f0e-4d0a-9a57-0c6d1f9b2e84", "green", ""),
	} {
		if got := judged(t, strict, text); !got["A-001"] {
			t.Errorf("%s breaks only %v", name, got)
		}
	}
}
