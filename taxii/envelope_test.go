package taxii

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// T-104, T-107, T-110: what is an envelope and what is not.
func TestSplitEnvelope(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       string // the objects with a bar between them; "" for an error
		code       SplitCode
	}{
		{"one object", `{"objects":[{"type":"a"}]}`, `{"type":"a"}`, 0},
		{"several, as they were written", "\n{ \"objects\" : [ { \"n\" : 1.50 } ,\t{} ] }\r\n", `{ "n" : 1.50 }|{}`, 0},
		{"a bundle (T-110)", `{"type":"bundle","id":"bundle--1","spec_version":"2.1","objects":[{}]}`, `{}`, 0},
		{"more and next are ignored (T-110)", `{"more":true,"next":"x","objects":[{}]}`, `{}`, 0},
		{"unknown members before and after", `{"a":[{"objects":[]}],"objects":[{}],"b":-1.5e+3,"c":null}`, `{}`, 0},
		{"brackets inside strings", `{"objects":[{"a":"}]{[\"\\"},{"b":"\\\\"}]}`, `{"a":"}]{[\"\\"}|{"b":"\\\\"}`, 0},
		{"the name written with escapes", `{"\u006fbjects":[{}]}`, `{}`, 0},
		{"inside an object only brackets count", `{"objects":[{nonsense}]}`, `{nonsense}`, 0},
		{"a name twice inside an object is not judged here", `{"objects":[{"a":1,"a":2}]}`, `{"a":1,"a":2}`, 0},

		{"empty", "", "", NotJSON},
		{"white space", " \n ", "", NotJSON},
		{"not JSON", "<html>", "", NotJSON},
		{"a byte order mark", "\xef\xbb\xbf" + `{"objects":[{}]}`, "", NotJSON},
		{"cut in the envelope", `{"objects":[{}]`, "", NotJSON},
		{"cut in the list", `{"objects":[{},`, "", NotJSON},
		{"cut in an object", `{"objects":[{"a":1`, "", NotJSON},
		{"cut in a string", `{"objects":[{"a":"`, "", NotJSON},
		{"cut after a backslash", `{"objects":[{"a":"\`, "", NotJSON},
		{"cut after a name", `{"objects"`, "", NotJSON},
		{"text after the end", `{"objects":[{}]}{}`, "", NotJSON},
		{"a zero byte after the end", "{\"objects\":[{}]}\x00", "", NotJSON},
		{"a comma too many in the list", `{"objects":[{},]}`, "", NotJSON},
		{"a comma too many in the envelope", `{"objects":[{}],}`, "", NotJSON},
		{"no comma", `{"objects":[{}{}]}`, "", NotJSON},
		{"no colon", `{"objects"[{}]}`, "", NotJSON},
		{"a name without quotes", `{objects:[{}]}`, "", NotJSON},
		{"an unknown member that is not JSON (T-110)", `{"a":01,"objects":[{}]}`, "", NotJSON},
		{"an unknown member with a bad escape", `{"a":"\x","objects":[{}]}`, "", NotJSON},
		{"an unknown member that is not UTF-8", "{\"a\":\"\xff\",\"objects\":[{}]}", "", NotJSON},
		{"a name that is not UTF-8", "{\"\xff\":1,\"objects\":[{}]}", "", NotJSON},
		{"a list", `[{"type":"a"}]`, "", NotEnvelope},
		{"a string", `"objects"`, "", NotEnvelope},
		{"a number", `17`, "", NotEnvelope},
		{"null", `null`, "", NotEnvelope},
		{"no members", `{}`, "", NotEnvelope},
		{"no objects", `{"more":false}`, "", NotEnvelope},
		{"a single object", `{"type":"indicator","id":"x"}`, "", NotEnvelope},
		{"the name in another case", `{"Objects":[{}]}`, "", NotEnvelope},
		{"objects empty", `{"objects":[]}`, "", NotEnvelope},
		{"objects empty with white space", `{"objects":[ ]}`, "", NotEnvelope},
		{"objects null", `{"objects":null}`, "", NotEnvelope},
		{"objects an object", `{"objects":{"a":1}}`, "", NotEnvelope},
		{"an item that is a string", `{"objects":[{},"a"]}`, "", NotObject},
		{"an item that is a list", `{"objects":[[{}]]}`, "", NotObject},
		{"an item that is null", `{"objects":[null]}`, "", NotObject},
		{"objects twice", `{"objects":[{}],"objects":[{}]}`, "", DuplicateName},
		{"objects twice, once with escapes", `{"objects":[{}],"object\u0073":[{}]}`, "", DuplicateName},
		{"another member twice", `{"a":1,"a":1,"objects":[{}]}`, "", DuplicateName},
	} {
		t.Run(row.name, func(t *testing.T) {
			objects, err := SplitEnvelope([]byte(row.body), EnvelopeLimits{})
			if row.want != "" {
				if got := string(bytes.Join(objects, []byte("|"))); err != nil || got != row.want {
					t.Errorf("got %s, %v, want %s", got, err, row.want)
				}
				return
			}
			var split *SplitError
			if !errors.As(err, &split) || objects != nil {
				t.Fatalf("got %d objects and %v, want a *SplitError", len(objects), err)
			}
			if split.Code != row.code {
				t.Errorf("got code %d, want %d (%v)", split.Code, row.code, err)
			}
			if split.Offset < 0 || split.Offset > len(row.body) || split.Line < 1 || split.Column < 1 {
				t.Errorf("got a place outside the body: %v", err)
			}
		})
	}
}

func TestSplitEnvelopeSaysWhere(t *testing.T) {
	_, err := SplitEnvelope([]byte("{\n \"é\":1, \"objects\":[\n  {},\n  17\n]}"), EnvelopeLimits{})
	var split *SplitError
	if !errors.As(err, &split) || split.Line != 4 || split.Column != 3 || split.Offset != 31 {
		t.Fatalf("got %v, want line 4, column 3, byte 31", err)
	}
	if !strings.Contains(err.Error(), "item 1 of \"objects\" is a number") {
		t.Errorf("got %v", err)
	}
	_, err = SplitEnvelope([]byte(`{"é":1,"é":2}`), EnvelopeLimits{})
	if !errors.As(err, &split) || split.Column != 8 || split.Offset != 8 {
		t.Errorf("got %v, want column 8 (characters), byte 8", err)
	}
}

func TestSplitEnvelopeLimits(t *testing.T) {
	nested := func(n int) string {
		return `{"objects":[{}, ` + strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) + "]}"
	}
	for _, row := range []struct {
		name, body string
		limits     EnvelopeLimits
		code       SplitCode
	}{
		{"as deep as allowed", nested(5), EnvelopeLimits{Depth: 5}, 0},
		{"one level deeper", nested(6), EnvelopeLimits{Depth: 5}, TooDeep},
		{"as deep as allowed by default", nested(DefaultDepth), EnvelopeLimits{}, 0},
		{"a hundred thousand levels", nested(100_000), EnvelopeLimits{}, TooDeep},
		{"deep in an unknown member", `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `,"objects":[{}]}`, EnvelopeLimits{}, TooDeep},
		{"as many as allowed", `{"objects":[{},{},{}]}`, EnvelopeLimits{Objects: 3}, 0},
		{"one too many", `{"objects":[{},{},{},{}]}`, EnvelopeLimits{Objects: 3}, TooManyObjects},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := SplitEnvelope([]byte(row.body), row.limits)
			var split *SplitError
			if row.code == 0 && err != nil || row.code != 0 && (!errors.As(err, &split) || split.Code != row.code) {
				t.Errorf("got %v, want code %d", err, row.code)
			}
		})
	}
}

