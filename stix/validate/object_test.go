package validate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// parsed returns the object in a text, which must parse.
func parsed(t testing.TB, text string) stix.Object {
	t.Helper()
	o, findings := Parse([]byte(text), new(ijson.Tree), ijson.Limits{})
	if Invalid(findings) {
		t.Fatalf("%s: %v", text, findings)
	}
	return o
}

const identityText = `{"type":"identity","spec_version":"2.1","id":"identity--11111111-1111-4111-8111-111111111111",` +
	`"created":"2024-03-05T06:07:08.000Z","modified":"2024-03-05T06:07:08.000Z","name":"Harbour Office"%s}`

func TestObjectsOfSTIX20AreRefusedWithOneFindingUnlessTheyAreTaken(t *testing.T) { // S-050, trap t35
	legacy := func(typ, idType, more string) string {
		for name, value := range map[string]string{"name": `"a"`, "labels": `["remote-access"]`} {
			if !strings.Contains(more, `"`+name+`"`) {
				more += `,"` + name + `":` + value
			}
		}
		return fmt.Sprintf(`{"type":"%s","id":"%s--11111111-1111-4111-8111-111111111111","created":"2017-04-05T06:07:08.000Z",`+
			`"modified":"2017-04-05T06:07:08.000Z"%s}`, typ, idType, more)
	}
	both := Options{SpecVersions: []string{"2.1", "2.0"}}
	for _, row := range []struct {
		name string
		text string
		opts Options
		want string
	}{
		{"refused", legacy("indicator", "indicator", `,"labels":["benign"],"pattern":1`), Options{}, "S-050 error"},
		{"a pattern that is no string", legacy("indicator", "indicator", `,"labels":["benign"],"pattern":1`), both, "S-013 error; S-014 error /pattern"},
		{"refused where it says 2.0 itself", legacy("tool", "tool", `,"spec_version":"2.0"`), Options{}, "S-050 error /spec_version"},
		{"taken where it says 2.0 itself", legacy("tool", "tool", `,"spec_version":"2.0"`), both, ""},
		{"another id", legacy("tool", "indicator", ""), both, "S-017 error /id"},
		{"no identifier", legacy("tool", "tool-", ""), both, "S-015 error /id"},
		{"labels of the wrong type", legacy("tool", "tool", `,"labels":"x"`), both, "S-014 error /labels"},
		{"an empty list", legacy("tool", "tool", `,"labels":[]`), both, "S-026 error /labels"},
		{"a reference to another type", legacy("tool", "tool", `,"created_by_ref":"tool--11111111-1111-4111-8111-111111111111"`), both, "S-052 error /created_by_ref"},
		{"a reference that is none", legacy("tool", "tool", `,"created_by_ref":"x"`), both, "S-015 error /created_by_ref"},
		{"null", legacy("tool", "tool", `,"name":null`), both, "S-005 error /name"},
		{"a type that is none", legacy("Tool", "tool", ""), both, "S-010 error /type; S-017 error /id; S-078 warning /type"},
		{"modified before created", `{"type":"tool","id":"tool--11111111-1111-4111-8111-111111111111","created":"2017-04-05T06:07:08.000Z","modified":"2016-04-05T06:07:08.000Z","name":"a","labels":["remote-access"]}`, both, "S-051 error /modified"},
		{"no timestamp", `{"type":"tool","id":"tool--11111111-1111-4111-8111-111111111111","created":"2017","modified":"2016-04-05T06:07:08.000Z","name":"a","labels":["remote-access"]}`, both, "S-023 error /created"},
		{"no modified", `{"type":"tool","id":"tool--11111111-1111-4111-8111-111111111111","created":"2017-04-05T06:07:08.000Z","name":"a","labels":["remote-access"]}`, both, "S-013 error"},
		{"a marking definition has no modified", `{"type":"marking-definition","id":"marking-definition--11111111-1111-4111-8111-111111111111","created":"2017-04-05T06:07:08Z","definition_type":"statement","definition":{"statement":"a"}}`, both, "S-025 warning /created"},
		{"2.1 where only 2.0 is taken", fmt.Sprintf(identityText, ""), Options{SpecVersions: []string{"2.0"}}, "S-050 error /spec_version"},
		{"a version that does not exist, even if named", strings.Replace(fmt.Sprintf(identityText, ""), "2.1", "3.0", 1), Options{SpecVersions: []string{"3.0"}}, "S-050 error /spec_version"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := strings.Join(inShort(Object(parsed(t, row.text), row.opts)), "; "); got != row.want {
				t.Errorf("%s\n got: %s\nwant: %s", row.text, got, row.want)
			}
		})
	}
}

