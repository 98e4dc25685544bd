package agreement

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
)

// Marking definitions that the cases refer to, by name.
var definitionTexts = map[string]string{
	"copyright":     `"definition_type":"statement","definition":{"statement":"Copyright 2027, Vendor Ltd. All rights reserved."}`,
	"licence":       `"definition_type":"statement","definition":{"statement":"May be used under CC BY 4.0."}`,
	"nato":          `"definition_type":"statement","definition":{"statement":"NATO SECRET"}`,
	"german":        `"definition_type":"statement","definition":{"statement":"VS - Nur für den Dienstgebrauch"}`,
	"french":        `"definition_type":"statement","definition":{"statement":"DIFFUSION RESTREINTE"}`,
	"portion":       `"definition_type":"statement","definition":{"statement":"(U//FOUO) see cover sheet"}`,
	"own tlp":       `"definition_type":"tlp","definition":{"tlp":"clear"}`,
	"tlp in words":  `"definition_type":"statement","definition":{"statement":"TLP:AMBER+STRICT"}`,
	"own pap":       extension("f8d78575-edfd-406e-8e84-6162a8450f5b", `"pap":"clear"`),
	"acs":           extension("3a65884d-005a-4290-8335-cb2d778a83ce", `"control_set":{"classification":"U","formal_determination":["FOUO"]}`),
	"acs secret":    extension("3a65884d-005a-4290-8335-cb2d778a83ce", `"control_set":{"classification":"S"}`),
	"cui":           extension("dff17fb3-edcb-4f99-ad1b-4b751c95738a", `"control":"CUI","disseminations":["NOFORN"]`),
	"iep":           policy("green", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "may"),
	"iep white":     policy("white", "2027-01-01T00:00:00Z", "", "may"),
	"iep red":       policy("red", "2027-01-01T00:00:00Z", "", "may"),
	"iep ended":     policy("green", "2026-01-01T00:00:00Z", "2027-05-31T00:00:00Z", "may"),
	"iep to come":   policy("green", "2027-06-02T00:00:00Z", "", "may"),
	"iep anonymous": policy("green", "2027-01-01T00:00:00Z", "", "must-not"),
	"iep strict":    policy("amber+strict", "2027-01-01T00:00:00Z", "", "may"),
	"ais":           `"definition_type":"ais","definition":{"consent":"everyone"}`,
	"capitals":      `"definition_type":"Statement","definition":{"statement":"free"}`,
	"two at once": `"definition_type":"statement","definition":{"statement":"free"},"extensions":{"extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce":` +
		`{"extension_type":"property-extension","control_set":{"classification":"TS"}}}`,
}

func extension(id, properties string) string {
	return `"extensions":{"extension-definition--` + id + `":{"extension_type":"property-extension",` + properties + `}}`
}

func policy(tlp, start, end, attribution string) string {
	if end != "" {
		end = `,"end_date":"` + end + `"`
	}
	return extension("762e2e97-ee51-43e5-a9ea-165fbb862c4a", fmt.Sprintf(
		`"iep_version":2.0,"tlp":%q,"start_date":%q%s,"provider_attribution":%q`, tlp, start, end, attribution))
}

// definitionID returns the id of a definition of definitionTexts; there is none for "unseen".
func definitionID(name string) stix.ID {
	n := 0
	for _, r := range name {
		n = n*31 + int(r)
	}
	return stix.ID(fmt.Sprintf("marking-definition--%08x-0000-4000-8000-%012x", uint32(n), len(name)))
}

func testDefinitions(t *testing.T) Definitions {
	found := make(map[stix.ID]Definition)
	for name, text := range definitionTexts {
		id := definitionID(name)
		found[id] = DefinitionOf(object(t, fmt.Sprintf(`{"type":"marking-definition","spec_version":"2.1","id":%q,"created":"2027-01-01T00:00:00.000Z",%s}`, id, text)))
	}
	return func(id stix.ID) (Definition, bool) { d, ok := found[id]; return d, ok }
}

// namedMarkings maps the names of markings in the cases to their ids.
var namedMarkings = map[string]stix.ID{
	"TLP:CLEAR": stix.TLP2Clear, "TLP:WHITE": stix.TLP1White, "TLP:GREEN": stix.TLP2Green, "TLP:AMBER": stix.TLP2Amber, "TLP:RED": stix.TLP1Red,
	"PAP:CLEAR": stix.PAPMarkingClear, "PAP:WHITE": stix.PAPMarkingWhite, "PAP:GREEN": stix.PAPMarkingGreen, "PAP:AMBER": stix.PAPMarkingAmber, "PAP:RED": stix.PAPMarkingRed,
}

