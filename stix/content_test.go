package stix

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix/ijson"
)

// contentPairs lists pairs of texts with the same identifier and version, and whether they mean the same.
var contentPairs = []struct {
	name string
	a, b string
	same bool
}{
	{"revoked spelled", `"type":"tool","name":"a"`, `"type":"tool","name":"a","revoked":false`, true},
	{"revoked", `"type":"tool","name":"a"`, `"type":"tool","name":"a","revoked":true`, false},
	{"revoked as a text", `"type":"tool","name":"a"`, `"type":"tool","name":"a","revoked":"false"`, false},
	{"revoked of a relationship", `"type":"relationship"`, `"type":"relationship","revoked":false`, true},
	{"revoked of language content", `"type":"language-content"`, `"type":"language-content","revoked":false`, true},
	{"revoked of a marking definition, which has none", `"type":"marking-definition"`, `"type":"marking-definition","revoked":false`, false},
	{"revoked of an observable, which has none", `"type":"url"`, `"type":"url","revoked":false`, false},
	{"lang spelled", `"type":"note"`, `"type":"note","lang":"en"`, true},
	{"another lang", `"type":"note"`, `"type":"note","lang":"de"`, false},
	{"a wider lang", `"type":"note"`, `"type":"note","lang":"en-GB"`, false},
	{"lang of language content, which has none", `"type":"language-content"`, `"type":"language-content","lang":"en"`, false},
	{"lang in STIX 2.0, which has none", `-"type":"tool"`, `-"type":"tool","lang":"en"`, false},
	{"revoked in STIX 2.0", `-"type":"tool"`, `-"type":"tool","revoked":false`, true},
	{"spec_version in STIX 2.0", `-"type":"tool"`, `-"type":"tool","spec_version":"2.0"`, true},
	{"confidence has no default", `"type":"tool"`, `"type":"tool","confidence":0`, false},
	{"defanged spelled", `"type":"url"`, `"type":"url","defanged":false`, true},
	{"spec_version of an observable", `-"type":"url"`, `-"type":"url","spec_version":"2.1"`, true},
	{"summary of a sighting", `"type":"sighting"`, `"type":"sighting","summary":false`, true},
	{"summary of anything else", `"type":"report"`, `"type":"report","summary":false`, false},
	{"pattern_version of a STIX pattern", `"type":"indicator","pattern_type":"stix"`, `"type":"indicator","pattern_type":"stix","pattern_version":"2.1"`, true},
	{"pattern_version of another pattern", `"type":"indicator","pattern_type":"yara"`, `"type":"indicator","pattern_type":"yara","pattern_version":"2.1"`, false},
	{"an earlier pattern_version", `"type":"indicator","pattern_type":"stix"`, `"type":"indicator","pattern_type":"stix","pattern_version":"2.0"`, false},
	{"precision of created", `"type":"tool","created":"2024-01-02T03:04:05.000Z"`, `"type":"tool","created":"2024-01-02T03:04:05.000000Z"`, true},
	{"another created", `"type":"tool","created":"2024-01-02T03:04:05.000Z"`, `"type":"tool","created":"2024-01-02T03:04:05.001Z"`, false},
	{"precision of published", `"type":"report","published":"2024-01-02T03:04:05Z"`, `"type":"report","published":"2024-01-02T03:04:05.0Z"`, true},
	{"a custom text that looks like a timestamp", `"type":"tool","x_at":"2024-01-02T03:04:05Z"`, `"type":"tool","x_at":"2024-01-02T03:04:05.0Z"`, false},
	{"a time of an observable", `"type":"file","mtime":"2024-01-02T03:04:05Z"`, `"type":"file","mtime":"2024-01-02T03:04:05.00Z"`, true},
	{"a time in an extension", `"type":"file","extensions":{"windows-pebinary-ext":{"time_date_stamp":"2024-01-02T03:04:05Z"}}`, `"type":"file","extensions":{"windows-pebinary-ext":{"time_date_stamp":"2024-01-02T03:04:05.0Z"}}`, true},
	{"a time of a certificate's extensions", `"type":"x509-certificate","x509_v3_extensions":{"private_key_usage_period_not_after":"2024-01-02T03:04:05Z"}`, `"type":"x509-certificate","x509_v3_extensions":{"private_key_usage_period_not_after":"2024-01-02T03:04:05.0Z"}`, true},
	{"a member of a container", `"type":"observed-data","objects":{"0":{"type":"file","name":"a","mtime":"2024-01-02T03:04:05Z"}}`, `"type":"observed-data","objects":{"0":{"defanged":false,"mtime":"2024-01-02T03:04:05.0Z","name":"a","type":"file"}}`, true},
	{"numbers", `"type":"location","latitude":48.0`, `"type":"location","latitude":4.8e1`, true},
	{"the order of labels", `"type":"tool","labels":["a","b"]`, `"type":"tool","labels":["b","a"]`, false},
	{"the order of members", `"type":"tool","name":"a","x_b":{"c":1,"d":2}`, `"name":"a","x_b":{"d":2,"c":1},"type":"tool"`, true},
	{"an escape", `"type":"tool","name":"é"`, `"type":"tool","name":"\u00e9"`, true},
	{"the name of a statement", `"type":"marking-definition","definition_type":"statement","definition":{"statement":"a"}`, `"type":"marking-definition","definition_type":"statement","definition":{"statement":"a"},"name":"b"`, true},
	{"another statement", `"type":"marking-definition","definition_type":"statement","definition":{"statement":"a"}`, `"type":"marking-definition","definition_type":"statement","definition":{"statement":"b"}`, false},
	{"the name of another marking", `"type":"marking-definition","extensions":{"extension-definition--1":{"a":1}}`, `"type":"marking-definition","extensions":{"extension-definition--1":{"a":1}},"name":"b"`, false},
	{"the name of a tool", `"type":"tool","definition_type":"statement"`, `"type":"tool","definition_type":"statement","name":"b"`, false},
	{"a custom object", `"type":"x-quay","created":"2024-01-02T03:04:05Z"`, `"type":"x-quay","created":"2024-01-02T03:04:05.0Z","revoked":false,"lang":"en"`, true},
	{"a custom observable", `-"type":"x-quay","a_b":1`, `-"type":"x-quay","a_b":1.0,"defanged":false,"spec_version":"2.1"`, true},
}