// Members of an observable container are checked against their types, those of STIX 2.0 as far as the two versions
// agree.
func TestMembersOfAnObservableContainerAreHeldToTheirTypes(t *testing.T) { // S-120 to S-126, trap t46
	const frame = `{"type":"observed-data","spec_version":"2.1","id":"observed-data--11111111-1111-4111-8111-111111111111",` +
		`"created":"2024-03-05T06:07:08.000Z","modified":"2024-03-05T06:07:08.000Z","first_observed":"2024-03-05T06:07:08Z",` +
		`"last_observed":"2024-03-05T06:07:08Z","number_observed":1,"objects":%s}`
	for _, row := range []struct{ name, objects, want string }{
		{"a file and its directory", `{"0":{"type":"file","name":"a","parent_directory_ref":"1"},"1":{"type":"directory","path":"/"}}`, ""},
		{"any identifier will do", `{"0":{"type":"file","id":"0","spec_version":"2.0","name":"a"}}`, ""},
		{"a file of STIX 2.0", `{"0":{"type":"file","name":"a","created":"2017-01-01T00:00:00Z","modified":"2016-01-01T00:00:00Z"}}`, ""},
		{"a process that has a name only, as in STIX 2.0", `{"0":{"type":"process","name":"a"}}`, ""},
		{"a process that has nothing", `{"0":{"type":"process"}}`, "S-165 error /objects/0"},
		{"a custom type", `{"0":{"type":"x-quay","berth":3}}`, ""},
		{"a required property missing", `{"0":{"type":"ipv4-addr"}}`, "S-013 error /objects/0"},
		{"a property of the wrong type", `{"0":{"type":"file","name":7}}`, "S-014 error /objects/0/name"},
		{"a value of the wrong form", `{"0":{"type":"ipv4-addr","value":"198.51.100.300"}}`, "S-159 error /objects/0/value"},
		{"times out of order", `{"0":{"type":"network-traffic","start":"2024-01-02T00:00:00Z","end":"2024-01-01T00:00:00Z","src_ref":"1","src_port":1,"dst_port":1,"protocols":["tcp"]},"1":{"type":"ipv4-addr","value":"198.51.100.3"}}`, "S-104 error /objects/0/end"},
		{"a key that is not there", `{"0":{"type":"file","name":"a","parent_directory_ref":"7"}}`, "S-124 error /objects/0/parent_directory_ref"},
		{"a key of another type, in a list", `{"0":{"type":"directory","path":"/","contains_refs":["1"]},"1":{"type":"mutex","name":"a"}}`, "S-125 error /objects/0/contains_refs/0"},
		{"a domain object", `{"0":{"type":"indicator"}}`, "S-014 error /objects/0"},
		{"a bundle", `{"0":{"type":"bundle"}}`, "S-014 error /objects/0"},
		{"no type", `{"0":{"name":"a"}}`, "S-013 error /objects/0"},
		{"an empty extension", `{"0":{"type":"file","name":"a","extensions":{"ntfs-ext":{}}}}`, "S-155 error /objects/0/extensions/ntfs-ext"},
		{"S-150: a header field of one string, as in STIX 2.0", `{"0":{"type":"email-message","is_multipart":false,"additional_header_fields":{"X-Mailer":"Mutt","Received":["a","b"]}}}`, ""},
		{"S-150: a header field that is a number", `{"0":{"type":"email-message","is_multipart":false,"additional_header_fields":{"X-Mailer":7}}}`, "S-150 error /objects/0/additional_header_fields/X-Mailer"},
		{"S-150: a request's header of one string, as in STIX 2.0", `{"0":{"type":"network-traffic","dst_ref":"1","protocols":["tcp","http"],"extensions":{"http-request-ext":{"request_method":"get","request_value":"/","request_header":{"Host":"quay.example"}}}},"1":{"type":"ipv4-addr","value":"198.51.100.3"}}`, ""},
		{"an address block in a MIME part", `{"0":{"type":"email-message","is_multipart":true,"body_multipart":[{"body_raw_ref":"1"}]},"1":{"type":"artifact","payload_bin":""}}`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var errors []Finding
			for _, f := range Object(parsed(t, fmt.Sprintf(frame, row.objects)), Options{}) {
				if f.Severity == Error {
					errors = append(errors, f)
				}
			}
			if got := strings.Join(inShort(errors), "; "); got != row.want {
				t.Errorf("%s\n got: %s\nwant: %s\n%v", row.objects, got, row.want, errors)
			}
		})
	}
}

