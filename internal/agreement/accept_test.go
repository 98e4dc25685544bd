package agreement

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

func object(t *testing.T, text string) stix.Object {
	t.Helper()
	var tree ijson.Tree
	if err := tree.Parse([]byte(text), ijson.Limits{}); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return stix.FromTree(&tree)
}

// indicator returns an indicator with some members more.
func indicator(more ...string) string {
	return `{"type":"indicator","spec_version":"2.1","id":"indicator--31b940d4-6f7f-459a-80ea-9c1f17b5891b",` +
		`"created":"2027-01-01T00:00:00Z","modified":"2027-01-01T00:00:00Z"` + strings.Join(append([]string{""}, more...), ",") + `}`
}

func marked(ids ...stix.ID) string {
	return fmt.Sprintf(`"object_marking_refs":[%s]`, quoted(ids))
}

func quoted(ids []stix.ID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = `"` + string(id) + `"`
	}
	return strings.Join(texts, ",")
}

const (
	statement stix.ID = "marking-definition--0b1bd9c4-5b7b-4f7a-9a3b-0d5f4f3a6f10"
	us        stix.ID = "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"
	them      stix.ID = "identity--311b2d2d-f010-4473-83ec-1edf84858f4c"
)

// TestTermsOfAcceptance tests every term: what it refuses, what it accepts, and what the sender reads.
func TestTermsOfAcceptance(t *testing.T) {
	granular := func(id stix.ID) string {
		return fmt.Sprintf(`"granular_markings":[{"selectors":["type"],"lang":"en"},{"selectors":["id"],"marking_ref":"%s"}]`, id)
	}
	author := func(id stix.ID) string { return fmt.Sprintf(`"created_by_ref":"%s"`, id) }
	ip := `{"type":"ipv4-addr","id":"ipv4-addr--efcd5e80-570d-4131-b213-62cb18eaa6a8","value":"198.51.100.3"}`
	definition := `{"type":"marking-definition","spec_version":"2.1","id":"` + string(statement) + `","created":"2027-01-01T00:00:00Z"}`
	identity := `{"type":"identity","spec_version":"2.1","id":"` + string(us) + `","created":"2027-01-01T00:00:00Z","modified":"2027-01-01T00:00:00Z"}`
	dated := func(modified string) string {
		return strings.Replace(indicator(), `"modified":"2027-01-01T00:00:00Z"`, `"modified":"`+modified+`"`, 1)
	}
	warned := []validate.Finding{{Rule: "S-200", Severity: validate.Warning}, {Rule: "S-100", Severity: validate.Warning}, {Rule: "S-200", Severity: validate.Warning}}

	for name, tc := range map[string]struct {
		accept Accept
		object string
		found  []validate.Finding
		want   string // rule, severity and path of each, space between
		says   string
	}{
		"no terms take anything": {Accept{}, indicator(), nil, "", ""},

		"a type that is taken":     {Accept{Types: []string{"indicator", "malware"}}, indicator(), nil, "", ""},
		"a type that is not taken": {Accept{Types: []string{"malware", "tool"}}, indicator(), nil, "A-001:error:/type", `"indicator", the agreement takes only malware, tool (accept.types of the agreement gsp)`},

		"STIX 2.1 where nothing is said":   {Accept{}, indicator(), nil, "", ""},
		"STIX 2.0 where nothing is said":   {Accept{}, strings.Replace(indicator(), `"spec_version":"2.1",`, ``, 1), nil, "A-002:error:/spec_version", "STIX 2.0, the agreement takes STIX 2.1 only"},
		"STIX 2.0 where it is taken":       {Accept{SpecVersions: []string{"2.0", "2.1"}}, strings.Replace(indicator(), `"spec_version":"2.1",`, ``, 1), nil, "", ""},
		"a cyber-observable is STIX 2.1":   {Accept{}, ip, nil, "", ""},
		"STIX 2.1 where only 2.0 is taken": {Accept{SpecVersions: []string{"2.0"}}, indicator(), nil, "A-002:error:/spec_version", "STIX 2.1, the agreement takes STIX 2.0 only"},

		"a marking at the ceiling":                {Accept{MaxTLP: stix.Amber}, indicator(marked(stix.TLP1Amber)), nil, "", ""},
		"TLP 1.0 above the ceiling":               {Accept{MaxTLP: stix.Green}, indicator(marked(stix.TLP1Amber)), nil, "A-003:error:/object_marking_refs/0", "marked TLP:amber, the agreement takes at most TLP:green"},
		"TLP 2.0 above the ceiling":               {Accept{MaxTLP: stix.Green}, indicator(marked(stix.TLP2Red)), nil, "A-003:error:/object_marking_refs/0", "TLP:red"},
		"amber+strict is above amber":             {Accept{MaxTLP: stix.Amber}, indicator(marked(stix.TLP2AmberStrict)), nil, "A-003:error:/object_marking_refs/0", "TLP:amber+strict"},
		"the most restrictive of several counts":  {Accept{MaxTLP: stix.Green}, indicator(marked(stix.TLP2Clear, stix.TLP1Red, stix.TLP2Green)), nil, "A-003:error:/object_marking_refs/1", "TLP:red"},
		"a granular marking above the ceiling":    {Accept{MaxTLP: stix.Green}, indicator(marked(stix.TLP2Green), granular(stix.TLP2Red)), nil, "A-003:error:/granular_markings/1/marking_ref", "TLP:red"},
		"no marking, no default":                  {Accept{MaxTLP: stix.Green}, indicator(), nil, "A-003:error:", "no TLP marking and so counts as TLP:red"},
		"no marking, a default under the ceiling": {Accept{MaxTLP: stix.Amber, DefaultTLP: stix.Green}, indicator(), nil, "", ""},
		"no marking, a default above the ceiling": {Accept{MaxTLP: stix.Green, DefaultTLP: stix.Red}, indicator(), nil, "A-003:error:", "counts as TLP:red (accept.default_tlp)"},
		"a marking goes before the default":       {Accept{MaxTLP: stix.Green, DefaultTLP: stix.Red}, indicator(marked(stix.TLP2Clear)), nil, "", ""},
		"a marking that is not understood, under a ceiling": {Accept{MaxTLP: stix.Green}, indicator(marked(statement)), nil,
			"A-003:error:/object_marking_refs/0 A-007:warning:/object_marking_refs/0", string(statement)},

		"no marking where one is required":         {Accept{RequireMarking: true}, indicator(), nil, "A-004:error:", "carries no marking"},
		"a marking where one is required":          {Accept{RequireMarking: true}, indicator(marked(stix.TLP2Clear)), nil, "", ""},
		"a granular marking where one is required": {Accept{RequireMarking: true}, indicator(granular(stix.TLP2Clear)), nil, "", ""},
		"a statement where a marking is required":  {Accept{RequireMarking: true}, indicator(marked(statement)), nil, "A-004:error: A-007:warning:/object_marking_refs/0", ""},
		"a default does not mark":                  {Accept{RequireMarking: true, DefaultTLP: stix.Green}, indicator(), nil, "A-004:error:", ""},
		"an empty list of markings is none":        {Accept{RequireMarking: true}, indicator(marked()), nil, "A-004:error:", ""},
		"a marking definition needs none":          {Accept{RequireMarking: true}, definition, nil, "", ""},

		"what the party created":               {Accept{CreatedBy: CreatedByParty}, indicator(author(us)), nil, "", ""},
		"what another created":                 {Accept{CreatedBy: CreatedByParty}, indicator(author(them)), nil, "A-005:error:/created_by_ref", string(them)},
		"an object without created_by_ref":     {Accept{CreatedBy: CreatedByParty}, indicator(), nil, "A-005:error:", "no created_by_ref"},
		"a cyber-observable has no author":     {Accept{CreatedBy: CreatedByParty}, ip, nil, "", ""},
		"the party's own identity":             {Accept{CreatedBy: CreatedByParty}, identity, nil, "", ""},
		"what another created, where any goes": {Accept{CreatedBy: CreatedByAny}, indicator(author(them)), nil, "", ""},

		"a version of tomorrow":                 {Accept{}, dated("2027-06-02T12:00:00.000Z"), nil, "", ""},
		"a version beyond tomorrow":             {Accept{FutureModified: FutureWarn}, dated("2027-06-02T12:00:00.001Z"), nil, "A-006:warning:/modified", "2027-06-02T12:00:00.001Z"},
		"a version beyond tomorrow, by default": {Accept{}, dated("2031-01-01T00:00:00Z"), nil, "A-006:error:/modified", "accept.future_modified"},
		"created beyond tomorrow":               {Accept{FutureModified: FutureWarn}, strings.Replace(definition, "2027", "2031", 1), nil, "A-006:warning:/created", ""},

		"warnings where they are taken":      {Accept{}, indicator(), warned, "", ""},
		"warnings where they are refused":    {Accept{Warnings: WarningsReject}, indicator(), warned, "A-008:error:", "this one has S-100, S-200"},
		"no warnings where they are refused": {Accept{Warnings: WarningsReject}, indicator(), nil, "", ""},
		"the terms' own warnings count":      {Accept{Warnings: WarningsReject}, indicator(marked(statement)), nil, "A-007:warning:/object_marking_refs/0 A-008:error:", "A-007"},
		"several terms are all reported, in order": {
			Accept{Types: []string{"tool"}, SpecVersions: []string{"2.0"}, MaxTLP: stix.Clear, CreatedBy: CreatedByParty, FutureModified: FutureReject},
			strings.Replace(indicator(marked(stix.TLP2Red, statement)), `"modified":"2027`, `"modified":"2031`, 1), nil,
			"A-001:error:/type A-002:error:/spec_version A-003:error:/object_marking_refs/0 A-005:error: A-006:error:/modified A-007:warning:/object_marking_refs/1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := &Agreement{Name: "gsp", Accept: tc.accept}
			found := slices.Clone(tc.found)
			got := a.Accepts(object(t, tc.object), Party{Name: "vendor", Identity: us}, found, nil, noon).Findings
			var list, messages []string
			for _, f := range got {
				list = append(list, f.Rule+":"+f.Severity.String()+":"+f.Path)
				messages = append(messages, f.Message)
			}
			if s := strings.Join(list, " "); s != tc.want {
				t.Errorf("got %q, want %q: %q", s, tc.want, messages)
			}
			if s := strings.Join(messages, "\n"); !strings.Contains(s, tc.says) {
				t.Errorf("messages: got %q, want %q in them", s, tc.says)
			}
			if !slices.Equal(found, tc.found) {
				t.Errorf("the findings given were changed: %v", found)
			}
		})
	}
}

