package stix

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/stix/ijson"
)

func object(t *testing.T, text string) Object {
	t.Helper()
	var tree ijson.Tree
	if err := tree.Parse([]byte(text), ijson.Limits{}); err != nil {
		t.Fatal(err)
	}
	return FromTree(&tree)
}

func TestParseInstantTakesExactlyTheStandardsForm(t *testing.T) { // S-023, S-024, traps t16 to t20
	for _, row := range []struct {
		text string
		ok   bool
	}{
		{"2016-01-20T12:31:12Z", true},
		{"2016-01-20T12:31:12.1Z", true},
		{"2016-01-20T12:31:12.12345678901234567890Z", true},
		{"2016-02-29T00:00:00Z", true},
		{"2000-02-29T00:00:00Z", true},
		{"2016-12-31T23:59:60Z", true},
		{"0000-01-01T00:00:00Z", true},
		{"1900-02-29T00:00:00Z", false},
		{"2015-02-29T00:00:00Z", false},
		{"2016-02-30T00:00:00Z", false},
		{"2016-04-31T00:00:00Z", false},
		{"2016-00-10T00:00:00Z", false},
		{"2016-01-00T00:00:00Z", false},
		{"2016-13-10T00:00:00Z", false},
		{"2016-01-20T24:00:00Z", false},
		{"2016-01-20T12:60:00Z", false},
		{"2016-01-20T12:30:60Z", false},
		{"2016-01-20T23:59:61Z", false},
		{"2016-01-20T12:31:12.Z", false},
		{"2016-01-20T12:31:12,5Z", false},
		{"2016-01-20T12:31:12", false},
		{"2016-01-20T12:31:12z", false},
		{"2016-01-20t12:31:12Z", false},
		{"2016-01-20 12:31:12Z", false},
		{"2016-01-20T12:31:12+00:00", false},
		{"2016-1-20T12:31:12Z", false},
		{"2016-01-20T2:31:12Z", false},
		{"2016-01-20T12:31:12.5ZZ", false},
		{"", false},
		{"Z", false},
	} {
		if _, err := ParseInstant(row.text); (err == nil) != row.ok {
			t.Errorf("%q: got error %v, want accepted %v", row.text, err, row.ok)
		}
	}
}

// The order of instants is the order of their keys.
func TestInstantsOrderInTimeAndSoDoTheirKeys(t *testing.T) {
	ascending := []string{
		"0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z",
		"2016-12-31T23:59:59Z", "2016-12-31T23:59:59.000000000001Z", "2016-12-31T23:59:59.5Z", "2016-12-31T23:59:59.99999999999Z",
		"2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00Z", "2017-01-01T00:00:00.1Z", "2017-01-01T00:00:00.12Z", "2017-01-01T00:00:00.2Z", "9999-12-31T23:59:59Z",
	}
	var keys [][]byte
	for i, text := range ascending {
		in, err := ParseInstant(text)
		if err != nil {
			t.Fatal(err)
		}
		key := in.AppendKey(nil)
		back, n := InstantOfKey(append(slices.Clone(key), 0xff, 0))
		if n != len(key) || back.Compare(in) != 0 {
			t.Errorf("%s: its key reads back as %v of %d bytes, want %d", text, back, n, len(key))
		}
		keys = append(keys, key)
		for j := range i {
			before, _ := ParseInstant(ascending[j])
			if before.Compare(in) != -1 || in.Compare(before) != 1 {
				t.Errorf("%s and %s: not in order", ascending[j], text)
			}
			if bytes.Compare(keys[j], key) != -1 {
				t.Errorf("%s and %s: keys not in order", ascending[j], text)
			}
		}
	}
	for _, same := range [][2]string{{"2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000Z"}, {"2020-01-01T00:00:00.1Z", "2020-01-01T00:00:00.1000000000000Z"}} {
		a, _ := ParseInstant(same[0])
		b, _ := ParseInstant(same[1])
		if a.Compare(b) != 0 || !bytes.Equal(a.AppendKey(nil), b.AppendKey(nil)) {
			t.Errorf("%s and %s are not one instant", same[0], same[1])
		}
	}
	in, _ := ParseInstant("2020-05-06T07:08:09.123456789123Z")
	if got, want := in.Time(), time.Date(2020, 5, 6, 7, 8, 9, 123456789, time.UTC); !got.Equal(want) {
		t.Errorf("Time: got %v, want %v", got, want)
	}
	if got := InstantOf(in.Time()); got.Compare(in) != -1 {
		t.Errorf("InstantOf keeps more than nanoseconds: %v", got)
	}
}

