package validate

import (
	"fmt"
	"strings"
	"testing"
)

// object20 returns an object of STIX 2.0 with some further members.
func object20(typ, more string) string {
	return fmt.Sprintf(`{"type":"%s","id":"%s--11111111-1111-4111-8111-111111111111","created":"2017-04-05T06:07:08.000Z","modified":"2017-04-05T06:07:08.000Z"%s}`, typ, typ, more)
}

// minimal20 holds the required members of each type of STIX 2.0.
var minimal20 = map[string]string{
	"attack-pattern":   `,"name":"a"`,
	"campaign":         `,"name":"a"`,
	"course-of-action": `,"name":"a"`,
	"identity":         `,"name":"a","identity_class":"organization"`,
	"indicator":        `,"labels":["benign"],"pattern":"[file:name = 'a']","valid_from":"2017-04-05T06:07:08Z"`,
	"intrusion-set":    `,"name":"a"`,
	"malware":          `,"labels":["worm"],"name":"a"`,
	"observed-data":    `,"first_observed":"2017-04-05T06:07:08Z","last_observed":"2017-04-05T06:07:08Z","number_observed":1,"objects":{"0":{"type":"file","name":"a"}}`,
	"relationship":     `,"relationship_type":"uses","source_ref":"campaign--11111111-1111-4111-8111-111111111111","target_ref":"malware--11111111-1111-4111-8111-111111111111"`,
	"report":           `,"labels":["threat-report"],"name":"a","published":"2017-04-05T06:07:08Z","object_refs":["malware--11111111-1111-4111-8111-111111111111"]`,
	"sighting":         `,"sighting_of_ref":"malware--11111111-1111-4111-8111-111111111111"`,
	"threat-actor":     `,"labels":["spy"],"name":"a"`,
	"tool":             `,"labels":["remote-access"],"name":"a"`,
	"vulnerability":    `,"name":"a"`,
}

var both20 = Options{SpecVersions: []string{"2.0", "2.1"}}

func found20(t *testing.T, text string) string {
	t.Helper()
	return strings.Join(inShort(Object(parsed(t, text), both20)), "; ")
}

func TestEveryTypeOfSTIX20HasItsTable(t *testing.T) {
	for typ := range the.types20 {
		if typ == "marking-definition" {
			continue
		}
		if got := found20(t, object20(typ, minimal20[typ])); minimal20[typ] == "" || got != "" {
			t.Errorf("%s: got %q, want a minimal object without a finding", typ, got)
		}
		for _, p := range the.types20[typ].order {
			switch p.name {
			case "type", "id", "created", "modified", "spec_version":
				continue
			}
			// A value of the wrong type is refused in every property.
			wrong, more := `7`, without(minimal20[typ], p.name)
			if p.kind == kindInteger {
				wrong = `"x"`
			}
			if got := found20(t, object20(typ, more+`,"`+p.name+`":`+wrong)); !strings.Contains(got, "S-014 error /"+p.name) {
				t.Errorf("%s.%s is %s: got %q, want S-014", typ, p.name, wrong, got)
			}
			if p.required && !strings.Contains(found20(t, object20(typ, more)), "S-013 error") {
				t.Errorf("%s without %s: want S-013", typ, p.name)
			}
		}
	}
}

// without removes a member from the text of members.
func without(members, name string) string {
	start := strings.Index(members, `,"`+name+`":`)
	if start < 0 {
		return members
	}
	depth, quoted := 0, false
	for i := start + 1; i < len(members); i++ {
		switch c := members[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 0:
			return members[:start] + members[i:]
		}
	}
	return members[:start]
}