func TestFindingsAreBoundedAndWarningsNeverDisplaceErrors(t *testing.T) {
	var labels strings.Builder
	for i := range 500 {
		fmt.Fprintf(&labels, `,"x%d":1`, 100+i)
	}
	o := parsed(t, fmt.Sprintf(identityText, labels.String()+`,"labels":[],"created_by_ref":"tool--11111111-1111-4111-8111-111111111111"`))
	for _, most := range []int{1, 2, 5, 100} {
		found := Object(o, Options{MaxFindings: most})
		if len(found) != most {
			t.Errorf("got %d findings, want %d", len(found), most)
		}
		for i, f := range found {
			if want := i < 2; want != (f.Severity == Error) {
				t.Errorf("of at most %d findings, number %d is %s %s, want errors first", most, i, f.Rule, f.Severity)
			}
		}
	}
	if got := len(Object(o, Options{})); got != DefaultMaxFindings {
		t.Errorf("got %d findings without a limit, want %d", got, DefaultMaxFindings)
	}
}

func TestFindingsComeInOneOrder(t *testing.T) {
	text := fmt.Sprintf(identityText, `,"x_b":{},"x_a":[],"roles":[7,""],"lang":"en_US","labels":[],"severity":1,"sectors":["a","B c"],"created_by_ref":"x"`)
	want := inShort(Object(parsed(t, text), Options{}))
	for range 20 {
		if got := inShort(Object(parsed(t, text), Options{})); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("got %v, then %v", want, got)
		}
	}
	last := ""
	for _, f := range Object(parsed(t, text), Options{}) {
		key := fmt.Sprint(f.Severity == Warning, f.Rule)
		if key < last {
			t.Errorf("%s stands behind %s", key, last)
		}
		last = key
	}
}