func markingNamed(name string) string {
	if id, ok := namedMarkings[strings.ToUpper(name)]; ok {
		return string(id)
	}
	if rest, capitals := strings.CutSuffix(name, " in capitals"); capitals {
		id := markingNamed(rest)
		return "marking-definition--" + strings.ToUpper(id[len(id)-36:])
	}
	return string(definitionID(name))
}

// TestMarkings tests the table of doc/agreements.md: the markings of an object, and whether it may be added and
// released.
func TestMarkings(t *testing.T) {
	defs := testDefinitions(t)
	nato, acsSecret, unseen := string(definitionID("nato")), string(definitionID("acs secret")), string(definitionID("unseen"))
	for _, row := range []struct {
		name     string
		markings string   // names, separated by commas; with the prefix "part:" on the description only
		fallback stix.TLP // accept.default_tlp
		carry    []string // nil: the default
		maxPAP   stix.PAP
		ceiling  stix.TLP // 0: green
		in       bool     // accept: {max_tlp: green}
		goes     bool     // release: {max_tlp: green}
		says     string   // in the release's reasons
	}{
		{"nothing, no default", "", 0, nil, 0, 0, false, false, "no TLP marking"},
		{"nothing, a default below the ceiling", "", stix.Green, nil, 0, 0, true, true, ""},
		{"nothing, a default above the ceiling", "", stix.Amber, nil, 0, 0, false, false, "counts as TLP:amber"},
		{"TLP:GREEN", "TLP:GREEN", 0, nil, 0, 0, true, true, ""},
		{"TLP:WHITE is clear", "TLP:WHITE", 0, nil, 0, 0, true, true, ""},
		{"TLP:AMBER", "TLP:AMBER", 0, nil, 0, 0, false, false, "marked TLP:amber"},
		{"a default does not lower a marking", "TLP:AMBER", stix.Clear, nil, 0, 0, false, false, ""},
		{"the most restrictive of several", "TLP:CLEAR,TLP:RED,TLP:GREEN", 0, nil, 0, 0, false, false, "TLP:red"},
		{"TLP:RED in capitals", "TLP:RED in capitals", stix.Clear, nil, 0, 0, false, false, "TLP:red"},
		{"TLP:GREEN in capitals", "TLP:GREEN in capitals", 0, nil, 0, 0, true, true, ""},
		{"a part is red", "part:TLP:RED", stix.Clear, nil, 0, 0, false, false, "TLP:red"},
		{"a part is red, the rest green", "TLP:GREEN,part:TLP:RED", 0, nil, 0, 0, false, false, "TLP:red"},
		{"a part is green, no default", "part:TLP:GREEN", 0, nil, 0, 0, true, true, ""},
		{"a language of a part", "lang", stix.Clear, nil, 0, 0, true, true, ""},
		{"a language is no marking", "lang", 0, nil, 0, 0, false, false, "no TLP marking"},

		{"TLP:GREEN and a statement", "TLP:GREEN,copyright", 0, nil, 0, 0, true, true, ""},
		{"a statement alone, default clear", "copyright", stix.Clear, nil, 0, 0, true, true, ""},
		{"a statement alone, no default", "copyright", 0, nil, 0, 0, false, false, "no TLP marking"},
		{"a licence on a part", "TLP:GREEN,part:licence", 0, nil, 0, 0, true, true, ""},
		{"a statement where the terms carry none", "TLP:GREEN,copyright", 0, []string{}, 0, 0, false, false, "does not carry"},
		{"a statement's id in capitals", "TLP:GREEN,copyright in capitals", 0, nil, 0, 0, true, true, ""},
		{"NATO SECRET", "nato", stix.Clear, nil, 0, 0, false, false, `"secret"`},
		{"NATO SECRET beside TLP:CLEAR", "TLP:CLEAR,nato", 0, nil, 0, 0, false, false, nato},
		{"NATO SECRET by its id", "TLP:CLEAR,nato", 0, []string{"statement", nato}, 0, 0, true, true, ""},
		{"Verschlusssache", "TLP:CLEAR,german", 0, nil, 0, 0, false, false, `"dienstgebrauch"`},
		{"diffusion restreinte", "TLP:CLEAR,french", 0, nil, 0, 0, false, false, `"diffusion restreinte"`},
		{"a portion marking", "TLP:CLEAR,portion", 0, nil, 0, 0, false, false, "fouo"},
		{"TLP in the words of a statement", "TLP:CLEAR,tlp in words", 0, nil, 0, 0, false, false, `"tlp"`},

		{"PAP:RED alone, not understood", "PAP:RED", stix.Clear, nil, 0, 0, false, false, "PAP:red"},
		{"PAP:RED alone, carried", "PAP:RED", stix.Clear, []string{"pap"}, 0, 0, true, true, ""},
		{"PAP:RED alone, max_pap red", "PAP:RED", stix.Clear, nil, stix.PAPRed, 0, true, true, ""},
		{"PAP:AMBER above max_pap green", "TLP:CLEAR,PAP:AMBER", 0, nil, stix.PAPGreen, 0, false, false, "PAP:amber"},
		{"PAP:WHITE is clear", "TLP:CLEAR,PAP:WHITE", 0, nil, stix.PAPClear, 0, true, true, ""},
		{"the most restrictive PAP counts", "TLP:CLEAR,PAP:GREEN,part:PAP:RED", 0, nil, stix.PAPAmber, 0, false, false, "PAP:red"},
		{"max_pap without a PAP marking", "TLP:CLEAR", 0, nil, stix.PAPGreen, 0, true, true, ""},
		{"PAP says nothing about who may see", "PAP:CLEAR", 0, []string{"pap"}, 0, 0, false, false, "no TLP marking"},
		{"PAP under an id of its own", "TLP:CLEAR,own pap", 0, []string{"pap"}, stix.PAPRed, 0, false, false, "not the published one"},

		{"an id without a definition", "TLP:CLEAR,unseen", 0, nil, 0, 0, false, false, "its definition is not here"},
		{"an id without a definition, named", "TLP:CLEAR,unseen", 0, []string{unseen}, 0, 0, true, true, ""},
		{"an id without a definition under red", "TLP:CLEAR,unseen", 0, nil, 0, stix.Red, true, true, ""},
		{"TLP under an id of its own", "own tlp", 0, nil, 0, 0, false, false, "not the published one"},
		{"AIS of STIX 1", "TLP:CLEAR,ais", 0, []string{"statement"}, 0, 0, false, false, `of the kind ais`},
		{"a definition type in capitals", "TLP:CLEAR,capitals", 0, nil, 0, 0, false, false, `"Statement"`},
		{"a statement that is ACS too", "TLP:CLEAR,two at once", 0, []string{"statement", "acs"}, 0, 0, false, false, "not understood"},

		{"IEP green", "iep", 0, nil, 0, 0, true, true, ""},
		{"IEP white is clear", "iep white", 0, nil, 0, 0, true, true, ""},
		{"IEP red", "iep red", stix.Clear, nil, 0, 0, false, false, "TLP:red by the IEP policy"},
		{"IEP ended yesterday", "iep ended", stix.Clear, nil, 0, 0, false, false, "ended on 2027-05-31"},
		{"IEP of tomorrow", "iep to come", stix.Clear, nil, 0, 0, false, false, "begins on 2027-06-02"},
		{"an ended IEP that the terms carry", "TLP:CLEAR,iep ended", 0, []string{"iep"}, 0, 0, false, false, "ended on"},
		{"IEP whose provider is not named", "iep anonymous", 0, nil, 0, 0, true, false, "must not be named"},
		{"IEP with a level that it does not have", "TLP:CLEAR,iep strict", 0, nil, 0, 0, false, false, "not understood"},

		{"ACS unclassified, not named", "TLP:CLEAR,acs", 0, nil, 0, 0, false, false, "FOUO"},
		{"ACS unclassified, carried", "TLP:CLEAR,acs", 0, []string{"acs"}, 0, 0, true, true, ""},
		{"ACS secret, carried", "TLP:CLEAR,acs secret", 0, []string{"acs"}, 0, 0, false, false, `"S"`},
		{"ACS secret by its id", "TLP:CLEAR,acs secret", 0, []string{acsSecret}, 0, 0, true, true, ""},
		{"CUI, not named", "TLP:CLEAR,cui", 0, nil, 0, 0, false, false, "NOFORN"},
		{"CUI, carried", "TLP:CLEAR,cui", 0, []string{"cui"}, 0, 0, true, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var refs, parts []string
			for name := range strings.SplitSeq(row.markings, ",") {
				part, ofPart := strings.CutPrefix(name, "part:")
				switch {
				case name == "":
				case name == "lang":
					parts = append(parts, `{"selectors":["description"],"lang":"fr"}`)
				case ofPart:
					parts = append(parts, fmt.Sprintf(`{"selectors":["description"],"marking_ref":%q}`, markingNamed(part)))
				default:
					refs = append(refs, `"`+markingNamed(name)+`"`)
				}
			}
			more := []string{`"description":"x"`, `"created_by_ref":"` + string(us) + `"`}
			if len(refs) > 0 {
				more = append(more, `"object_marking_refs":[`+strings.Join(refs, ",")+`]`)
			}
			if len(parts) > 0 {
				more = append(more, `"granular_markings":[`+strings.Join(parts, ",")+`]`)
			}
			o := object(t, indicator(more...))
			ceiling := max(row.ceiling, stix.Green)
			var terms *Markings
			if row.carry != nil {
				terms = &Markings{Carry: row.carry}
			}
			a := &Agreement{Name: "gsp", Accept: Accept{MaxTLP: ceiling, DefaultTLP: row.fallback, MaxPAP: row.maxPAP, Markings: terms}}
			accepted := a.Accepts(o, Party{}, nil, defs, noon)
			refused := ""
			for _, f := range accepted.Findings {
				if f.Rule == ruleMaxTLP || f.Rule == ruleMaxPAP {
					refused += f.Message + "; "
				}
			}
			if in := refused == ""; in != row.in {
				t.Errorf("comes in: got %t, want %t; %s", in, row.in, refused)
			}
			rule := Release{To: "members", MaxTLP: ceiling, MaxPAP: row.maxPAP, Markings: terms}
			d := rule.Judge(&Agreement{Name: "members"}, Candidate{Object: o, Level: accepted.Level, Definitions: defs, Now: noon}, false)
			if goes := len(d.Refusals) == 0; goes != row.goes {
				t.Errorf("goes: got %t, want %t; %v", goes, row.goes, d.Refusals)
			}
			if got := fmt.Sprint(d.Refusals); !strings.Contains(got, row.says) {
				t.Errorf("reasons: got %s, want %s in them", got, row.says)
			}
			for _, r := range d.Refusals {
				if !r.Marking || !strings.HasPrefix(r.Term, "release.") {
					t.Errorf("got %+v, want a term of the release about markings", r)
				}
			}
		})
	}
}

