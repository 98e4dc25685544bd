package taxii

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseFilter(t *testing.T) {
	const cursor = "EQEAAAAAAAAAAAAAAAAAAAAABko3TTJQAEJkuTs"
	next := cursorAt(t, Filter{}, 1)
	for _, row := range []struct {
		name    string
		query   string
		defined ParamSet
		want    string // describe's words; "" for an error
	}{
		{"nothing asks for nothing", "", ForObjects, "-"},
		{"added_after is one timestamp (T-069)", "added_after=2020-01-02T03:04:05.000006Z", ForObjects, "after 2020-01-02T03:04:05.000006Z"},
		{"added_after percent-encoded, without a fraction (T-071)", "added_after=2020-01-02T03%3A04%3A05Z", ForObjects, "after 2020-01-02T03:04:05.000000Z"},
		{"added_after twice (T-070)", "added_after=2020-01-02T03:04:05Z&added_after=2020-01-02T03:04:05Z", ForObjects, ""},
		{"added_after with an offset (T-071)", "added_after=2020-01-02T03:04:05%2B01:00", ForObjects, "after 2020-01-02T02:04:05.000000Z"},
		{"added_after empty", "added_after=", ForObjects, ""},
		{"added_after with two values", "added_after=2020-01-02T03:04:05Z,2021-01-02T03:04:05Z", ForObjects, ""},
		{"added_after without a value", "added_after", ForObjects, ""},
		{"limit (T-088)", "limit=7", ForObjects, "limit 7"},
		{"limit at the largest integer", "limit=9007199254740991", ForObjects, "limit 9007199254740991"},
		{"limit beyond the largest integer", "limit=9007199254740992", ForObjects, ""},
		{"limit beyond 64 bits", "limit=99999999999999999999999", ForObjects, ""},
		{"limit 0 (T-088)", "limit=0", ForObjects, ""},
		{"limit 00", "limit=00", ForObjects, ""},
		{"limit negative", "limit=-1", ForObjects, ""},
		{"limit with a sign, which a plus in a query is not", "limit=+5", ForObjects, ""},
		{"limit with an encoded plus", "limit=%2B5", ForObjects, ""},
		{"limit with a fraction", "limit=1.5", ForObjects, ""},
		{"limit with an exponent", "limit=1e3", ForObjects, ""},
		{"limit in other digits", "limit=%D9%A1", ForObjects, ""},
		{"limit a word", "limit=abc", ForObjects, ""},
		{"limit empty", "limit=", ForObjects, ""},
		{"limit twice (T-073)", "limit=5&limit=5", ForObjects, ""},
		{"next", "next=" + next, ForObjects, "next"},
		{"next twice (T-073)", "next=" + next + "&next=" + next, ForObjects, ""},
		{"next empty (T-095)", "next=", ForObjects, ""},
		{"next of another make (T-095)", "next=" + cursor, ForObjects, ""},
		{"fields combine, values are a list (T-072)", "match[type]=a,b&match[id]=x", ForObjects, "ids [x] types [a b]"},
		{"brackets and commas percent-encoded", "match%5Btype%5D=a%2Cb", ForObjects, "types [a b]"},
		{"a value repeated counts once", "match[type]=a,b,a", ForObjects, "types [a b]"},
		{"a type that STIX does not define (T-076)", "match[type]=x-my-type", ForObjects, "types [x-my-type]"},
		{"an id of no known shape (T-077)", "match[id]=%22quoted%22", ForObjects, `ids ["quoted"]`},
		{"a match field twice (T-073)", "match[type]=a&match[type]=b", ForObjects, ""},
		{"a match field twice in two spellings (T-073)", "match[type]=a&match%5Btype%5D=b", ForObjects, ""},
		{"an empty value (T-074)", "match[type]=", ForObjects, ""},
		{"an empty first item (T-074)", "match[type]=,a", ForObjects, ""},
		{"an empty middle item (T-074)", "match[type]=a,,b", ForObjects, ""},
		{"an empty last item (T-074)", "match[type]=a,", ForObjects, ""},
		{"a space after the comma (T-074)", "match[type]=a,%20b", ForObjects, ""},
		{"a plus, which is a space (T-074)", "match[type]=a,+b", ForObjects, ""},
		{"a control character", "match[id]=a%00", ForObjects, ""},
		{"bytes that are no UTF-8", "match[id]=%ff", ForObjects, ""},
		{"an unknown match field (T-075)", "match[colour]=red&match[colour]=&limit=1", ForObjects, "limit 1"},
		{"an unknown parameter", "utm_source=x", ForObjects, "-"},
		{"names in another case are other names", "LIMIT=abc&Match[Type]=", ForObjects, "-"},
		{"versions by keyword and by time are united (T-082)", "match[version]=first,2018-03-02T01:01:01.123Z,last", ForObjects, "versions first last [2018-03-02T01:01:01.123Z]"},
		{"all versions (T-082)", "match[version]=all", ForObjects, "versions all []"},
		{"all beside another (T-083)", "match[version]=all,last", ForObjects, ""},
		{"a keyword twice (T-083)", "match[version]=last,last", ForObjects, ""},
		{"a timestamp twice (T-083)", "match[version]=2018-03-02T01:01:01Z,first,2018-03-02T01:01:01Z", ForObjects, ""},
		{"a version with twelve digits of fraction (T-084)", "match[version]=2018-03-02T01:01:01.123456789012Z", ForObjects, "versions [2018-03-02T01:01:01.123456789012Z]"},
		{"a version that is neither (T-084)", "match[version]=newest", ForObjects, ""},
		{"a version on a day that does not exist", "match[version]=2018-02-30T01:01:01Z", ForObjects, ""},
		{"a keyword in capitals", "match[version]=ALL", ForObjects, ""},
		{"spec versions (T-078)", "match[spec_version]=2.0,2.1", ForObjects, "specs [2.0 2.1]"},
		{"a spec version of the future (T-078)", "match[spec_version]=9.9", ForObjects, "specs [9.9]"},
		{"a spec version that is none (T-078)", "match[spec_version]=abc", ForObjects, ""},
		{"a spec version of three parts", "match[spec_version]=2.1.0", ForObjects, ""},
		{"a spec version of one part", "match[spec_version]=2", ForObjects, ""},
		{"a bad escape (T-037)", "limit=5&x=%zz", ForObjects, ""},
		{"a semicolon, which Go drops in silence (T-037)", "limit=5;match[type]=a", ForObjects, ""},
		{"empty pairs between ampersands", "&&limit=5&", ForObjects, "limit 5"},
		{"match[id] of one object says nothing", "match[id]=&match[type]=&limit=2", ForObject, "limit 2"},
		{"match[version] of the versions says nothing", "match[version]=nonsense", ForVersions, "-"},
		{"nothing is defined, even limit", "limit=abc", ForNothing, "-"},
		{"form is judged where nothing is defined (T-037)", "%", ForNothing, ""},
		{"a delete takes versions", "match[version]=first&match[spec_version]=2.1", ForDelete, "specs [2.1] versions first []"},
		{"a delete refuses match[type] (T-075)", "match[version]=first&match[type]=a", ForDelete, ""},
		{"a delete refuses an unknown match field (T-075)", "match[versions]=first", ForDelete, ""},
		{"a delete refuses added_after (T-075)", "added_after=2020-01-02T03:04:05Z", ForDelete, ""},
		{"a delete refuses what is misspelt", "version=first", ForDelete, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, err := ParseFilter(row.query, row.defined, FilterLimits{})
			if row.want == "" {
				var typed *ParameterError
				if !errors.As(err, &typed) {
					t.Fatalf("got %s and %v, want a *ParameterError", describe(f), err)
				}
				if !reflect.DeepEqual(f, Filter{}) {
					t.Errorf("got %s beside an error, want nothing", describe(f))
				}
				if !strings.Contains(err.Error(), "expected") && !strings.Contains(err.Error(), "written") && !strings.Contains(err.Error(), "UTF-8") {
					t.Errorf("the message does not say what would be right: %v", err)
				}
				return
			}
			if err != nil || describe(f) != row.want {
				t.Errorf("got %s, %v, want %s", describe(f), err, row.want)
			}
		})
	}
}

