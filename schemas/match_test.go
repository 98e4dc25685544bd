package schemas

import (
	"math/big"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix/ijson"
)

// matching lists strings near the limits of each hand-written pattern.
var matching = []string{
	"", "a", "ab", "id", "abc", "a--b", "-a", "a-", "a-b", "1ab", "aB", "a_b", "ab\n", "é", "MD5", "SHA-256", "a b", "0", "-", "--",
	"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "a--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "a--8E2E2D2B-17D4-4CBF-938F-98EE46B3CD3F",
	"a---8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "a--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3g",
	"x-y--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "x--y--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "a--8e2e2d2b017d4-4cbf-938f-98ee46b3cd3f",
	"2016-01-20T12:31:12Z", "2016-01-20T12:31:12.Z", "2016-01-20T12:31:12.0Z", "2016-01-20T12:31:12.123456Z", "2016-01-20T12:31:12",
	"2016-01-20t12:31:12Z", "2016-01-20T12:31:12z", "2016-01-20T12:31:12+00:00", "2016-01-20T12:31:12,5Z", "2016-01-20T12:31:12.5 Z",
	"extension-definition--", "extension-definition-", "extension-definition--x", "xextension-definition--",
	strings.Repeat("a", 249), strings.Repeat("a", 250), strings.Repeat("a", 251), strings.Repeat("A", 251),
}

func TestHandWrittenMatchersAgreeWithTheirExpressions(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for expression, match := range matchers {
		pattern := regexp.MustCompile(expression)
		try := func(s string) {
			if got, want := match([]byte(s)), pattern.MatchString(s); got != want {
				t.Errorf("%s on %q: got %v, want %v", expression, s, got, want)
			}
		}
		for _, s := range matching {
			try(s)
			for range 200 {
				b := []byte(s)
				for range 1 + source.IntN(2) {
					const alphabet = "aAzZ09-_.TZ: \n\x80\xc3"
					c := alphabet[source.IntN(len(alphabet))]
					switch i := source.IntN(len(b) + 1); {
					case i == len(b):
						b = append(b, c)
					case source.IntN(2) == 0:
						b[i] = c
					default:
						b = append(b[:i], b[i+1:]...)
					}
				}
				try(string(b))
			}
		}
	}
}

// Every matcher in the table is for a pattern that the schemas use.
func TestEveryHandWrittenMatcherIsUsed(t *testing.T) {
	used := map[string]bool{}
	for _, s := range library().schemas {
		if s.Pattern != nil {
			used[s.Pattern.String()] = true
		}
		for pattern := range s.PatternProperties {
			used[pattern.String()] = true
		}
	}
	for expression := range matchers {
		if !used[expression] {
			t.Errorf("no schema has the pattern %s", expression)
		}
	}
}

func FuzzMatchers(f *testing.F) {
	for _, s := range matching {
		f.Add(s)
	}
	patterns := map[string]*regexp.Regexp{}
	for expression := range matchers {
		patterns[expression] = regexp.MustCompile(expression)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for expression, match := range matchers {
			if got, want := match([]byte(s)), patterns[expression].MatchString(s); got != want {
				t.Fatalf("%s on %q: got %v, want %v", expression, s, got, want)
			}
		}
	})
}

var numbers = strings.Fields(`0 -0 0.0 1 -1 1.0 1.5 -1.5 0.5 100e-2 1e2 1E+2 10e-1 15e-1 0.1e1 0e99999999999999999999 1e400 -1e400 1e-400 90 90.0
	90.00000000000000000000001 89.99999999999999999999999 -90 -90.5 65535 65535.0 65536 6.5535e4 65535.00001 999999999 1000000000 0.9e9
	9007199254740993 123456789012345678901234567890 123456789012345678901234567890123456789.5 1234567890123456789012345678901234567890e-39
	0.0000000000000000000000000000000000000000000000000000000001 1e99999999999999999999 -1e-99999999999999999999 1.10 0.99999999999999999999e2
	999999999999999999 1000000000000000000 99999999999999999999e-10 180 180.1 -180.0 100 101 9.9e1 1.000e2`)

func TestDecimalsCompareLikeFractions(t *testing.T) {
	for _, text := range numbers {
		exact, ok := new(big.Rat).SetString(string(decodeNumber([]byte(text))))
		if !ok {
			t.Fatalf("%s becomes %s", text, decodeNumber([]byte(text)))
		}
		d := ijson.NewDecimal([]byte(text))
		if d.IsWhole() != exact.IsInt() {
			t.Errorf("%s is whole: got %v, want %v", text, d.IsWhole(), exact.IsInt())
		}
		for _, at := range []int64{0, 1, -1, 90, -90, 100, 180, -180, 65535, 999999999} {
			for _, side := range []int{-1, 1} {
				b := newBound(side, at)
				want := exact.Cmp(new(big.Rat).SetInt64(at)) != side
				if got := b.allows(d); got != want {
					t.Errorf("%s against %d, side %d: got %v, want %v", text, at, side, got, want)
				}
				if v, ok := smallInt([]byte(text)); ok && b.allowsInt(v) != want {
					t.Errorf("%s as an int against %d, side %d: want %v", text, at, side, want)
				}
			}
		}
	}
}

func FuzzNumbers(f *testing.F) {
	for _, text := range numbers {
		f.Add(text)
	}
	form := regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,5})?$`)
	f.Fuzz(func(t *testing.T, text string) {
		if !form.MatchString(text) {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		told, okTold := new(big.Rat).SetString(string(decodeNumber([]byte(text))))
		if !ok || !okTold {
			t.Fatalf("%s becomes %s", text, decodeNumber([]byte(text)))
		}
		d := ijson.NewDecimal([]byte(text))
		if d.IsWhole() != exact.IsInt() || told.IsInt() != exact.IsInt() {
			t.Fatalf("%s is whole: got %v, decoded %v, want %v", text, d.IsWhole(), told.IsInt(), exact.IsInt())
		}
		for _, at := range []int64{0, 1, -180, 65535, 999999999, 1<<63 - 1} {
			limit, bound := new(big.Rat).SetInt64(at), newBound(1, at)
			if got, want := bound.allows(d), exact.Cmp(limit) <= 0; got != want || (told.Cmp(limit) <= 0) != want {
				t.Fatalf("%s against %d: got %v, want %v", text, at, got, want)
			}
		}
	})
}