// The target's own terms judge what a release brings by the same rules.
func TestTheTargetJudgesMarkingsToo(t *testing.T) {
	defs := testDefinitions(t)
	target := &Agreement{Name: "members", Accept: Accept{MaxTLP: stix.Green}}
	for name, row := range map[string]struct {
		object string
		level  stix.TLP
		want   string
	}{
		"a statement, clear in the source":        {indicator(marked(definitionID("copyright"))), stix.Clear, "[]"},
		"a statement, unmarked in the source":     {indicator(marked(definitionID("copyright"))), 0, "accept.max_tlp"},
		"unmarked, amber in the source":           {indicator(), stix.Amber, "accept.max_tlp: the object has no TLP marking and so counts as TLP:amber (what it counts as where it was added)"},
		"a classified statement":                  {indicator(marked(stix.TLP2Clear, definitionID("nato"))), stix.Clear, `accept.max_tlp`},
		"a marking definition that bears no mark": {`{"type":"marking-definition","spec_version":"2.1","id":"` + string(statement) + `","created":"2027-01-01T00:00:00Z"}`, 0, "[]"},
	} {
		d := Release{To: "members", Markings: &Markings{Carry: []string{"statement"}}}.Judge(target, Candidate{Object: object(t, row.object), Level: row.level, Definitions: defs, Now: noon}, false)
		if got := fmt.Sprint(d.Refusals); !strings.Contains(got, row.want) {
			t.Errorf("%s: got %s, want %s", name, got, row.want)
		}
	}
}

