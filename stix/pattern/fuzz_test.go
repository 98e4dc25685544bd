package pattern

import (
	"errors"
	"strings"
	"testing"
)

// FuzzParse feeds texts to the whole package. It must not panic; a text is an error with its place or a pattern that,
// printed and parsed again, is equal and has the same findings.
func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.text, v.version == version20)
	}
	f.Fuzz(func(t *testing.T, text string, old bool) {
		version := ""
		if old {
			version = version20
		}
		findings := Validate(text, version)
		for _, finding := range findings {
			checkFinding(t, text, finding)
		}
		p, err := Parse(text, Options{Version: version})
		if err != nil {
			var syntax *SyntaxError
			if p != nil || !errors.As(err, &syntax) || Valid(findings) {
				t.Fatalf("%q: pattern %v, error %v, findings %v", text, p, err, findings)
			}
			return
		}
		printsBack(t, p, version)
		again := Validate(p.String(), version)
		if len(p.String()) <= MaxLength && rules(again) != rules(findings) {
			t.Errorf("%q: findings %v, printed %q: %v", text, findings, p.String(), again)
		}
	})
}

func rules(findings []Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Rule+map[bool]string{true: "w", false: "e"}[f.Warning])
	}
	return strings.Join(all, " ")
}
