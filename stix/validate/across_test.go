package validate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/stix/ijson"
)

// Many versions, many translations of them and a long circle of markings take linear time. The limit is far above what
// that takes and far below quadratic time.
func TestManyObjectsAreHeldToEachOtherInLinearTime(t *testing.T) { // S-201 to S-212
	const n = 10000
	const common = `"spec_version":"2.1","created":"2024-03-05T06:07:08.000Z"`
	var b strings.Builder
	b.WriteByte('[')
	for i := range n {
		fmt.Fprintf(&b, `{"type":"tool","id":"tool--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1",%s,"modified":"2024-03-05T06:07:08.%06dZ","name":"x"},`, common, i)
		fmt.Fprintf(&b, `{"type":"language-content","id":"language-content--6f0d2f44-0d0c-4b6c-8f0a-%012d",%s,"modified":"2024-03-05T06:07:08.000Z",`+
			`"object_ref":"tool--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","object_modified":"2024-03-05T06:07:08.%06dZ","contents":{"de":{"name":["y"]}}},`, i, common, i)
		fmt.Fprintf(&b, `{"type":"marking-definition","id":"marking-definition--6f0d2f44-0d0c-4b6c-8f0a-%012d",%s,"definition_type":"statement",`+
			`"definition":{"statement":"x"},"object_marking_refs":["marking-definition--6f0d2f44-0d0c-4b6c-8f0a-%012d"]},`, i, common, (i+1)%n)
	}
	var tree ijson.Tree
	if err := tree.Parse([]byte(strings.TrimSuffix(b.String(), ",")+"]"), ijson.Limits{}); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	found := Across(&tree, slices.Collect(tree.Items(0)), Options{})
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("%d objects took %v", 3*n, took)
	}
	rules := map[string]int{}
	for _, findings := range found {
		for _, f := range findings {
			rules[f.Rule]++
		}
	}
	if want := map[string]int{"S-208": n, "S-212": n}; len(rules) != 2 || rules["S-208"] != n || rules["S-212"] != n {
		t.Errorf("got %v, want %v", rules, want)
	}
}

func TestOneObjectIsHeldToNothing(t *testing.T) {
	var tree ijson.Tree
	if err := tree.Parse(fmt.Appendf(nil, "["+identityText+"]", ""), ijson.Limits{}); err != nil {
		t.Fatal(err)
	}
	if found := Across(&tree, slices.Collect(tree.Items(0)), Options{}); found != nil {
		t.Errorf("got %v, want nothing", found)
	}
}

// Across does not panic whatever JSON it gets in place of objects.
func TestThingsThatAreNoObjectsAreHeldToNothing(t *testing.T) {
	for _, text := range []string{
		`[1,2,"x",null,[],{},{"id":1,"type":2},{"id":"a","type":"b"},{"id":"a","type":"c","modified":1}]`,
		`[{"type":"malware","id":"malware--1","is_family":false,"sample_refs":["a",1,{"a":1}]},{"id":"a","hashes":[1]},{"id":"a","hashes":{"MD5":7}}]`,
		`[{"type":"language-content","object_ref":"a","contents":[1]},{"type":"language-content","object_ref":"a","contents":{"de":"x"}},{"id":"a"}]`,
		`[{"type":"tool","extensions":{"a":{"extension_type":"toplevel-property-extension"},"b":1}},{"type":"extension-definition","id":"a","extension_types":"x","extension_properties":{"y":1}}]`,
		`[{"type":"marking-definition","id":"a","object_marking_refs":{"a":1},"granular_markings":[1,{"marking_ref":"a"}]},{"type":"marking-definition","id":"a"}]`,
	} {
		var tree ijson.Tree
		if err := tree.Parse([]byte(text), ijson.Limits{}); err != nil {
			t.Fatal(err)
		}
		for place, findings := range Across(&tree, slices.Collect(tree.Items(0)), Options{}) {
			if Invalid(findings) {
				t.Errorf("%s: %d: got %v, want warnings only", text, place, findings)
			}
		}
	}
}