func TestADecisionSaysWhenItChanges(t *testing.T) {
	d := Release{To: "members", MaxTLP: stix.Green}.Judge(&Agreement{}, Candidate{
		Object: object(t, indicator(marked(definitionID("iep"), definitionID("iep to come")))), Definitions: testDefinitions(t), Now: noon}, false)
	if want := time.Date(2027, 6, 2, 0, 0, 0, 0, time.UTC); !d.Changes.Equal(want) || len(d.Depends) != 2 {
		t.Errorf("got %v, %v, want %v and two definitions", d.Changes, d.Depends, want)
	}
}

// Licences contain no word of classification; such words are found in any spelling.
func TestWordsOfClassification(t *testing.T) {
	for _, text := range []string{
		"Copyright 2015-2027, The Example Corporation. Example and EX&CK are registered trademarks of The Example Corporation.",
		"Licensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0", "Tous droits réservés.", "Todos los derechos reservados",
		"Tutti i diritti riservati", "Wszelkie prawa zastrzeżone", "Všechna práva vyhrazena", "© General Secretariat of the Council", "Alle Rechte vorbehalten", "",
	} {
		if word := classifyingWord(text); word != "" {
			t.Errorf("%q: got %q, want no word of classification", text, word)
		}
	}
	for _, text := range []string{
		"NATO SECRET", "nato secret", "COSMIC TOP SECRET", "EU RESTRICTED", "RESTREINT UE/EU RESTRICTED", "Confidential - do not copy", "FOR OFFICIAL USE ONLY",
		"UNCLASSIFIED//FOUO", "TS//SI//NOFORN", "streng geheim", "Nur für den Dienstgebrauch", "CONFIDENTIEL DÉFENSE", "très secret", "Secreto", "RISERVATISSIMO",
		"ściśle tajne", "ŚCIŚLE  TAJNE", "s\u0301cis\u0301le tajne", "přísně tajné", "ΑΠΌΡΡΗΤΟ", "СЕКРЕТНО", "Цілком таємно", "极秘 or 極秘", "Ｓｅｃｒｅｔ", "hemlig", "Erittäin salainen",
		"TLP:AMBER+STRICT", "se\u00adcret",
	} {
		if classifyingWord(text) == "" {
			t.Errorf("%q: got no word of classification, want one", text)
		}
	}
}