func TestAPartyWithoutAnIdentityCannotBeTheAuthor(t *testing.T) {
	a := &Agreement{Name: "gsp", Accept: Accept{CreatedBy: CreatedByParty}}
	got := a.Accepts(object(t, indicator()), Party{Name: "vendor"}, nil, nil, noon).Findings
	if len(got) != 1 || got[0].Rule != "A-005" || !strings.Contains(got[0].Message, `"vendor" has no STIX identity`) {
		t.Errorf("got %v, want A-005 that names the party", got)
	}
}

func TestTheRulesAreInOrder(t *testing.T) {
	for i, r := range acceptRules {
		if want := fmt.Sprintf("A-%03d", i+1); r.id != want {
			t.Errorf("rule %d: got %s, want %s", i, r.id, want)
		}
	}
}

func TestTheLevelThatIsRecorded(t *testing.T) {
	a := &Agreement{Accept: Accept{DefaultTLP: stix.Green}}
	for name, tc := range map[string]struct {
		object string
		want   stix.TLP
	}{
		"its own marking":           {indicator(marked(stix.TLP1Red)), stix.Red},
		"no marking: the default":   {indicator(), stix.Green},
		"a statement: the default":  {indicator(marked(statement)), stix.Green},
		"white is clear, not none":  {indicator(marked(stix.TLP1White)), stix.Clear},
		"several: most restrictive": {indicator(marked(stix.TLP2Green, stix.TLP2AmberStrict)), stix.AmberStrict},
	} {
		if got := a.Accepts(object(t, tc.object), Party{}, nil, nil, noon).Level; got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
	}
}

func BenchmarkAccepts(b *testing.B) {
	a := &Agreement{Name: "gsp", Accept: Accept{MaxTLP: stix.Amber, DefaultTLP: stix.Green, CreatedBy: CreatedByParty}}
	var tree ijson.Tree
	if err := tree.Parse([]byte(indicator(marked(stix.TLP2Green), `"created_by_ref":"`+string(us)+`"`)), ijson.Limits{}); err != nil {
		b.Fatal(err)
	}
	o := stix.FromTree(&tree)
	b.ReportAllocs()
	for b.Loop() {
		if got := a.Accepts(o, Party{Name: "vendor", Identity: us}, nil, nil, noon).Findings; len(got) != 0 {
			b.Fatal(got)
		}
	}
}
