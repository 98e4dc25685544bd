package ijson

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParseRefusesWhatTwoReadersWouldReadDifferently(t *testing.T) { // S-001, S-002, S-003, T-006
	for _, row := range []struct {
		name, text string
		code       Code
		offset     int
		path       string
	}{
		{"nothing", "", Empty, 0, ""},
		{"only white space", " \n\t", Empty, 3, ""},
		{"a byte order mark", "\xef\xbb\xbf{}", BOM, 0, ""},
		{"text after the value", "{} x", Syntax, 3, ""},
		{"a truncated object", `{"a":1`, Syntax, 6, ""},
		{"a truncated string", `{"a":"x`, Syntax, 7, ""},
		{"two numbers apart", "[1 2]", Syntax, 2, ""},
		{"a literal torn apart", "[tr ue]", Syntax, 1, ""},
		{"a missing comma in spaced text", "{\n  \"a\": 1\n  \"b\": 2}", Syntax, 13, ""},
		{"a trailing comma", `{"a":1,}`, Syntax, 7, ""},
		{"a leading zero", `[01]`, Syntax, 2, ""},
		{"a bare decimal point", `[1.]`, Syntax, 3, ""},
		{"an escape that is none", `["\x"]`, Syntax, 2, ""},
		{"a control character", "[\"a\nb\"]", Syntax, 3, ""},
		{"an overlong encoding", "[\"\xc0\xaf\"]", UTF8, 2, ""},
		{"a truncated sequence", "[\"\xe2\x82\"]", UTF8, 2, ""},
		{"bytes that are no text outside a string", "[\xff]", UTF8, 1, ""},
		{"a surrogate as UTF-8", "[\"\xed\xa0\x80\"]", Surrogate, 2, ""},
		{"half a surrogate pair", `["\ud800"]`, Surrogate, 2, ""},
		{"a low surrogate first", `["\udc00\ud800"]`, Surrogate, 2, ""},
		{"a name twice", `{"a":1,"b":2,"a":3}`, Duplicate, 13, "/a"},
		{"a name twice once escaped", `{"name":1,"na\u006de":2}`, Duplicate, 10, "/name"},
		{"a name twice deep inside", `{"x":[0,{"y":{"a/b":1,"a/b":2}}]}`, Duplicate, 22, "/x/1/y/a~1b"},
		{"a syntax error after a name twice", `{"a":1,"a":2,`, Syntax, 13, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var tree Tree
			err := tree.Parse([]byte(row.text), Limits{})
			var fault *Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if fault.Code != row.code || fault.Offset != row.offset || fault.Path != row.path {
				t.Errorf("got code %d at %d path %q (%v), want code %d at %d path %q", fault.Code, fault.Offset, fault.Path, fault, row.code, row.offset, row.path)
			}
			if len(tree.Nodes) != 0 || tree.Text != nil {
				t.Error("a tree remains after an error")
			}
		})
	}
}

func TestDepthIsBounded(t *testing.T) {
	var tree Tree
	for depth, want := range map[int]Code{DefaultDepth: 0, DefaultDepth + 1: Depth, 100000: Depth} {
		err := tree.Parse([]byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)), Limits{})
		var fault *Error
		errors.As(err, &fault)
		if got := codeOf(fault); got != want {
			t.Errorf("depth %d: got code %d, want %d", depth, got, want)
		}
	}
}

func TestStringsAreBounded(t *testing.T) {
	for _, row := range []struct {
		name, text string
		code       Code
		offset     int
		path       string
		says       string
	}{
		{"eight bytes", `{"abcdefgh":"12345678"}`, 0, 0, "", ""},
		{"eight bytes as a name with an escape", `{"x":"\u00e9ab"}`, 0, 0, "", ""},
		{"nine bytes of a member", `{"a":1,"b":"123456789"}`, LongString, 11, "/b", "the string has 9 bytes, at most 8 are allowed"},
		{"nine bytes of a member among white space", "{ \"a\" : 1,\n \"b\" : \"123456789\" }", LongString, 18, "/b", "9 bytes"},
		{"nine bytes, counted as they are written", `["\u00e9abc"]`, LongString, 1, "/0", "9 bytes"},
		{"deep inside", `{"x":[0,{"a/b":{"y":[1,"123456789"]}}]}`, LongString, 23, "/x/1/a~1b/y/1", "9 bytes"},
		{"a member's name", `{"x":{"y":1,"123456789":2}}`, LongString, 12, "/x", "the member name has 9 bytes"},
		{"the whole text", `"123456789"`, LongString, 0, "", "9 bytes"},
		{"a string that goes on without end", `["123456789`, Syntax, 11, "", "ends inside a string"},
		{"a syntax error after it", `["123456789",`, Syntax, 13, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var tree Tree
			err := tree.Parse([]byte(row.text), Limits{StringBytes: 8})
			var fault *Error
			errors.As(err, &fault)
			if codeOf(fault) != row.code {
				t.Fatalf("got %v, want code %d", err, row.code)
			}
			if fault != nil && (fault.Offset != row.offset || fault.Path != row.path || !strings.Contains(fault.Message, row.says)) {
				t.Errorf("got %q at %d path %q, want %q at %d path %q", fault.Message, fault.Offset, fault.Path, row.says, row.offset, row.path)
			}
		})
	}
}