// Bodies on which a careless scanner takes the square of their length: hours, where a second will do. The time that go test
// gives a package is the limit.
func TestSplitEnvelopeTakesLinearTime(t *testing.T) {
	const n = 1 << 20
	var members strings.Builder
	for i := range n / 16 {
		fmt.Fprintf(&members, "%q:0,", fmt.Sprint("m", i))
	}
	for name, body := range map[string]string{
		"backslashes":     `{"objects":[{"a":"` + strings.Repeat(`\\`, n) + `"}]}`,
		"opening braces":  `{"objects":[` + strings.Repeat(`{`, n),
		"quotes":          `{"objects":[{` + strings.Repeat(`"a"`, n),
		"unknown members": `{` + members.String() + `"objects":[{}]}`,
		"empty objects":   `{"objects":[` + strings.Repeat(`{},`, n) + `{}]}`,
	} {
		t.Run(name, func(t *testing.T) { SplitEnvelope([]byte(body), EnvelopeLimits{Objects: 2 * n}) })
	}
}

// What is accepted is what encoding/json accepts, apart from what I-JSON adds (duplicate names, UTF-8) and the bounds.
func FuzzSplitEnvelope(f *testing.F) {
	f.Add([]byte(`{"objects":[{"type":"a","b":[1,{"c":"\"}"}]}],"more":false}`))
	f.Add([]byte(` {"a" : 1.5e3 , "objects" : [ { } , {} ] } `))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		objects, err := SplitEnvelope(body, EnvelopeLimits{})
		var members map[string]json.RawMessage
		var items []json.RawMessage
		valid := json.Unmarshal(body, &members) == nil && json.Unmarshal(members["objects"], &items) == nil && len(items) > 0
		for _, item := range items {
			valid = valid && item[0] == '{'
		}
		if err != nil {
			var split *SplitError
			if !errors.As(err, &split) || objects != nil {
				t.Fatalf("got %d objects and the error %v", len(objects), err)
			}
			excused := split.Code == DuplicateName || split.Code == TooDeep || !utf8.Valid(body)
			if valid && !excused {
				t.Errorf("%q is an envelope but is refused: %v", body, err)
			}
			return
		}
		whole := true
		for _, object := range objects {
			whole = whole && json.Valid(object)
		}
		if !whole {
			return // the parser of that object refuses the body
		}
		if !valid {
			t.Fatalf("%q is no envelope but is accepted", body)
		}
		if len(items) != len(objects) {
			t.Fatalf("%q: got %d objects, want %d", body, len(objects), len(items))
		}
		for i := range items {
			if !bytes.Equal(items[i], objects[i]) {
				t.Errorf("object %d: got %q, want %q", i, objects[i], items[i])
			}
		}
	})
}

func BenchmarkSplitEnvelope(b *testing.B) {
	object := `{"type":"indicator","spec_version":"2.1","id":"indicator--91a7b528-80eb-42ed-a74d-c6fbd5a26116","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"A name of ordinary length","description":"` + strings.Repeat("words and words ", 40) + `","pattern":"[file:hashes.'SHA-256' = 'aa']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","labels":["a","b"]}`
	body := []byte(`{"objects":[` + strings.Repeat(object+",", 999) + object + `]}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := SplitEnvelope(body, EnvelopeLimits{}); err != nil {
			b.Fatal(err)
		}
	}
}
