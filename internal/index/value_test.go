package index

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// What is a domain, written as a regular expression.
var domainForm = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+([a-z]{2,63}|xn--[a-z0-9-]{1,59})$`)

func TestDomains(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "b", "7", "_", "-", ".", ".", "example", ".com", "xn--", "é", "A", " ", strings.Repeat("a", 59), strings.Repeat("b", 62), strings.Repeat("c", 63), "c2", ".n", ".xn--p1ai", ".xn--"}
	domains := 0
	for range 50_000 {
		var b strings.Builder
		for range 1 + r.IntN(6) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		got, want := isDomain(b.String()), domainForm.MatchString(b.String())
		if got != want {
			t.Fatalf("%q: got %v, want %v", b.String(), got, want)
		}
		if got {
			domains++
		}
	}
	if domains < 1000 {
		t.Errorf("only %d of them were domains", domains)
	}
}