func TestParseIDTakesExactlyTheStandardsForm(t *testing.T) { // S-010, S-015, traps t9 and t10
	const uuid = "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
	for _, row := range []struct {
		name, text string
		ok         bool
	}{
		{"an indicator", "indicator--" + uuid, true},
		{"upper-case digits", "tool--" + strings.ToUpper(uuid), true},
		{"a custom type", "x-acme-thing--" + uuid, true},
		{"no type", "--" + uuid, false},
		{"one hyphen", "indicator-" + uuid, false},
		{"three hyphens", "indicator---" + uuid, false},
		{"upper-case type", "Indicator--" + uuid, false},
		{"a type of two letters", "ab--" + uuid, false},
		{"a type of 251 letters", strings.Repeat("a", 251) + "--" + uuid, false},
		{"braces", "indicator--{" + uuid + "}", false},
		{"a urn", "indicator--urn:uuid:" + uuid, false},
		{"no hyphens in the UUID", "indicator--" + strings.ReplaceAll(uuid, "-", ""), false},
		{"a short UUID", "indicator--" + uuid[:35], false},
		{"not hexadecimal", "indicator--" + strings.Replace(uuid, "8", "g", 1), false},
		{"nothing", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			id, err := ParseID(row.text)
			if (err == nil) != row.ok {
				t.Fatalf("got %v, want accepted %v", err, row.ok)
			}
			if _, u, _ := strings.Cut(row.text, "--"); row.ok && (id.Type()+"--"+id.UUID() != id.Type()+"--"+strings.ToLower(u) || id.UUIDVersion() != '4') {
				t.Errorf("got type %s, UUID %s, version %c", id.Type(), id.UUID(), id.UUIDVersion())
			}
		})
	}
}

func TestAnObjectsVersionIsModifiedElseCreatedElseNone(t *testing.T) { // T-065, T-080
	for _, row := range []struct{ name, text, version, spec string }{
		{"an SDO", `{"type":"tool","spec_version":"2.1","created":"2020-01-01T00:00:00.000Z","modified":"2020-01-02T00:00:00.10Z"}`, "2020-01-02T00:00:00.10Z", "2.1"},
		{"a marking definition", `{"type":"marking-definition","spec_version":"2.1","created":"2020-01-01T00:00:00.000Z"}`, "2020-01-01T00:00:00.000Z", "2.1"},
		{"an SCO", `{"type":"url","value":"https://example.com/"}`, "", "2.1"},
		{"an SDO of STIX 2.0", `{"type":"tool","created":"2020-01-01T00:00:00.000Z","modified":"2020-01-02T00:00:00.000Z"}`, "2020-01-02T00:00:00.000Z", "2.0"},
		{"a custom SCO", `{"type":"x-acme-thing","x":1}`, "", "2.1"},
		{"a broken modified", `{"type":"tool","spec_version":"2.1","created":"2020-01-01T00:00:00.000Z","modified":"yesterday"}`, "", "2.1"},
		{"no object", `[]`, "", "2.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := object(t, row.text)
			if o.Version != row.version || o.SpecVersion != row.spec || o.Instant.IsZero() != (row.version == "") {
				t.Errorf("got version %q, spec_version %s, want %q, %s", o.Version, o.SpecVersion, row.version, row.spec)
			}
		})
	}
}

func TestTheMostRestrictiveMarkingCounts(t *testing.T) { // traps t23, t24
	o := object(t, `{"type":"tool","object_marking_refs":["`+string(TLP1Green)+`","marking-definition--11111111-1111-4111-8111-111111111111"],
		"granular_markings":[{"selectors":["name"],"marking_ref":"`+string(TLP2AmberStrict)+`"},{"selectors":["name"],"lang":"en"}]}`)
	level, others := o.EffectiveTLP()
	if level != AmberStrict || len(others) != 1 {
		t.Errorf("got %v and %v, want amber+strict and one that is no TLP level", level, others)
	}
	for name, want := range map[string]TLP{"white": Clear, "CLEAR": Clear, "amber+strict": AmberStrict, "Red": Red, "": 0} {
		if got, err := ParseTLP(name); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", name, got, err, want)
		}
	}
	if _, err := ParseTLP("purple"); err == nil {
		t.Error("purple is taken for a level")
	}
}

func TestCategoryOfAnUnknownTypeIsWhatItDeclares(t *testing.T) {
	for text, want := range map[string]Category{
		`{"type":"x-thing-one","extensions":{"extension-definition--11111111-1111-4111-8111-111111111111":{"extension_type":"new-sro"}}}`: SRO,
		`{"type":"x-thing-two","created":"2020-01-01T00:00:00.000Z"}`:                                                                     SDO,
		`{"type":"x-thing-three"}`: SCO,
		`{"type":"sighting"}`:      SRO,
	} {
		if got := object(t, text).Category(); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func FuzzInstant(f *testing.F) {
	for _, s := range []string{"2016-01-20T12:31:12.000Z", "2016-12-31T23:59:60.5Z", "0000-02-29T00:00:00Z", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		in, err := ParseInstant(s)
		if err != nil {
			if !in.IsZero() {
				t.Fatal("an instant beside an error")
			}
			return
		}
		key := in.AppendKey(nil)
		if back, n := InstantOfKey(key); n != len(key) || back.Compare(in) != 0 {
			t.Fatalf("%q: key reads back as %v", s, back)
		}
		if got, err := time.Parse(time.RFC3339Nano, s); err == nil && got.Truncate(time.Nanosecond).Compare(in.Time()) != 0 {
			t.Fatalf("%q: got %v, want %v", s, in.Time(), got)
		}
	})
}

func FuzzParseID(f *testing.F) {
	f.Add("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil && id.Type()+"--"+id.UUID() != s {
			t.Fatalf("%q: reads back as %s--%s", s, id.Type(), id.UUID())
		}
	})
}