func describe(f Filter) string {
	var words []string
	if f.HasAddedAfter {
		words = append(words, "after "+FormatTime(f.AddedAfter))
	}
	if f.Limit > 0 {
		words = append(words, fmt.Sprint("limit ", f.Limit))
	}
	if f.Next != nil {
		words = append(words, "next")
	}
	if f.IDs != nil {
		words = append(words, fmt.Sprint("ids ", f.IDs))
	}
	if f.Types != nil {
		words = append(words, fmt.Sprint("types ", f.Types))
	}
	if f.Specs != nil {
		words = append(words, fmt.Sprint("specs ", f.Specs))
	}
	if v := f.Versions; v.All || v.First || v.Last || v.Exact != nil {
		words = append(words, "versions")
		for _, word := range []struct {
			on   bool
			text string
		}{{v.All, "all"}, {v.First, "first"}, {v.Last, "last"}} {
			if word.on {
				words = append(words, word.text)
			}
		}
		words = append(words, fmt.Sprint(v.Exact))
		if v.Exact == nil {
			words[len(words)-1] = "[]"
		}
	}
	if words == nil {
		return "-"
	}
	return strings.Join(words, " ")
}

func TestFilterLimits(t *testing.T) {
	ids := strings.Repeat("indicator--91a7b528-80eb-42ed-a74d-c6fbd5a26116,", 4)
	query := "match[id]=" + ids[:len(ids)-1]
	if _, err := ParseFilter(query, ForObjects, FilterLimits{Values: 4}); err != nil {
		t.Errorf("four values where four are allowed: %v", err)
	}
	_, err := ParseFilter(query, ForObjects, FilterLimits{Values: 3})
	if err == nil || !strings.Contains(err.Error(), "4 values, expected at most 3") {
		t.Errorf("four values where three are allowed: got %v", err)
	}
	_, err = ParseFilter(query, ForObjects, FilterLimits{Bytes: len(query) - 1})
	if err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("a query of one byte too many: got %v", err)
	}
	if len(err.Error()) > 300 {
		t.Errorf("the message repeats what was sent: %d bytes", len(err.Error()))
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add("match[type]=a,b&limit=5&match[version]=first,2018-03-02T01:01:01.123Z")
	f.Add("next=" + cursorAt(f, Filter{Types: []string{"indicator"}}, 5))
	f.Fuzz(func(t *testing.T, query string) {
		for _, defined := range []ParamSet{ForObjects, ForObject, ForVersions, ForDelete, ForNothing} {
			got, err := ParseFilter(query, defined, FilterLimits{})
			if err != nil {
				if !reflect.DeepEqual(got, Filter{}) {
					t.Errorf("%q: got %s beside %v, want nothing", query, describe(got), err)
				}
				continue
			}
			if _, err := url.ParseQuery(query); err != nil {
				t.Errorf("%q is accepted although %v", query, err)
			}
			checkCursorOf(t, got)
		}
	})
}

