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
