package agreement

import (
	"strings"
	"testing"
	"time"
)

func TestSpans(t *testing.T) {
	for text, want := range map[string]string{"72h": "3d", "7d": "7d", "90s": "90s", "60m": "1h", "36525d": "36525d"} {
		got, err := ParseSpan(text)
		if err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
		again, err := ParseSpan(got.String())
		if err != nil || again != got {
			t.Errorf("%s: read again: got %v, %v", text, again, err)
		}
	}
	for _, text := range []string{"", "d", "0h", "-1h", "+1h", "1", "1w", "1.5h", "36526d", "99999999999999999999d", "1h30m", " 1h"} {
		if got, err := ParseSpan(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestTermsOnTimeThatContradictEachOther(t *testing.T) {
	day := Span(24 * time.Hour)
	for name, row := range map[string]struct {
		rule  Release
		field string
	}{
		"an embargo as long as the term": {Release{After: 365 * day}, "release[0].after"},
		"a date after the term":          {Release{NotBefore: time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC)}, "release[0].not_before"},
		"an unknown hold":                {Release{Hold: "approve-3"}, "release[0].hold"},
		"an expiry that does nothing":    {Release{Expire: &Expiry{}}, "release[0].expire.valid_until"},
		"an unknown expiry":              {Release{Expire: &Expiry{ValidUntil: "delete"}}, "release[0].expire.valid_until"},
		"all is well":                    {Release{After: 3 * day, Hold: HoldApprove2, Expire: &Expiry{ValidUntil: ExpiryRevoke, Grace: day}}, ""},
	} {
		a := sample()
		a.Parties = a.Parties[:1]
		a.Term = Term{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
		row.rule.To = "members"
		a.Release = []Release{row.rule}
		var fields []string
		for _, f := range Check(a) {
			if strings.HasPrefix(f.Field, "release") {
				fields = append(fields, f.Field)
			}
		}
		if got := strings.Join(fields, " "); got != row.field {
			t.Errorf("%s: got faults in %q, want %q", name, got, row.field)
		}
		doc, err := a.Document()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseDocument(doc); err != nil || !back.Release[0].Equal(a.Release[0]) {
			t.Errorf("%s: the document is read as %+v, %v", name, back, err)
		}
	}
}
