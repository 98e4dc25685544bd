package applyfile

import (
	"strings"
	"testing"
)

// What a fault leads to is no fault of its own.
func TestAFaultIsReportedOnce(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"a name that can be none":        {"parties: [{name: Vendor}]\naccounts: [{name: a, party: Vendor}]\n", `f:1: name: the name "Vendor" may hold`},
		"a name that is a list":          {"agreements: [{name: [a], api_root: nicp}]\napi_roots: [{name: nicp}]\n", "f:1: name is a list here, want text"},
		"roles that are no list":         {"parties: [{name: p}]\napi_roots: [{name: r}]\nagreements: [{name: a, api_root: r, parties: [{party: p, roles: consumer}]}]\n", `f:3: parties[0].roles is "consumer" here, want a list`},
		"a party that is a list":         {"accounts: [{name: a, party: [p]}]\n", "f:1: party is a list here, want text"},
		"an agreement that is text":      {"agreements: [a]\n", `f:1: an agreement is "a" here, want a mapping`},
		"an API root's name that is bad": {"agreements: [{name: a, api_root: A B}]\n", `f:1: the agreement a: api_root: the name "A B" may hold`},
		"an anchor that is used twice":   {"api_roots: [{name: r}]\nagreements:\n  - {name: a, api_root: r, accept: &x {max_tlp: pink}}\n  - {name: b, api_root: r, accept: *x}\n", `f:3: accept.max_tlp is "pink" here`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewPlan(nil, read("f", []byte(tc.text)))
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v\nwant %s, and no more", err, tc.want)
			}
		})
	}
}

// Titles that known clients cannot use are applied with a warning.
func TestTitlesThatBreakClientsAreWarnedOf(t *testing.T) {
	text := "api_roots: [{name: r}]\nagreements:\n  - {name: a, api_root: r, title: \"Feed, daily\"}\n  - {name: d, api_root: r, title: Fine}\n" +
		"  - {name: l, api_root: r, title: \" Leading\"}\n  - {name: t, api_root: r, title: \"Trailing \"}\n"
	plan, err := NewPlan(nil, read("f", []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "a point or a comma", "l": "begins or ends with a space", "t": "begins or ends with a space"}
	for _, line := range plan.Lines() {
		if line.Kind != "agreement" {
			continue
		}
		if got := strings.Join(line.Warnings, "; "); got == "" != (want[line.Name] == "") || !strings.Contains(got, want[line.Name]) {
			t.Errorf("%s: got %q, want %q", line.Name, got, want[line.Name])
		}
		if len(line.Warnings) > 0 && !strings.Contains(line.String(), "\n  warning: ") {
			t.Errorf("%s: %q shows no warning", line.Name, line)
		}
	}
}