func codeOf(e *Error) Code {
	if e == nil {
		return 0
	}
	return e.Code
}

func TestTreeAnswersFromTheText(t *testing.T) {
	var tree Tree
	text := ` { "type" : "x\u002dy", "n": 1.50, "list": [ true , null , {"deep":["\ud83d\ude00"]} ], "": {} } `
	if err := tree.Parse([]byte(text), Limits{}); err != nil {
		t.Fatal(err)
	}
	if got, want := string(tree.Text), `{"type":"x\u002dy","n":1.50,"list":[true,null,{"deep":["\ud83d\ude00"]}],"":{}}`; got != want {
		t.Errorf("compact text: got %s, want %s", got, want)
	}
	if got := tree.Str(tree.Member(0, "type")); got != "x-y" {
		t.Errorf("type: got %q, want x-y", got)
	}
	if !tree.Is(tree.Member(0, "type"), "x-y") {
		t.Error("Is does not see through an escape")
	}
	if got := string(tree.Raw(tree.Member(0, "n"))); got != "1.50" {
		t.Errorf("n: got %s, want the digits as sent", got)
	}
	list := tree.Member(0, "list")
	var kinds []Kind
	var last int
	for item := range tree.Items(list) {
		kinds = append(kinds, tree.Kind(item))
		last = item
	}
	if len(kinds) != 3 || kinds[0] != True || kinds[1] != Null || kinds[2] != Object {
		t.Errorf("list: got kinds %v", kinds)
	}
	deep := tree.Member(last, "deep") + 1
	if got := tree.Str(deep); got != "😀" {
		t.Errorf("deep: got %q, want 😀", got)
	}
	if got, want := tree.Pointer(deep), "/list/2/deep/0"; got != want {
		t.Errorf("pointer: got %s, want %s", got, want)
	}
	if got := tree.Pointer(0); got != "" {
		t.Errorf("pointer of the root: got %q, want empty", got)
	}
	if tree.Member(tree.Member(0, "absent"), "x") != -1 {
		t.Error("a member of nothing is not -1")
	}
}

func TestEqualIsAboutValues(t *testing.T) {
	for _, row := range []struct {
		name, a, b string
		want       bool
	}{
		{"member order does not count", `{"a":1,"b":[2]}`, `{"b":[2],"a":1}`, true},
		{"list order counts", `[1,2]`, `[2,1]`, false},
		{"escapes do not count", `"\u0041\/"`, `"A/"`, true},
		{"spelling of numbers does not count", `[1.0,100,1e2,-0]`, `[1,1e2,100.00,0]`, true},
		{"large integers are exact", `9007199254740993`, `9007199254740992`, false},
		{"a member more", `{"a":1}`, `{"a":1,"b":1}`, false},
		{"huge exponents", `1e99999999999999999999`, `1e99999999999999999998`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := Equal([]byte(row.a), []byte(row.b)); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestPositionCountsCharacters(t *testing.T) {
	line, column := Position([]byte("{\n \"ü\": x"), 9)
	if line != 2 || column != 7 {
		t.Errorf("got %d:%d, want 2:7", line, column)
	}
}

// What parses is what encoding/json reads, except what this package refuses on purpose.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,"x\n\u00e9"],"b":{}}`, ` [ ] `, `{"a":1,"a":2}`, `"\ud800"`, "[1 2]", `-`, `[1,]`, `{"a" "b"}`, `tru`, `[- 1]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var tree Tree
		err := tree.Parse(text, Limits{})
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || fault.Offset < 0 || fault.Offset > len(text) {
				t.Fatalf("error out of bounds: %#v", err)
			}
			if fault.Code == Syntax && json.Valid(text) {
				t.Fatalf("refused as syntax what encoding/json reads: %q: %v", text, err)
			}
			return
		}
		if !json.Valid(text) {
			t.Fatalf("accepted what encoding/json refuses: %q", text)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil || !bytes.Equal(want.Bytes(), tree.Text) {
			t.Fatalf("compact: got %q, want %q (%v)", tree.Text, want.Bytes(), err)
		}
		if int(tree.Nodes[0].Next) != len(tree.Nodes) {
			t.Fatalf("root ends at %d of %d nodes", tree.Nodes[0].Next, len(tree.Nodes))
		}
		if !Equal(text, tree.Text) {
			t.Fatal("a text does not equal its compact form")
		}
		for i := range tree.Nodes {
			if tree.Nodes[i].Kind == String {
				var s string
				if err := json.Unmarshal(tree.Raw(i), &s); err != nil || s != tree.Str(i) {
					t.Fatalf("string %s: got %q, want %q", tree.Raw(i), tree.Str(i), s)
				}
			}
		}
	})
}

func TestATextThatIsTooLong(t *testing.T) {
	var tree Tree
	text := []byte(`{"a":"bcd"}`)
	if err := tree.Parse(text, Limits{Bytes: len(text)}); err != nil {
		t.Errorf("as long as allowed: got %v", err)
	}
	err := tree.Parse(text, Limits{Bytes: len(text) - 1})
	var e *Error
	if !errors.As(err, &e) || e.Code != TooLarge || e.Code.Malformed() || len(tree.Nodes) != 0 {
		t.Errorf("one byte longer: got %v and %d nodes, want TooLarge and none", err, len(tree.Nodes))
	}
}