func TestTermsNameKindsOfMarkings(t *testing.T) {
	for _, row := range []struct{ word, says string }{
		{"statement", ""}, {"iep", ""}, {string(definitionID("nato")), ""},
		{"tlp", "no kind of marking"}, {"secret", "no kind of marking"}, {"indicator--31b940d4-6f7f-459a-80ea-9c1f17b5891b", "no kind of marking"},
		{string(stix.TLP1Red), "max_tlp judges"}, {string(stix.PAPMarkingRed), "max_pap judges"},
	} {
		a := sample()
		a.Collection.ID = uuid.New()
		a.Parties = a.Parties[:1]
		a.Accept.Markings = &Markings{Carry: []string{row.word}}
		a.Release = []Release{{To: "members", Markings: a.Accept.Markings}}
		got := fmt.Sprint(Check(a))
		if row.says == "" && got != "[]" || !strings.Contains(got, row.says) {
			t.Errorf("%s: got %s, want %q", row.word, got, row.says)
		}
		if row.says != "" && (!strings.Contains(got, "accept.markings.carry[0]: ") || !strings.Contains(got, "release[0].markings.carry[0]: ")) {
			t.Errorf("%s: got %s, want both fields", row.word, got)
		}
	}
}

func TestAReleasesTargetToleratesForItself(t *testing.T) {
	c := Candidate{Object: object(t, indicator()), Level: stix.Clear, Warnings: []string{"S-100", Tolerated("S-025")}, Now: noon}
	target := &Agreement{Name: "members"}
	if got := fmt.Sprint(Release{}.Judge(target, c, false).Refusals); !strings.HasPrefix(got, "[accept.tolerate: it breaks the rule S-025") {
		t.Errorf("got %s, want a refusal by accept.tolerate", got)
	}
	target.Accept = Accept{Tolerate: []string{"S-025"}}
	if got := Release.Judge(Release{}, target, c, false).Refusals; len(got) > 0 {
		t.Errorf("tolerated by the target too: got %v", got)
	}
	target.Accept.Warnings = WarningsReject
	if got := fmt.Sprint(Release{}.Judge(target, c, false).Refusals); !strings.Contains(got, "S-100") || strings.Contains(got, "S-025") {
		t.Errorf("got %s, want that the warning alone counts", got)
	}
	a := sample()
	a.Accept.Tolerate = []string{"S-025", "S-013", "A-003"}
	if got := fmt.Sprint(Check(a)); !strings.Contains(got, "accept.tolerate[1]: S-013 cannot be tolerated: the server stores objects by") || !strings.Contains(got, "accept.tolerate[2]: A-003 is a term") {
		t.Errorf("got %s, want both rules that no agreement may tolerate", got)
	}
}
