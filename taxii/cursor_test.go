package taxii

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var testCollection = [16]byte{0x91, 0xa7, 0xb5, 0x28, 0x80, 0xeb, 0x42, 0xed, 0xa7, 0x4d, 0xc6, 0xfb, 0xd5, 0xa2, 0x61, 0x16}

func cursorAt(tb testing.TB, f Filter, micros int64) string {
	tb.Helper()
	text := f.Cursor(testCollection, time.UnixMicro(micros)).String()
	if _, err := ParseCursor(text); err != nil {
		tb.Fatalf("the cursor %s is not read: %v", text, err)
	}
	return text
}

func filterOf(t *testing.T, query string, defined ParamSet) Filter {
	t.Helper()
	f, err := ParseFilter(query, defined, FilterLimits{})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return f
}

// T-092, T-093, T-094, T-095: what a later request may say beside next.
func TestResolve(t *testing.T) {
	const id1, id2 = "indicator--91a7b528-80eb-42ed-a74d-c6fbd5a26116", "indicator--00000000-80eb-42ed-a74d-c6fbd5a26116"
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("indicator--91a7b528-80eb-42ed-a74d-%012d", i))
	}
	ids := "match[id]=" + strings.Join(many, ",")
	forty := strings.Join(many[:40], ",")
	slices.Reverse(many)
	reversed := "match[id]=" + strings.Join(many, ",")
	const place = "after 1970-01-01T00:00:01.000000Z next"
	for _, row := range []struct {
		name, made, asked, want string // want: describe's words, "" for an error
		defined                 ParamSet
	}{
		{"no filters at all", "", "", place, ForObjects},
		{"another limit", "limit=100", "limit=7", "after 1970-01-01T00:00:01.000000Z limit 7 next", ForObjects},
		{"a limit is not carried", "limit=100", "", place, ForObjects},
		{"added_after is ignored", "added_after=2020-01-01T00:00:00Z", "added_after=2021-01-01T00:00:00Z", place, ForObjects},
		{"a filter left out is the cursor's", "match[type]=indicator,malware", "", place + " types [indicator malware]", ForObjects},
		{"a filter repeated", "match[type]=indicator", "match[type]=indicator", place + " types [indicator]", ForObjects},
		{"values in another order mean the same", "match[type]=b,a", "match[type]=a,b,b", place + " types [a b]", ForObjects},
		{"some filters repeated, some left out", "match[type]=a&match[id]=" + id1 + "&match[spec_version]=2.1", "match[type]=a", place + " ids [" + id1 + "] types [a] specs [2.1]", ForObjects},
		{"another value", "match[type]=a", "match[type]=b", "", ForObjects},
		{"one value more", "match[type]=a", "match[type]=a,b", "", ForObjects},
		{"a filter that was not there", "", "match[type]=a", "", ForObjects},
		{"versions left out", "match[version]=all", "", place + " versions all []", ForObjects},
		{"the last version is what no version means", "", "match[version]=last", place + " versions last []", ForObjects},
		{"no version is what the last version means", "match[version]=last", "", place, ForObjects},
		{"all versions against the last", "match[version]=all", "match[version]=last", "", ForObjects},
		{"an exact version spelt otherwise", "match[version]=2018-03-02T01:01:01.500Z", "match[version]=2018-03-02T01:01:01.5Z", place + " versions [2018-03-02T01:01:01.5Z]", ForObjects},
		{"another exact version", "match[version]=2018-03-02T01:01:01.500Z", "match[version]=2018-03-02T01:01:01.501Z", "", ForObjects},
		{"forty identifiers left out", "match[id]=" + forty, "", place + " ids [" + strings.ReplaceAll(forty, ",", " ") + "]", ForObjects},
		{"forty identifiers and another type", "match[id]=" + forty, "match[type]=indicator", "", ForObjects},
		{"long filters repeated", ids, reversed, place + " ids " + fmt.Sprint(many), ForObjects},
		{"long filters left out", ids, "", "", ForObjects},
		{"long filters and another", ids, ids + "&match[type]=indicator", "", ForObjects},
		{"the same filters where they are defined", "match[spec_version]=2.1", "", place + " specs [2.1]", ForVersions},
		{"a filter this resource does not have", "match[type]=a", "", "", ForVersions},
	} {
		t.Run(row.name, func(t *testing.T) {
			next := cursorAt(t, filterOf(t, row.made, ForObjects), 1e6)
			most := 200
			if strings.Contains(row.made, forty) && row.made != ids {
				most = longestCursor
			}
			if len(next) > most || !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(next) {
				t.Errorf("got the cursor %s, want at most %d characters of base64url", next, most)
			}
			f := filterOf(t, strings.TrimPrefix(row.asked+"&next="+next, "&"), row.defined)
			got, err := f.Resolve(testCollection)
			if row.want == "" {
				if err == nil || !strings.Contains(err.Error(), "expected") {
					t.Errorf("got %s and %v, want an error that says what is expected", describe(got), err)
				}
				return
			}
			if err != nil || describe(got) != row.want {
				t.Errorf("got %s, %v\nwant %s", describe(got), err, row.want)
			}
		})
	}
	t.Run("a cursor of another collection is passed over (T-094, decision 0026)", func(t *testing.T) {
		f := filterOf(t, "match[type]=tool&next="+cursorAt(t, Filter{IDs: []string{id1}}, 1), ForObjects)
		got, err := f.Resolve([16]byte{1})
		if err != nil || !got.Foreign || got.Next != nil || got.HasAddedAfter || describe(got) != describe(filterOf(t, "match[type]=tool", ForObjects)) {
			t.Errorf("got %s, %v, want the filters of the query alone", describe(got), err)
		}
	})
	t.Run("a cursor of another object", func(t *testing.T) {
		next := cursorAt(t, Filter{}.OfObject(id1), 1)
		f := filterOf(t, "next="+next, ForObject)
		if got, err := f.OfObject(id1).Resolve(testCollection); err != nil || got.IDs[0] != id1 {
			t.Errorf("the same object: got %v, %v", got.IDs, err)
		}
		if _, err := f.OfObject(id2).Resolve(testCollection); err == nil {
			t.Error("another object: got no error")
		}
	})
}

