package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var updateRules = flag.Bool("update-rules", false, "write doc/rules.md from the tables of rules")

const rulesDocument = "../../doc/rules.md"

// doc/rules.md is made from the tables: go test ./cmd/accord -run DocumentOfRules -update-rules.
func TestTheDocumentOfRulesIsCurrent(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# What STIX objects are held to

Each row is a rule that ` + "`accord validate`" + ` and the server check on every object, under the identifier that findings have. The S-rules
restate STIX 2.1 (OASIS Standard, 10 June 2021, with Errata 01); the second column gives the section. Objects of STIX 2.0 are checked
against STIX 2.0 under the same identifiers, as far as it has the rule, with the tables, vocabularies and patterns of 2.0. The A-rules are
terms of an agreement, which only the server checks.

An error refuses the object. A warning is stored with the object and reported to its sender. Every SHOULD is a warning, and so is a MUST
that content in daily use breaks without harm ([decision 6](decisions/0006-what-a-finding-refuses.md)). Some rules can be either; their
rows say so. An agreement may tolerate errors marked * (` + "`accept.tolerate`" + `).

For MUST NOT and SHOULD NOT the last column says what is forbidden. Rules on several objects (S-201 to S-212, S-219) apply to the objects
of one file in ` + "`accord validate`" + `. Of these the server checks only S-201 and S-205, because it stores one text of each version. References
to objects that are not at hand are neither looked up nor reported.

` + "`accord rule S-051`" + ` prints one rule with its example; all examples follow the table.

| Rule | Section or term | Level | Breaking it is | Checked on | What is asked, or forbidden |
| --- | --- | --- | --- | --- | --- |
`)
	rows := ruleRows()
	for _, r := range rows {
		severity := "a " + r.Severity
		if r.Severity == "error" {
			severity = "an error"
			if r.Tolerable {
				severity += " *"
			}
		}
		where := r.Section
		if r.Term != "" {
			where = "`" + r.Term + "`"
		}
		summary := r.Summary
		if strings.HasSuffix(r.Level, "NOT") {
			summary = "Forbidden: " + summary
		}
		if r.checkedOn == "" || r.Summary == "" || r.Level == "" {
			t.Errorf("an incomplete row: %+v", r)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.ID, where, r.Level, severity, r.checkedOn, strings.ReplaceAll(summary, "|", "\\|"))
	}
	b.WriteString("\n## Examples\n\nEach breaks the rule above it.\n")
	for _, r := range rows {
		if r.Example != "" {
			head := r.ID
			if r.Breaks != "" {
				head += ": " + r.Breaks
			}
			fmt.Fprintf(&b, "\n### %s\n\n```\n%s\n```\n", head, r.Example)
		}
	}
	if *updateRules {
		if err := os.WriteFile(rulesDocument, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(rulesDocument)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the tables say; go test ./cmd/accord -run DocumentOfRules -update-rules makes it anew", rulesDocument)
	}
}

func TestRulePrintsARuleWithItsExample(t *testing.T) {
	for _, row := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"rule", "S-051"}, exitOK, []string{"S-051  modified is not earlier than created", "section 3.2, 3.6.1 (MUST)", "accept.tolerate", `"modified":`}},
		{[]string{"rule", "s-187", "S-301"}, exitOK, []string{"cannot be tolerated: markings are read by it", "S-301  A pattern derives"}},
		{[]string{"rule", "S-073"}, exitOK, []string{"Forbidden: "}},
		{[]string{"rule", "A-003"}, exitOK, []string{"The term accept.max_tlp of an agreement", "Example"}},
		{[]string{"rule", "--format", "json", "S-025"}, exitOK, []string{`"rule":"S-025"`, `"tolerable":true`}},
		{[]string{"rule"}, exitOK, []string{"S-001  error", "S-325  error", "A-001  error"}},
		{[]string{"rule", "S-999"}, exitUsage, nil},
	} {
		got := accord(t, nil, row.args...)
		if got.code != row.code {
			t.Errorf("%v: got code %d, %q", row.args, got.code, got.stderr)
		}
		for _, want := range row.want {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("%v: got %q, want %q", row.args, got.stdout, want)
			}
		}
	}
}
