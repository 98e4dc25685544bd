package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

// pullFindings sums up which rules the objects break that were pulled. A page does not say what its collection tolerated, so they
// are judged here.
type pullFindings struct {
	rules ruleSums
	tree  ijson.Tree
}

func (f *pullFindings) judge(objects []json.RawMessage) {
	for _, text := range objects {
		o, findings := validate.Parse(text, &f.tree, ijson.Limits{})
		if !validate.Invalid(findings) {
			findings = append(findings, validate.Object(o, validate.Options{SpecVersions: []string{"2.0", "2.1"}})...)
		}
		f.rules.addFindings(findings)
	}
}

func (f *pullFindings) write(w io.Writer) error {
	for _, row := range f.rules.rows() {
		severity := "warning"
		if row.Severity == validate.Error.String() {
			severity = "tolerated"
		}
		if _, err := fmt.Fprintf(w, "  %s: %s (%s)\n", row.Rule, count(row.Objects, "object"), severity); err != nil {
			return err
		}
	}
	return nil
}
