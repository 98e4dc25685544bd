package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix/pattern"
	"github.com/accord-taxii/accord/stix/validate"
)

// ruleRow describes a rule of any table.
type ruleRow struct {
	ID        string `json:"rule"`
	Section   string `json:"section,omitempty"` // of STIX 2.1
	Term      string `json:"term,omitempty"`    // of an agreement
	Level     string `json:"level"`
	Severity  string `json:"severity"`
	Summary   string `json:"summary"`
	Tolerable bool   `json:"tolerable"`
	Why       string `json:"why,omitempty"`        // it cannot be tolerated
	Breaks    string `json:"example_of,omitempty"` // how the example breaks the rule
	Example   string `json:"example,omitempty"`    // an object, a pattern, or terms and an object
	checkedOn string // for the document
}

// ruleRows returns every rule that can refuse an object or warn about it: of the Standard, of patterns, of agreements.
func ruleRows() []ruleRow {
	var rows []ruleRow
	on := map[validate.Layer]string{"text": "the text", "schema": "the shape", "semantic": "the meaning", "pattern": "the pattern", "cross": "several objects"}
	for _, r := range validate.Rules() {
		rows = append(rows, ruleRow{ID: r.ID, Section: r.Section, Level: string(r.Level), Severity: r.Severity.String(), Summary: r.Summary, checkedOn: on[r.Layer]})
	}
	for _, r := range pattern.Rules() {
		severity := validate.Error
		if r.Warning {
			severity = validate.Warning
		}
		rows = append(rows, ruleRow{ID: r.ID, Section: r.Section, Level: r.Level, Severity: severity.String(), Summary: r.Summary, checkedOn: "the pattern"})
	}
	for _, r := range agreement.Rules() {
		rows = append(rows, ruleRow{ID: r.ID, Term: r.Term, Level: "term", Severity: r.Severity.String(), Summary: r.Summary, Example: r.Example, checkedOn: "the agreement"})
	}
	for i := range rows {
		row := &rows[i]
		row.Tolerable, row.Why = validate.Tolerable(row.ID)
		if name, text, ok := validate.Example(row.ID); ok {
			row.Breaks, row.Example = name, text
		}
	}
	return rows
}

func newRuleCommand(e *env) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "rule [RULE-ID...]",
		Short: "Explain a rule that objects are held to",
		Long: `Prints what a rule asks for, where the Standard says so, what breaking it
means, whether an agreement may tolerate it, and an example that breaks it.
Without a RULE-ID it lists all rules. doc/rules.md is the same as a page.`,
		Example: `  accord rule S-051
  accord rule --format json | jq 'select(.severity == "error")'`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, row := range ruleRows() {
				ids = append(ids, row.ID+"\t"+row.Summary)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usageError("--format %q is neither text nor json", format)
			}
			return printRules(e.stdout, args, format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "how to answer: text, or json for a line of JSON a rule")
	return cmd
}

func printRules(w io.Writer, ids []string, format string) error {
	rows := ruleRows()
	if len(ids) > 0 {
		byID := map[string]ruleRow{}
		for _, row := range rows {
			byID[row.ID] = row
		}
		rows = nil
		for _, id := range ids {
			row, ok := byID[strings.ToUpper(id)]
			if !ok {
				return withHint(usageError("there is no rule %s", printable(id)), "accord rule lists them")
			}
			rows = append(rows, row)
		}
	}
	for i, row := range rows {
		var err error
		switch {
		case format == "json":
			err = writeJSONLine(w, row)
		case len(ids) == 0:
			_, err = fmt.Fprintf(w, "%s  %-7s  %s\n", row.ID, row.Severity, row.Summary)
		default:
			if i > 0 {
				fmt.Fprintln(w)
			}
			_, err = io.WriteString(w, row.page())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// page returns the text about a rule.
func (r *ruleRow) page() string {
	var b strings.Builder
	what := r.Summary
	if strings.HasSuffix(r.Level, "NOT") {
		what = "Forbidden: " + what
	}
	fmt.Fprintf(&b, "%s  %s\n\n", r.ID, what)
	switch {
	case r.Section != "":
		fmt.Fprintf(&b, "STIX 2.1, section %s (%s)\n", r.Section, r.Level)
	case r.Term != "":
		fmt.Fprintf(&b, "The term %s of an agreement\n", r.Term)
	}
	if r.Severity == "error" {
		b.WriteString("Breaking it is an error: the object is refused")
		if r.Tolerable {
			b.WriteString(", unless the agreement tolerates the rule (accept.tolerate)")
		}
	} else {
		b.WriteString("Breaking it is a warning: the object is kept")
	}
	b.WriteString("\n")
	if r.Severity == "error" && !r.Tolerable {
		fmt.Fprintf(&b, "%s\n", r.Why)
	}
	if r.Example != "" {
		b.WriteString("\nExample")
		if r.Breaks != "" {
			b.WriteString(", " + r.Breaks)
		}
		b.WriteString(":\n\n" + indented(r.Example) + "\n")
	}
	return b.String()
}

// indented returns an example on separate lines, with a line for each member of an object.
func indented(text string) string {
	if json.Valid([]byte(text)) && strings.HasPrefix(text, "{") {
		var b strings.Builder
		if out, err := json.MarshalIndent(json.RawMessage(text), "    ", "  "); err == nil {
			b.WriteString("    ")
			b.Write(out)
			return b.String()
		}
	}
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
