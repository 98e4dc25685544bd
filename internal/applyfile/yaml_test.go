package applyfile

import (
	"strings"
	"testing"
)

// Titles and names reach terminals and pages: nothing in them may act there.
func TestTextThatActsIsRefused(t *testing.T) {
	for _, c := range []string{`\u001b`, `\u009b`, `\u202e`, `\u2066`, `\u2028`} {
		_, err := Parse("exchange.yaml", []byte(`server: {title: "a`+c+`b"}`))
		if err == nil || !strings.Contains(err.Error(), "control character") {
			t.Errorf("%s: got %v, want a refusal", c, err)
		}
	}
}