func contentText(members string) string {
	rest, bare := strings.CutPrefix(members, "-")
	if bare || strings.Contains(members, "spec_version") {
		return "{" + rest + "}"
	}
	return `{"spec_version":"2.1",` + rest + "}"
}

func TestSameContent(t *testing.T) {
	for _, p := range contentPairs {
		t.Run(p.name, func(t *testing.T) {
			a, b := contentText(p.a), contentText(p.b)
			holdContents(t, a, b, p.same)
		})
	}
}

func holdContents(t *testing.T, a, b string, same bool) {
	t.Helper()
	if SameContent([]byte(a), []byte(b)) != same || SameContent([]byte(b), []byte(a)) != same {
		t.Errorf("%s and %s: want same %v", a, b, same)
	}
	if (contentHashOf(t, a) == contentHashOf(t, b)) != same {
		t.Errorf("%s and %s: want the same hash %v", a, b, same)
	}
}

func contentHashOf(t *testing.T, text string) uint64 {
	t.Helper()
	var tree ijson.Tree
	if err := tree.Parse([]byte(text), ijson.Limits{}); err != nil {
		t.Fatal(err)
	}
	return ContentHash(&tree)
}

// A TLP marking definition is what its identifier says, whatever its other properties, unless it states another level.
func TestTLPMarkingsAreOneObjectEach(t *testing.T) {
	one := func(id ID, rest string) string {
		return fmt.Sprintf(`{"type":"marking-definition","spec_version":"2.1","id":"%s",%s}`, id, rest)
	}
	for id, level := range map[ID]string{TLP1White: "white", TLP1Green: "green", TLP1Amber: "amber", TLP1Red: "red"} {
		plain := one(id, `"created":"2017-01-20T00:00:00.000Z","definition_type":"tlp","definition":{"tlp":"`+level+`"}`)
		holdContents(t, plain, one(id, `"name":"TLP:X","definition_type":"tlp","definition":{"tlp":"`+level+`"},"x_order":1`), true)
		holdContents(t, plain, one(id, `"definition_type":"tlp","definition":{"tlp":"purple"}`), false)
		holdContents(t, plain, one(id, `"definition_type":"statement","definition":{"statement":"x"}`), false)
	}
	for id, level := range map[ID]string{TLP2Clear: "clear", TLP2Green: "green", TLP2Amber: "amber", TLP2AmberStrict: "amber+strict", TLP2Red: "red"} {
		plain := one(id, `"extensions":{"`+string(TLP2Extension)+`":{"extension_type":"property-extension","tlp_2_0":"`+level+`"}}`)
		holdContents(t, plain, one(id, `"name":"TLP:X","extensions":{"`+string(TLP2Extension)+`":{"extension_type":"property-extension","tlp_2_0":"`+level+`"}}`), true)
		holdContents(t, plain, one(id, `"extensions":{"`+string(TLP2Extension)+`":{"extension_type":"property-extension","tlp_2_0":"x"}}`), false)
	}
	holdContents(t, one(TLP1White, `"definition_type":"tlp","definition":{"tlp":"white"}`), one(TLP1White, `"definition_type":"tlp","definition":{"tlp":"clear"}`), true)
	holdContents(t, one(TLP1Green, `"definition_type":"tlp","definition":{"tlp":"green"}`), one(TLP1Red, `"definition_type":"tlp","definition":{"tlp":"red"}`), false)
}

