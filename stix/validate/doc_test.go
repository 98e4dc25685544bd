package validate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix/pattern"
)

// The examples are made from the cases of testdata: go test ./stix/validate -run Examples -update.
func TestTheExamplesAreCurrentAndBreakTheirRules(t *testing.T) {
	var b strings.Builder
	for _, r := range Rules() {
		name, text := exampleIn(t, r.ID)
		if text != "" {
			fmt.Fprintf(&b, "-- %s: %s --\n%s\n", r.ID, name, text)
		}
	}
	for _, r := range pattern.Rules() {
		name, text := patternExample(t, r)
		if text != "" {
			fmt.Fprintf(&b, "-- %s: %s --\n%s\n", r.ID, name, text)
		}
	}
	if *update {
		if err := os.WriteFile("examples.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if examplesText != b.String() {
		t.Error("examples.txt is not what testdata says; go test ./stix/validate -run Examples -update makes it anew")
	}
	for _, r := range Rules() {
		_, text, ok := Example(r.ID)
		if !ok {
			if !withoutExample[r.ID] {
				t.Errorf("%s has no example", r.ID)
			}
			continue
		}
		if !slices.ContainsFunc(judgeText([]byte(text)), func(f Finding) bool { return f.Rule == r.ID }) {
			t.Errorf("the example of %s does not break it: %s", r.ID, text)
		}
	}
	for _, r := range pattern.Rules() {
		_, text, ok := Example(r.ID)
		if ok == withoutExample[r.ID] {
			t.Errorf("%s has an example: %v", r.ID, ok)
		}
		breaks := func(f pattern.Finding) bool { return f.Rule == r.ID }
		if ok && !slices.ContainsFunc(pattern.Validate(text, ""), breaks) && !slices.ContainsFunc(pattern.Validate(text, "2.0"), breaks) {
			t.Errorf("the example of %s does not break it: %s", r.ID, text)
		}
	}
}

// withoutExample holds the rules for which a short example is impossible, or that are reported under others or not
// checked.
var withoutExample = map[string]bool{"S-001": true, "S-002": true, "S-012": true, "S-055": true, "S-312": true, "S-323": true}

// exampleIn returns the shortest case that breaks a rule and few others, as an error if possible.
func exampleIn(t *testing.T, rule string) (name, text string) {
	t.Helper()
	const longest = 1500
	cases := readCases(t, "testdata/rules/"+rule+".txt")
	if withoutExample[rule] {
		return "", ""
	}
	weight := 0
	for _, c := range cases {
		var one bytes.Buffer
		if json.Compact(&one, c.text) != nil || one.Len() > longest || bytes.ContainsAny(c.text, "\x00\x7f") {
			continue
		}
		w := 0
		for _, e := range c.expect {
			if strings.HasPrefix(e, rule+" error") {
				w = 2
			} else if strings.HasPrefix(e, rule) {
				w = max(w, 1)
			}
		}
		if w > weight {
			weight, name, text = w, c.name, one.String()
		}
	}
	return name, text
}

// patternExample returns the first vector that breaks a rule of patterns.
func patternExample(t *testing.T, r pattern.Rule) (name, text string) {
	t.Helper()
	for _, kind := range []string{"invalid", "warning"} {
		data, err := os.ReadFile("../pattern/testdata/" + r.ID + "-" + kind + ".txt")
		if err != nil {
			continue
		}
		for _, part := range strings.Split(string(data), "\n# ")[1:] {
			name, text, _ = strings.Cut(part, "\n")
			if text = strings.TrimSpace(text); text != "" && !strings.Contains(text, "\n") {
				return name, text
			}
		}
	}
	return "", ""
}

func TestTheTableIsInOrderAndComplete(t *testing.T) {
	last := ""
	for _, r := range Rules() {
		if r.ID <= last {
			t.Errorf("%s stands behind %s", r.ID, last)
		}
		last = r.ID
	}
	// Numbers that no rule has. They were never used, except for S-213: a reference to an object that is not at hand is
	// not a finding.
	gaps := map[int]bool{}
	for _, gap := range [][2]int{{9, 9}, {33, 37}, {49, 49}, {85, 100}, {105, 108}, {138, 139}, {179, 179}, {183, 184}, {194, 194}, {199, 200}, {213, 218}} {
		for n := gap[0]; n <= gap[1]; n++ {
			gaps[n] = true
		}
	}
	for n := 1; n <= 219; n++ {
		id := fmt.Sprintf("S-%03d", n)
		if _, ok := the.byID[id]; ok == gaps[n] {
			t.Errorf("%s is in the table: %v, want %v", id, ok, !gaps[n])
		}
	}
}

// For each rule there is a case that breaks it and no other, and one beside it that breaks nothing: the same object as it would be
// right.
func TestEachRuleIsBrokenAloneAndKept(t *testing.T) {
	for _, r := range Rules() {
		if withoutExample[r.ID] {
			continue
		}
		alone, kept := false, false
		for _, c := range readCases(t, "testdata/rules/"+r.ID+".txt") {
			others := slices.ContainsFunc(c.expect, func(e string) bool { return !strings.HasPrefix(e, r.ID+" ") })
			alone = alone || len(c.expect) > 0 && !others
			kept = kept || len(c.expect) == 0
		}
		if alone == (brokenWithOthers[r.ID] != "") || !kept {
			t.Errorf("%s: broken alone: %t, kept: %t", r.ID, alone, kept)
		}
	}
}

// brokenWithOthers are the rules that cannot be broken alone, and why.
var brokenWithOthers = map[string]string{
	"S-010": "a type that is no name makes the identifier that repeats it none, too",
	"S-043": "a value that is spelt wrong is outside its vocabulary, too",
	"S-069": "an extension whose name is spelt wrong is a custom one", "S-070": "it is about custom extensions", "S-071": "it is about custom extensions",
	"S-076": "it is about custom properties", "S-078": "it is about custom types",
	"S-113": "it says that a pattern breaks a rule of patterns",
	"S-124": "it is about objects of a deprecated form", "S-125": "it is about objects of a deprecated form", "S-126": "it is about objects of a deprecated form",
	"S-127": "it says where a reference breaks S-197", "S-180": "it says where a reference breaks S-197",
}
