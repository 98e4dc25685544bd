package pattern

import (
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix"
)

func instant(t *testing.T, s string) stix.Instant {
	t.Helper()
	in, err := stix.ParseInstant(s)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// TestWindowWithinTheIndicatorsValidity tests S-312: START and STOP lie between valid_from and valid_until, inclusive.
func TestWindowWithinTheIndicatorsValidity(t *testing.T) {
	const text = "[file:name = 'a'] START t'2024-02-01T00:00:00Z' STOP t'2024-03-01T00:00:00Z'"
	for _, row := range []struct {
		name, from, until string
		warnings          int
	}{
		{"nothing is known", "", "", 0},
		{"the window is the validity", "2024-02-01T00:00:00.000Z", "2024-03-01T00:00:00.000Z", 0},
		{"it is inside", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z", 0},
		{"START is earlier by a ten-thousandth", "2024-02-01T00:00:00.0001Z", "", 1},
		{"STOP is later by a ten-thousandth", "", "2024-02-29T23:59:59.9999Z", 1},
		{"both", "2024-02-02T00:00:00Z", "2024-02-03T00:00:00Z", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			var opts CheckOptions
			if row.from != "" {
				opts.ValidFrom = instant(t, row.from)
			}
			if row.until != "" {
				opts.ValidUntil = instant(t, row.until)
			}
			findings := ValidateIn(text, opts)
			if len(findings) != row.warnings || !Valid(findings) {
				t.Errorf("got %v, want %d warnings", findings, row.warnings)
			}
			for _, f := range findings {
				if f.Rule != "S-312" {
					t.Errorf("got %v, want S-312", f)
				}
			}
		})
	}
}

// TestVersions tests S-325: only version 2.0 lacks EXISTS, whatever else the indicator states.
func TestVersions(t *testing.T) {
	for version, valid := range map[string]bool{"": true, "2.1": true, "2.2": true, "2.0": false, "anything": true} {
		if got := Valid(Validate("[EXISTS file:name]", version)); got != valid {
			t.Errorf("version %q: EXISTS is valid: %v, want %v", version, got, valid)
		}
	}
	for version, valid := range map[string]bool{"": false, "2.1": false, "2.0": true} {
		for _, text := range []string{"[EXISTS:name = 1]", "[EXISTS : name = 1]", "[x-test:EXISTS = 1]", "[x-test:a.EXISTS[0] = 1]"} {
			if got := Valid(Validate(text, version)); got != valid {
				t.Errorf("version %q: %s is valid: %v, want %v", version, text, got, valid)
			}
		}
	}
}

// TestSeveralFindings tests that Check returns all findings, in the order of the text, each at its place.
func TestSeveralFindings(t *testing.T) {
	text := "[file:size == '5'\n AND url:value = 'ü' AND file:ctime > t'2024-02-30T00:00:00Z']\nREPEATS 0 TIMES REPEATS 1 TIMES"
	var got []string
	for _, f := range Validate(text, "") {
		got = append(got, strings.Join([]string{f.Rule, map[bool]string{true: "warning", false: "error"}[f.Warning],
			string(rune('0' + f.Line)), string(rune('0' + f.Column/10)), string(rune('0' + f.Column%10))}, " "))
	}
	want := []string{"S-301 warning 1 1 2", "S-319 warning 1 1 5", "S-313 error 2 0 6", "S-306 error 2 3 9", "S-307 error 3 0 9", "S-309 error 3 1 7"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestFindingsAreBounded tests that Check keeps its limit and never drops an error in favour of warnings.
func TestFindingsAreBounded(t *testing.T) {
	text := "[" + strings.Repeat("file:x_no = 1 OR ", 1000) + "malware:name = 'a'" + strings.Repeat(" OR malware:name = 'b'", 1000) + "]"
	findings := Validate(text, "")
	if Valid(findings) || len(findings) != 2*defaultFindings {
		t.Errorf("got %d findings, valid %v, want %d and an error", len(findings), Valid(findings), 2*defaultFindings)
	}
	p, err := Parse(text, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if findings := Check(p, CheckOptions{Findings: 3}); len(findings) != 6 || Valid(findings) {
		t.Errorf("got %v, want three warnings and three errors", findings)
	}
}

// TestCatalogue tests that the table of observables has every type of section 6, with properties, and that every form
// parses.
func TestCatalogue(t *testing.T) {
	m := catalogue()
	if len(m.types) != 18 || len(m.predefined) != 12 {
		t.Fatalf("got %d types and %d extensions, want 18 and 12", len(m.types), len(m.predefined))
	}
	for typ, object := range m.types {
		for _, common := range []string{"type", "id", "spec_version", "object_marking_refs", "granular_markings", "defanged", "extensions"} {
			if object.fields[common] == nil {
				t.Errorf("%s has no %s", typ, common)
			}
		}
		for name, forms := range object.fields {
			kind := forms[0].kind
			if strings.HasSuffix(name, "_ref") && kind != formReference {
				t.Errorf("%s:%s is %s, want a reference", typ, name, kind)
			}
			if strings.HasSuffix(name, "_refs") && (kind != formList || forms[0].inside.kind != formReference) && name != "object_marking_refs" {
				t.Errorf("%s:%s is %s, want a list of references", typ, name, kind)
			}
			if strings.HasSuffix(name, "_hex") != (kind == formHex) || strings.HasSuffix(name, "_bin") != (kind == formBinary) {
				t.Errorf("%s:%s is %s", typ, name, kind)
			}
		}
	}
}