// Nothing that a sender can make long may cost quadratic time.
func TestLongObjectsAreJudgedInLinearTime(t *testing.T) {
	repeat := func(n int, item string) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+",", i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for _, row := range []struct {
		name string
		more func(n int) string
	}{
		{"selectors into a long list", func(n int) string {
			return `,"labels":[` + repeat(n, `"a"`) + `],"granular_markings":[{"lang":"en","selectors":[` + numbered(n, `"labels.[%d]"`) + `]}]`
		}},
		{"selectors into a large object", func(n int) string {
			return `,"x_quay":{` + numbered(n, `"k%d":1`) + `},"granular_markings":[{"lang":"en","selectors":[` + numbered(n, `"x_quay.k%d"`) + `]}]`
		}},
		{"custom properties", func(n int) string { return "," + numbered(n, `"x_%d_enc":1`) }},
		{"extensions", func(n int) string { return `,"extensions":{` + numbered(n, `"x-%d-ext":{"a_b":1}`) + `}` }},
		{"faults everywhere", func(n int) string { return `,"labels":[` + repeat(n, "null") + `],"roles":[` + repeat(n, "7") + `]` }},
		{"references", func(n int) string { return `,"object_marking_refs":[` + repeat(n, `"x"`) + `]` }},
	} {
		t.Run(row.name, func(t *testing.T) {
			cost := func(n int) time.Duration {
				text := fmt.Sprintf(identityText, row.more(n))
				best := time.Hour
				for range 3 {
					start := time.Now()
					Object(parsed(t, text), Options{})
					best = min(best, time.Since(start))
				}
				return best
			}
			for tries := 5; ; tries-- { // other processes may take the processor just then
				few, many := cost(4000), cost(32000)
				if many <= 40*few || many <= 200*time.Millisecond {
					break
				}
				if tries == 1 {
					t.Errorf("eight times as much cost %v, and %v before: more than eight times", many, few)
					break
				}
			}
		})
	}
}

func FuzzObject(f *testing.F) {
	for _, text := range []string{fmt.Sprintf(identityText, ""), fmt.Sprintf(identityText, `,"labels":[""],"granular_markings":[{"selectors":["labels.[0]"],"lang":"en"}]`),
		`{"type":"file","id":"file--11111111-1111-5111-8111-111111111111","hashes":{"MD5":"x"},"extensions":{"ntfs-ext":{"sid":"a"},"x-a-ext":{}}}`,
		`{"type":"observed-data","id":"observed-data--11111111-1111-4111-8111-111111111111","spec_version":"2.1","objects":{"0":{"type":"file","parent_directory_ref":"0","":{"a_ref":"0"}}}}`,
		`{"type":"x-quay","id":"x-quay--11111111-1111-4111-8111-111111111111","a_hex":"zz","b":{"c":[1e999]}}`,
		`{"type":"indicator","spec_version":"2.1","id":"indicator--11111111-1111-4111-8111-111111111111","pattern_type":"stix","pattern":"[a:b=1]","valid_from":"2024-01-01T00:00:00Z"}`} {
		f.Add([]byte(text))
	}
	for typ := range typeBits {
		for _, c := range readCases(f, "testdata/objects/"+typ+".txt") {
			f.Add(c.text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var tree ijson.Tree
		o, findings := Parse(text, &tree, ijson.Limits{})
		if Invalid(findings) {
			return
		}
		for _, opts := range []Options{{}, {SpecVersions: []string{"2.1", "2.0"}, MaxFindings: 3}} {
			for _, found := range Object(o, opts) {
				if found.Rule == "" || found.Message == "" || found.Section == "" || found.Severity != Error && found.Severity != Warning {
					t.Fatalf("%q: an incomplete finding %+v", text, found)
				}
			}
		}
		Bundle(&tree, Options{})
	})
}

func FuzzSelector(f *testing.F) {
	for _, s := range []string{"labels.[0]", "hashes.SHA-256", "a..b", "[0]", "a.[", "a.[999999999999999999999]"} {
		f.Add(s)
	}
	o := parsed(f, fmt.Sprintf(identityText, `,"labels":["a","b"]`))
	f.Fuzz(func(t *testing.T, selector string) {
		s := newSubject(the, o, Options{MaxFindings: 10})
		defer s.release()
		s.layOut(0)
		if !isSelector([]byte(selector)) {
			return
		}
		if at, ok := s.resolve([]byte(selector)); !ok && !strings.HasPrefix(selector, at) {
			t.Fatalf("%q leads nowhere behind %q", selector, at)
		}
	})
}