// Files hold these hashes, so they must not change.
func TestTheContentHashStaysWhatItIs(t *testing.T) {
	for text, want := range map[string]uint64{
		`{"type":"ipv4-addr","value":"198.51.100.3"}`:                             0xf8407f0044594c23,
		`{"type":"file","size":1.0,"mtime":"2024-01-02T03:04:05Z","x":[true,{}]}`: 0xd355ef2ad1355b3f,
	} {
		if got := contentHashOf(t, text); got != want {
			t.Errorf("%s: got %#x, want %#x", text, got, want)
		}
	}
}

// JSON values that are equal mean the same.
func TestEqualValuesHaveTheSameContent(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var value func(depth int) string
	value = func(depth int) string {
		switch n := r.IntN(7); {
		case n == 0 && depth < 3:
			return "[" + value(depth+1) + "," + value(depth+1) + "]"
		case n == 1 && depth < 3:
			return `{"a":` + value(depth+1) + `,"b":` + value(depth+1) + `}`
		default:
			return []string{"1", "1.0", "10e-1", "2", `"x"`, `"\u0078"`, `"y"`, "true", "false", "null", `"2024-01-02T03:04:05Z"`}[r.IntN(11)]
		}
	}
	for range 3000 {
		a, b := `{"type":"x-a","b":`+value(0)+`}`, `{"b":`+value(0)+`,"type":"x-a"}`
		if got, want := SameContent([]byte(a), []byte(b)), ijson.Equal([]byte(a), []byte(b)); got != want {
			t.Fatalf("%s and %s: same content %v, equal %v", a, b, got, want)
		}
	}
}

func FuzzSameContent(f *testing.F) {
	for _, p := range contentPairs {
		f.Add([]byte(contentText(p.a)), []byte(contentText(p.b)))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var ta, tb ijson.Tree
		if ta.Parse(a, ijson.Limits{}) != nil || tb.Parse(b, ijson.Limits{}) != nil {
			return
		}
		same := SameContent(a, b)
		if same != SameContent(b, a) || same != (ContentHash(&ta) == ContentHash(&tb)) {
			t.Errorf("%q and %q: same content %t, not as the other way round, or not as their hashes", a, b, same)
		}
		if ijson.Equal(a, b) && !same {
			t.Errorf("%q and %q are equal and not the same content", a, b)
		}
	})
}
