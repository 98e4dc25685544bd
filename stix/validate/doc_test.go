package validate

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

const rulesDocument = "../../doc/rules.md"

// The table in doc/rules.md is made from the table here: go test ./stix/validate -run Document -update.
func TestTheDocumentOfRulesIsCurrent(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# What STIX objects are held to

Each row is a rule that ` + "`accord validate`" + ` and the server check on every object, by the identifier that findings carry. They restate
STIX 2.1 (OASIS Standard, 10 June 2021, with Errata 01); the section says where. An error refuses the object. A warning is kept with
it and told to its sender: it stands for every SHOULD, and for a MUST that content in daily use breaks without harm. Where a rule says
so, one and the same rule can be either.

The rules of patterns (S-301 to S-325) are in the documentation of package stix/pattern. Rules on several objects (S-201 to S-209, S-211
on) hold between the objects of one bundle, envelope or list, in ` + "`accord validate`" + ` alone; the server judges each object alone. References to
objects that are not at hand are never looked up and never a finding.

| Rule | Section | Level | Breaking it is | Checked on | What is asked; in MUST NOT and SHOULD NOT rows what is forbidden |
| --- | --- | --- | --- | --- | --- |
`)
	for _, r := range Rules() {
		severity := "an error"
		if r.Severity == Warning {
			severity = "a warning"
		}
		layer := map[Layer]string{layerText: "the text", layerSchema: "the shape", layerSemantic: "the meaning", layerPattern: "the pattern", layerCross: "several objects"}[r.Layer]
		if layer == "" || r.Summary == "" || r.Section == "" {
			t.Errorf("%s has layer %q, summary %q and section %q", r.ID, r.Layer, r.Summary, r.Section)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.ID, r.Section, r.Level, severity, layer, strings.ReplaceAll(r.Summary, "|", "\\|"))
	}
	if *update {
		if err := os.WriteFile(rulesDocument, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(rulesDocument)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the table says; go test ./stix/validate -run Document -update makes it anew", rulesDocument)
	}
}

func TestTheTableIsInOrderAndComplete(t *testing.T) {
	last := ""
	for _, r := range Rules() {
		if r.ID <= last {
			t.Errorf("%s stands behind %s", r.ID, last)
		}
		last = r.ID
	}
	// The identifiers of the rules; those not here were never given, but for S-213: a reference to what is not at hand is no finding.
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