// T-095: junk is told from cursors, whatever is done to one.
func TestParseCursorRefuses(t *testing.T) {
	good := cursorAt(t, Filter{Types: []string{"indicator", "malware"}, IDs: []string{"a--b", "indicator--91a7b528-80eb-42ed-a74d-c6fbd5a26116"}}, 1e15)
	for i := range good {
		if _, err := ParseCursor(good[:i]); err == nil {
			t.Errorf("cut to %d characters it is read", i)
		}
		for _, c := range "Aa0_" {
			if changed := good[:i] + string(c) + good[i+1:]; changed != good {
				if _, err := ParseCursor(changed); err == nil {
					t.Errorf("with character %d changed to %c it is read", i, c)
				}
			}
		}
	}
	for _, text := range []string{"", "0", "1000", good + "A", good + "=", good + "\n", good[:5] + "\r\n" + good[5:], " " + good, strings.Repeat("A", 2000), "null"} {
		if c, err := ParseCursor(text); err == nil || c.filters != nil {
			t.Errorf("%q: got %v, %v, want an error and nothing", text, c, err)
		}
	}
	// A text with a right checksum that this package would have written otherwise.
	for _, filters := range []string{"\x02\x02\x01b\x01a", "\x02\x00", "\x02\x01\x01a\x02\x01\x01b", "\x03\x04\x00", "\x09", "\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "\x03\x08\x00", "\x03\x01\x01\x01x", "\x02\x81\x00\x01a"} {
		text := Cursor{Collection: testCollection, filters: []byte(filters)}.String()
		if _, err := ParseCursor(text); err == nil {
			t.Errorf("filters %q are read", filters)
		}
	}
	far := Cursor{Position: time.UnixMicro(1 << 62)}.String()
	if _, err := ParseCursor(far); err == nil {
		t.Error("a position that no timestamp can name is read")
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(cursorAt(f, Filter{}, 1))
	f.Add(cursorAt(f, Filter{Types: []string{"indicator"}, Versions: VersionFilter{First: true, Exact: []string{"2018-03-02T01:01:01.5Z"}}, Specs: []string{"2.1"}}, 1e15))
	f.Fuzz(func(t *testing.T, text string) {
		check := func(text string) {
			c, err := ParseCursor(text)
			if err != nil {
				return
			}
			if c.String() != text {
				t.Errorf("%q is read and written back as %q", text, c.String())
			}
			if at, err := ParseTime(FormatTime(c.Position)); err != nil || !at.Equal(c.Position) {
				t.Errorf("%q: the position %v is no timestamp: %v", text, c.Position, err)
			}
		}
		check(text)
		// The same bytes with a right checksum, so that the fuzzer gets past it.
		if b, err := base64.RawURLEncoding.DecodeString(text); err == nil && len(b) > cursorHead {
			c := Cursor{Collection: testCollection, Position: time.UnixMicro(1), filters: b[cursorHead:]}
			check(c.String())
		}
	})
}

func FuzzFilterCodec(f *testing.F) {
	f.Add("a,b", "indicator--91a7b528-80eb-42ed-a74d-c6fbd5a26116", uint8(3))
	f.Fuzz(func(t *testing.T, types, ids string, words uint8) {
		checkCursorOf(t, Filter{
			Types:    strings.Split(types, ","),
			IDs:      strings.Split(ids, ","),
			Versions: VersionFilter{All: words&1 != 0, First: words&2 != 0, Last: words&4 != 0},
			Given:    ParamType | ParamID | ParamVersion,
			defined:  ForObjects,
		})
	})
}

func BenchmarkCursor(b *testing.B) {
	f := Filter{Types: []string{"indicator"}}
	at := time.UnixMicro(1e15)
	b.ReportAllocs()
	for b.Loop() {
		text := f.Cursor(testCollection, at).String()
		if _, err := ParseCursor(text); err != nil {
			b.Fatal(err)
		}
	}
}