func TestObjectsOfSTIX20AreHeldToSTIX20(t *testing.T) {
	marking := func(id, rest string) string {
		return `{"type":"marking-definition","id":"marking-definition--` + id + `","created":"2017-01-20T00:00:00.000Z"` + rest + `}`
	}
	const red, own = "5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "11111111-1111-4111-8111-111111111111"
	indicator := func(pattern string) string {
		return object20("indicator", fmt.Sprintf(`,"labels":["benign"],"pattern":%q,"valid_from":"2017-04-05T06:07:08Z"`, pattern))
	}
	for _, row := range []struct{ name, text, want string }{
		{"a label of another vocabulary", object20("malware", `,"name":"a","labels":["malicious-activity"]`), "S-042 warning /labels/0"},
		{"a label of one's own, not in lower case", object20("tool", `,"name":"a","labels":["My Tool"]`), "S-042 warning /labels/0; S-043 warning /labels/0"},
		{"an identity class that came with STIX 2.1", object20("identity", `,"name":"a","identity_class":"system"`), "S-042 warning /identity_class"},
		{"no pattern", indicator("garbage [[["), "S-113 error /pattern; S-301 error /pattern"},
		{"EXISTS, which came with STIX 2.1", indicator("[EXISTS file:name]"), "S-113 error /pattern; S-325 error /pattern"},
		{"a window as STIX 2.0 writes it", indicator("[file:name = 'a'] START '2016-06-01T00:00:00Z' STOP '2016-07-01T00:00:00Z'"), "S-312 warning /pattern"},
		{"a window without times", indicator("[file:name = 'a'] START 'noon' STOP 'night'"), "S-113 error /pattern; S-310 error /pattern"},
		{"a property that STIX 2.1 has not", indicator("[process:name = 'a']"), ""},
		{"a property that neither has", indicator("[process:nome = 'a']"), "S-315 warning /pattern"},
		{"no timestamp", object20("report", `,"labels":["malware"],"name":"a","published":"last week","object_refs":["malware--`+own+`"]`), "S-023 error /published"},
		{"a date that does not exist", object20("campaign", `,"name":"a","first_seen":"2017-02-30T00:00:00Z"`), "S-024 error /first_seen"},
		{"the end before the beginning", object20("campaign", `,"name":"a","first_seen":"2017-02-20T00:00:00Z","last_seen":"2017-02-10T00:00:00Z"`), "S-101 error /last_seen"},
		{"an external reference with a name alone", object20("campaign", `,"name":"a","external_references":[{"source_name":"x"}]`), "S-046 error /external_references/0"},
		{"a kill chain phase without a phase", object20("tool", `,"name":"a","labels":["remote-access"],"kill_chain_phases":[{"kill_chain_name":"x"}]`), "S-044 error /kill_chain_phases/0"},
		{"a relationship to an observable", object20("relationship", `,"relationship_type":"uses","source_ref":"campaign--`+own+`","target_ref":"file--`+own+`"`), "S-131 error /target_ref"},
		{"a relationship type with an underscore", object20("relationship", `,"relationship_type":"related_to","source_ref":"campaign--`+own+`","target_ref":"tool--`+own+`"`), "S-132 error /relationship_type"},
		{"a count that is negative", object20("sighting", `,"sighting_of_ref":"malware--`+own+`","count":-1`), "S-137 error /count"},
		{"nothing observed", object20("observed-data", strings.Replace(minimal20["observed-data"], `{"0":{"type":"file","name":"a"}}`, `{}`, 1)), "S-027 error /objects"},
		{"an address that is none", object20("observed-data", strings.Replace(minimal20["observed-data"], `{"type":"file","name":"a"}`, `{"type":"ipv4-addr","value":"x"}`, 1)), "S-159 error /objects/0/value"},
		{"a granular marking that leads nowhere", object20("campaign", `,"name":"a","granular_markings":[{"marking_ref":"marking-definition--`+red+`","selectors":["nome"]}]`), "S-061 error /granular_markings/0/selectors/0"},
		{"a granular marking of a language, which came with STIX 2.1", object20("campaign", `,"name":"a","granular_markings":[{"lang":"en","selectors":["name"]}]`), "S-057 error /granular_markings/0"},
		{"a reference to a marking that is none", object20("campaign", `,"name":"a","object_marking_refs":["campaign--`+own+`"]`), "S-056 error /object_marking_refs/0"},
		{"the marking of TLP:RED", marking(red, `,"definition_type":"tlp","definition":{"tlp":"red"}`), ""},
		{"TLP:RED that says white", marking(red, `,"definition_type":"tlp","definition":{"tlp":"white"}`), "S-187 error /definition"},
		{"TLP:RED that is a statement", marking(red, `,"definition_type":"statement","definition":{"statement":"a"}`), "S-188 error /id"},
		{"a TLP level of one's own", marking(own, `,"definition_type":"tlp","definition":{"tlp":"red"}`), "S-187 error /id"},
		{"a statement", marking(own, `,"definition_type":"statement","definition":{"statement":"a"}`), ""},
		{"a statement that says nothing", marking(own, `,"definition_type":"statement","definition":{}`), "S-186 error /definition"},
		{"a marking without a definition", marking(own, ``), "S-013 error; S-013 error"},
		{"a property of one's own", object20("campaign", `,"name":"a","x_quay_berth":[]`), "S-026 warning /x_quay_berth"},
		{"a property without a source", object20("campaign", `,"name":"a","berth":1`), "S-076 warning /berth"},
		{"a name that is none", object20("campaign", `,"name":"a","x-quay":1`), "S-011 error /x-quay"},
		{"a marking in capitals", object20("campaign", `,"name":"a","Object_Marking_Refs":[]`), "S-011 error /Object_Marking_Refs"},
		{"a type of one's own", object20("x-quay", `,"berth":1`), ""},
		{"a type that came with STIX 2.1", object20("grouping", `,"name":"a"`), "S-078 warning /type"},
		{"hashes of STIX 2.0", object20("campaign", `,"name":"a","external_references":[{"source_name":"x","url":"https://a.example/","hashes":{"SHA-224":"ab","SHA-256":"abababababababababababababababababababababababababababababababab"}}]`), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := found20(t, row.text)
			for _, part := range strings.Split(row.want, "; ") {
				if !strings.Contains(got, part) {
					t.Errorf("%s\n got: %s\nwant: %s", row.text, got, row.want)
					break
				}
			}
			if !strings.Contains(row.want, "error") && strings.Contains(got, "error") || row.want == "" && got != "" {
				t.Errorf("%s\n got: %s\nwant: %q", row.text, got, row.want)
			}
		})
	}
}

func BenchmarkValidateSTIX20(b *testing.B) {
	o := parsed(b, object20("indicator", minimal20["indicator"]))
	for b.Loop() {
		Object(o, both20)
	}
}
