package schemas

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix/ijson"
)

// sample returns the full sample of a type, as a document to change.
func sample(t testing.TB, typ string) map[string]any {
	t.Helper()
	for _, o := range samples(t) {
		if typeOf(o) == typ && o.Member(0, "granular_markings") >= 0 || typeOf(o) == typ && typ == "bundle" {
			var doc map[string]any
			decoder := json.NewDecoder(bytes.NewReader(o.Text))
			decoder.UseNumber()
			if err := decoder.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			return doc
		}
	}
	t.Fatalf("no full sample of %s", typ)
	return nil
}

// change sets the value at a path of names ("0" names item 0 of a list) to the JSON text, or removes it if the text is
// empty.
func change(t testing.TB, doc map[string]any, path, text string) {
	t.Helper()
	var value any
	if text != "" {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	names := strings.Split(path, "/")
	var at any = doc
	for _, name := range names[:len(names)-1] {
		if list, ok := at.([]any); ok {
			at = list[0]
			continue
		}
		at = at.(map[string]any)[name]
	}
	last := names[len(names)-1]
	switch at := at.(type) {
	case []any:
		at[0] = value
	case map[string]any:
		at[last] = value
		if text == "" {
			delete(at, last)
		}
	default:
		t.Fatalf("%s is no path", path)
	}
}

// violations returns the violations of the document and fails the test unless Check agrees.
func violations(t testing.TB, typ string, doc map[string]any) []Violation {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	o := parse(t, string(text))
	told := Explain(typ, o)
	if got := Check(typ, o); got != (len(told) == 0) {
		t.Errorf("Check says %v, Explain %v", got, told)
	}
	return told
}

// jargon matches words of JSON Schema that senders should not have to know.
var jargon = regexp.MustCompile(`(?i)keyword|anyOf|oneOf|allOf|minItems|minProperties|regex|\^|\$|\boctets\b.*octets|array|\bobject is\b`)

func TestEveryRuleHasItsViolation(t *testing.T) {
	const mark = `{"selectors":["name"],"marking_ref":"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"}`
	for _, row := range brokenObjects {
		t.Run(row.typ+": "+row.name, func(t *testing.T) {
			doc := sample(t, row.typ)
			for _, set := range strings.Split(row.change, " ; ") {
				path, text, _ := strings.Cut(set, " ")
				change(t, doc, path, strings.ReplaceAll(text, "MARK", mark))
			}
			var got []string
			for _, v := range violations(t, row.typ, doc) {
				got = append(got, strings.TrimSpace(v.Rule+" "+v.Path))
				if jargon.MatchString(v.Message) || strings.ContainsAny(v.Message[:1], " :") || len(v.Message) > 500 {
					t.Errorf("%s: the message %q", v.Rule, v.Message)
				}
			}
			slices.Sort(got)
			want := strings.Split(row.want, ", ")
			if row.want == "" {
				want = nil
			}
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestMessagesNameWhatWasFoundAndWhatWouldBeRight(t *testing.T) {
	for _, row := range []struct{ typ, change, want string }{
		{"indicator", `valid_from `, `the indicator lacks valid_from, which is required`},
		{"indicator", `valid_from "yesterday"`, `valid_from is "yesterday", expected a timestamp of the form YYYY-MM-DDTHH:mm:ss[.fraction]Z, in UTC`},
		{"indicator", `labels []`, `labels is an empty list; leave it out, or put at least one item in`},
		{"indicator", `labels [1]`, `labels/0 is 1, expected a string`},
		{"indicator", `confidence 101`, `confidence is 101, expected a whole number from 0 to 100`},
		{"indicator", `revoked "no"`, `revoked is "no", expected true or false`},
		{"indicator", `name null`, `name is null, expected a string`},
		{"indicator", `b-d 1`, `the property name "b-d" in the indicator is not a name to use, expected a property name: 3 to 250 letters, digits and underscores, first a letter; id is the one shorter name`},
		{"indicator", `defanged true`, `defanged is true: Only a cyber-observable object may have defanged`},
		{"opinion", `opinion "maybe"`, `opinion is "maybe", expected one of "strongly-disagree", "disagree", "neutral", "agree", "strongly-agree"`},
		{"location", `region  ; country  ; latitude  ; longitude  ; precision `, `A location names a region, or a country, or a latitude together with a longitude; found none of them`},
		{"location", `latitude  ; precision `, `latitude and longitude stand only together; found longitude -18, but no latitude`},
		{"malware", `name `, `A malware family (is_family is true) has a name; found is_family true, but no name`},
		{"email-message", `is_multipart true`, `body stands only in a message that is not multipart (is_multipart is false); found body "b" and is_multipart true`},
		{"windows-registry-key", `key  ; values  ; modified_time  ; creator_user_ref  ; number_of_subkeys `, `A registry key has at least one of its own properties; found none of creator_user_ref, key, modified_time, number_of_subkeys and values`},
		{"windows-registry-key", `values [{}]`, `A registry value has at least one of its properties; found none of data, data_type and name`},
		{"observed-data", `object_refs `, `Observed data has exactly one of objects and object_refs; found none of them`},
	} {
		doc := sample(t, row.typ)
		for _, set := range strings.Split(row.change, " ; ") {
			path, text, _ := strings.Cut(set, " ")
			change(t, doc, path, text)
		}
		told := violations(t, row.typ, doc)
		if len(told) == 0 || !slices.ContainsFunc(told, func(v Violation) bool { return v.Message == row.want }) {
			t.Errorf("%s, %s:\n got %+v\nwant %s", row.typ, row.change, told, row.want)
		}
	}
}

func TestViolationsStandInTheOrderOfTheText(t *testing.T) {
	o := parse(t, `{"name":1,"zzz":null,"labels":[1,"a",2],"type":"tool","spec_version":"2.1","Bad~/%name":[],"id":"tool"}`)
	var got []string
	for _, v := range Explain("tool", o) {
		got = append(got, v.Rule+" "+v.Path)
	}
	want := []string{"S-013 ", "S-013 ", "S-014 /name", "S-005 /zzz", "S-014 /labels/0", "S-014 /labels/2",
		"S-011 /Bad~0~1%name", "S-015 /id"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// An object made to be expensive is still explained, within bounds.
func TestALargeObjectIsExplainedBriefly(t *testing.T) {
	many := strings.Repeat(`1,`, 2_000_000) + "1"
	o := parse(t, `{"type":"tool","spec_version":"2.1","id":"tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2020-01-01T00:00:00.000Z",
		"modified":"2020-01-01T00:00:00.000Z","name":"n","aliases":["a","b",`+many+`]}`)
	told := Explain("tool", o)
	if Check("tool", o) || len(told) != 1 || told[0].Path != "/aliases/2" {
		t.Errorf("got %.300v, want one violation at /aliases/2", told)
	}
	o = parse(t, `{"type":"tool","labels":[`+strings.Repeat(`1,`, 15_000)+`1]}`)
	if told := Explain("tool", o); len(told) != mostViolations {
		t.Errorf("got %d violations, want %d", len(told), mostViolations)
	}
}

func TestWhatIsNoObjectIsSaidToBeNone(t *testing.T) {
	for _, text := range []string{`null`, `[]`, `"tool"`, `5`, `true`, `{}`, `{"type":5}`} {
		o := new(ijson.Tree)
		if err := o.Parse([]byte(text), ijson.Limits{}); err != nil {
			t.Fatal(err)
		}
		for _, typ := range []string{"", "tool", "file", "bundle", "x-acme-thing"} {
			told := Explain(typ, o)
			if Check(typ, o) || len(told) == 0 {
				t.Errorf("%s as %q: got %v", text, typ, told)
			}
			if typ == "" && (told[0].Rule != "S-004" && told[0].Rule != "S-005" || told[0].Path != "") {
				t.Errorf("%s: got %+v, want S-004", text, told)
			}
		}
	}
}