// A query string is taken apart as net/url does it.
func FuzzSplitQuery(f *testing.F) {
	f.Add("limit=5&match%5Btype%5D=a,b&x=1&limit=6&limit=7&&=&a=b=c&%zz")
	f.Add("match[id]=a;b")
	f.Add("+=%2B&limit")
	f.Fuzz(func(t *testing.T, query string) {
		for _, defined := range []ParamSet{ForObjects, ForDelete} {
			list, stray, _, err := splitQuery(query, defined)
			values, parseErr := url.ParseQuery(query)
			if (err != nil) != (parseErr != nil) {
				t.Fatalf("%q: got error %v, want %v", query, err, parseErr)
			}
			if err != nil {
				continue
			}
			for i, p := range parameters {
				var want []string
				if defined&p.bit != 0 {
					want = values[p.name]
					delete(values, p.name)
				}
				if g := list[i]; g.times != len(want) || g.times > 0 && g.value != want[0] || g.times > 1 && g.second != want[1] {
					t.Errorf("%q: %s is %+v, want %q", query, p.name, g, want)
				}
			}
			names := slices.Sorted(maps.Keys(values))
			if (stray.times > 0) != (len(names) > 0) || len(names) > 0 && (stray.name != names[0] || stray.value != values[names[0]][0]) {
				t.Errorf("%q: what is not defined is %+v, want the first of %q", query, stray, names)
			}
		}
	})
}

// checkCursorOf holds that a cursor made under a filter is read back and gives the same query.
func checkCursorOf(t *testing.T, f Filter) {
	t.Helper()
	f.Next = nil
	text := f.Cursor(testCollection, time.UnixMicro(99)).String()
	if len(text) > longestCursor {
		t.Errorf("%s: the cursor has %d characters, want at most %d", describe(f), len(text), longestCursor)
	}
	c, err := ParseCursor(text)
	if err != nil || c.String() != text {
		t.Fatalf("%s: its cursor %s is read as %v, %v", describe(f), text, c, err)
	}
	f.Next = &c
	resolved, err := f.Resolve(testCollection)
	if err != nil {
		t.Fatalf("%s: its own cursor is refused: %v", describe(f), err)
	}
	if again := resolved.Cursor(testCollection, time.UnixMicro(99)).String(); again != text {
		t.Errorf("%s: the cursor %s leads to %s", describe(f), text, again)
	}
}
