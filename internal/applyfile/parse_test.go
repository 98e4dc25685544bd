package applyfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// everything is an apply file that says all that can be said.
const everything = `
server: {title: Example exchange, description: "", contact: ""}
api_roots:
  - {name: nicp, title: Industry partnership, description: "", max_content_length: 104857600}
  - {name: states, reveal: true}
parties:
  - {name: vendor, title: Vendor Ltd, identity: "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"}
  - {name: agency}
accounts:
  - {name: vendor-push, party: vendor, password_env: VENDOR_PW}
  - {name: root, operator: true, password_file: root.pw}
  - name: agency-pull
    party: agency
    password_hash: $argon2id$v=19$m=1024,t=1,p=1$c2FsdHktc2FsdA$AAAAAAAAAAAAAAAAAAAAAA
    certificates: ["CN=pull,O=Agency", "SHA256:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF"]
    disabled: true
agreements:
  - name: gsp
    title: Government programme
    description: |
      What vendors give
      to the agency.
    api_root: nicp
    collection: {id: 91a7b528-80eb-42ed-a74d-c6fbd5a26116, alias: gsp}   # both optional
    parties:
      - {party: vendor, roles: [producer, consumer]}
      - {party: agency, roles: [consumer, auditor]}
    term: {from: 2026-01-01, until: 2029-01-01T12:00:00Z}
    accept: {types: [indicator, x-acme], spec_versions: [2.1, '2.0'], max_tlp: AMBER+STRICT, default_tlp: white, require_marking: true, warnings: reject, keep_refused: 30d, created_by: party, future_modified: reject, max_pap: amber, markings: {carry: [statement, pap]}}
    release:
      - {to: members, max_tlp: green, types: [indicator], max_pap: WHITE, markings: {carry: []}}
    retention: {versions: 10, max_age: 90d}
  - {name: members, api_root: states, accept: {types: []}, release: [], term: , retention: {}}
`

func parse(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("exchange.yaml", []byte(text))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return f
}

func TestParseEverything(t *testing.T) {
	f := parse(t, everything)
	if got, want := f.roots[1].Root, (store.Root{Name: "states", Title: "states", MaxContentLength: 104857600, Reveal: true}); got != want {
		t.Errorf("a root with defaults: got %+v, want %+v", got, want)
	}
	if got, want := f.parties[0].Party, (agreement.Party{Name: "vendor", Title: "Vendor Ltd", Identity: "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"}); got != want {
		t.Errorf("a party: got %+v, want %+v", got, want)
	}
	pull := f.accounts[2]
	if len(pull.certificates) != 2 || !strings.HasPrefix(pull.certificates[1], "sha256:0123") || pull.disabled == nil || !*pull.disabled || f.accounts[0].disabled != nil {
		t.Errorf("an account: got %+v", pull)
	}
	a := f.agreements[0].Agreement
	want := agreement.Accept{Types: []string{"indicator", "x-acme"}, SpecVersions: []string{"2.1", "2.0"}, MaxTLP: stix.AmberStrict, DefaultTLP: stix.Clear,
		RequireMarking: true, Warnings: "reject", KeepRefusedDays: 30, CreatedBy: "party", FutureModified: "reject", MaxPAP: stix.PAPAmber, Markings: &agreement.Markings{Carry: []string{"statement", "pap"}}}
	if !reflect.DeepEqual(a.Accept, want) {
		t.Errorf("accept: got %+v, want %+v", a.Accept, want)
	}
	if a.Description != "What vendors give\nto the agency.\n" || !a.Term.Until.Equal(time.Date(2029, 1, 1, 12, 0, 0, 0, time.UTC)) ||
		a.Retention != (agreement.Retention{Versions: 10, MaxAgeDays: 90}) || a.Release[0].MaxTLP != stix.Green ||
		a.Release[0].MaxPAP != stix.PAPClear || a.Release[0].Markings == nil || len(a.Release[0].Markings.Carry) != 0 {
		t.Errorf("agreement: got %+v", a)
	}
	if b := f.agreements[1].Agreement; b.Title != "members" || !b.Term.From.IsZero() || len(b.Accept.Types) != 0 {
		t.Errorf("an agreement with hardly anything: got %+v", b)
	}
}

// TestEveryFaultOfAFile names its line, what is wrong and what would be right.
func TestEveryFaultOfAFile(t *testing.T) {
	line := func(n int, says string) string { return fmt.Sprintf("exchange.yaml:%d: |%s", n, says) }
	agreementWith := func(more string) string {
		return "agreements:\n  - name: gsp\n    api_root: nicp\n" + more
	}
	for name, tc := range map[string]struct{ text, want string }{
		"no text at all":         {"", "exchange.yaml: the file is empty"},
		"comments alone":         {"# nothing\n", "exchange.yaml: the file is empty"},
		"a list":                 {"- a\n", line(1, "the file is a list here, want a mapping with the keys server, api_roots, parties, accounts, agreements")},
		"YAML that breaks off":   {"server: {title: x\nparties: [\n", "not YAML"},
		"a tab as indentation":   {"parties:\n\t- {name: a}\n", line(2, "not YAML")},
		"two documents":          {"server: {title: x}\n---\nserver: {title: y}\n", "a second document"},
		"an unknown key":         {"server:\n  title: x\n  colour: red\n", line(3, `unknown key "colour" in server, known are title, description, contact`)},
		"an unknown section":     {"\npartys: []\n", line(2, `unknown key "partys"`)},
		"a key twice":            {"server:\n  title: x\n  title: y\n", line(3, `the key "title" appears twice in server, first on line 2`)},
		"a mapping for a list":   {"parties: {name: a}\n", line(1, "parties is a mapping here, want a list")},
		"a list for text":        {"server: {title: [a]}\n", line(1, "title is a list here, want text")},
		"a truth for text":       {"server: {title: true}\n", line(1, "quote it")},
		"text for a truth":       {"api_roots:\n  - {name: a, reveal: maybe}\n", line(2, `reveal is "maybe" here, want true or false`)},
		"text for a number":      {"api_roots:\n  - {name: a, max_content_length: 100MB}\n", line(2, `max_content_length is "100MB" here, want a whole number`)},
		"a number out of range":  {"api_roots:\n  - {name: a, max_content_length: 0}\n", line(2, "max_content_length is 0 here, want 1 to")},
		"an empty item":          {"parties:\n  - {name: a}\n  -\n", line(3, "an item of parties is empty")},
		"a line break in a name": {"parties:\n  - name: \"a\\nb\"\n", line(2, "name has a line break")},

		"a party without a name":    {"parties:\n  - {title: x}\n", line(2, "a party has no name")},
		"a name with capitals":      {"parties:\n  - {name: Vendor}\n", line(2, "lower-case")},
		"an identity that is none":  {"parties:\n  - {name: a, identity: vendor}\n", line(2, `"vendor" is not the id of a STIX identity`)},
		"an identity of other kind": {"parties:\n  - {name: a, identity: tool--f431f809-377b-45e0-aa1c-6a4751cae5ff}\n", line(2, "want identity-- and a UUID")},
		"a reserved root":           {"api_roots:\n  - {name: taxii2}\n", line(2, "no API root can be named taxii2")},
		"another reserved root":     {"api_roots:\n  - {name: healthz}\n", line(2, "no API root can be named healthz")},

		"an account without a party": {"accounts:\n  - {name: a}\n", line(2, "belongs to no party")},
		"two passwords":              {"accounts:\n  - {name: a, party: p,\n     password_env: X,\n     password_file: y}\n", line(4, "has password_env and password_file, want one of them")},
		"a hash that is none":        {"accounts:\n  - {name: a, party: p, password_hash: secret}\n", line(2, "password_hash: not a PHC string")},
		"a password in plain":        {"accounts:\n  - {name: a, party: p, password: secret}\n", line(2, "password is given here, in a file that others may read")},
		"a certificate that is none": {"accounts:\n  - {name: a, party: p, certificates: [feed]}\n", line(2, `"feed": want sha256:`)},

		"an agreement without a root":      {"agreements:\n  - name: gsp\n", line(2, "an agreement has no api_root")},
		"an unknown term":                  {agreementWith("    accept:\n      max_weight: 3\n"), line(5, `unknown key "max_weight" in accept, known are types, spec_versions, max_tlp`)},
		"an unknown TLP":                   {agreementWith("    accept: {max_tlp: purple}\n"), line(4, `"purple" here, want one of clear (white), green, amber, amber+strict, red`)},
		"an unknown PAP":                   {agreementWith("    accept: {max_pap: amber+strict}\n"), line(4, `"amber+strict" here, want one of clear (white), green, amber, red`)},
		"an unknown kind of marking":       {agreementWith("    release:\n      - {to: x, markings: {carry: [statement, secret]}}\n"), line(5, `release[0].markings.carry[1]: "secret" is no kind of marking`)},
		"an unknown TLP in a release":      {agreementWith("    release:\n      - {to: x, max_tlp: purple}\n"), line(5, "purple")},
		"an unknown type":                  {agreementWith("    accept:\n      types:\n        - indicator\n        - indicater\n"), line(7, `"indicater" is no object type of STIX 2.1`)},
		"an unknown role":                  {agreementWith("    parties:\n      - {party: a, roles: [consumer]}\n      - {party: b, roles: [reader]}\n"), line(6, `"reader" is no role, want some of producer, consumer, auditor`)},
		"a party without roles":            {agreementWith("    parties:\n      - {party: a}\n"), line(5, "has no role")},
		"a term that ends before it began": {agreementWith("    term:\n      from: 2026-01-01\n      until: 2025-01-01\n"), line(6, "the term ends on 2025-01-01, before it begins on 2026-01-01")},
		"a date that does not exist":       {agreementWith("    term: {until: 2026-02-30}\n"), line(4, "want YYYY-MM-DD")},
		"a date in words":                  {agreementWith("    term: {until: forever}\n"), line(4, "want YYYY-MM-DD")},
		"a change that breaks every indicator": {agreementWith("    release:\n      - {to: x, types: [indicator, tool], change: {author: keep, remove: [pattern]}}\n"),
			line(5, "pattern is required in objects of type indicator: without it they would be invalid")},
		"a change that breaks several types": {agreementWith("    release:\n      - to: x\n        change:\n          author: keep\n          remove: [labels, published]\n"),
			line(8, "published is required in objects of type report")},
		"a release to itself":              {agreementWith("    release:\n      - to: gsp\n"), line(5, "releases to itself")},
		"a collection id that is none":     {agreementWith("    collection: {id: gsp}\n"), line(4, `collection.id is "gsp" here, want a UUIDv4`)},
		"a collection id of version 1":     {agreementWith("    collection: {id: 91a7b528-80eb-12ed-a74d-c6fbd5a26116}\n"), line(4, "want a UUIDv4")},
		"an alias like an id":              {agreementWith("    collection: {alias: 91a7b528-80eb-42ed-a74d-c6fbd5a26116}\n"), line(4, "looks like a collection's id")},
		"an alias with a slash":            {agreementWith("    collection: {alias: a/b}\n"), line(4, "may hold letters")},
		"an unknown choice":                {agreementWith("    accept: {warnings: ignore}\n"), line(4, "want accept or reject")},
		"an unknown version of STIX":       {agreementWith("    accept: {spec_versions: [2.2]}\n"), line(4, `"2.2" is no version of STIX`)},
		"a public agreement above clear":   {agreementWith("    public: true\n    accept: {max_tlp: green, default_tlp: clear}\n"), line(4, "want accept: {max_tlp: clear}")},
		"a public agreement without level": {agreementWith("    public: true\n    accept: {max_tlp: clear}\n"), line(4, "what an object without a marking is")},
		"a page of nothing":                {"api_roots:\n  - {name: r, default_page: 0}\n", line(2, "default_page is 0 here, want 1")},
		"a listing without a unit":         {"api_roots:\n  - {name: r, list_ended: 30}\n", line(2, "such as 30d")},
		"an empty page of another kind":    {"accounts:\n  - {name: a, party: p, empty: nothing}\n", line(2, "want object")},
		"an age without a unit":            {agreementWith("    retention: {max_age: 90}\n"), line(4, "such as 30d")},
		"no versions to keep":              {agreementWith("    retention: {versions: 0}\n"), line(4, "versions is 0 here, want 1")},
		"anchors that go round":            {"a: &a\n  b: *a\n", "exchange.yaml"},
		"anchors that unfold for ever":     {bomb(), "unfold"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Parse("exchange.yaml", []byte(tc.text))
			var fault *Error
			if !errors.As(err, &fault) || f != nil {
				t.Fatalf("got %v, %v, want a Error alone", f, err)
			}
			where, says, ok := strings.Cut(tc.want, "|")
			if !ok {
				where, says = "exchange.yaml", tc.want
			}
			if !slices.ContainsFunc(strings.Split(err.Error(), "\n"), func(line string) bool {
				return strings.HasPrefix(line, where) && strings.Contains(line, says)
			}) {
				t.Errorf("got %v\nwant %s", err, tc.want)
			}
		})
	}
}

// bomb is a file whose anchors unfold into millions of values.
func bomb() string {
	types := strings.Repeat("indicator,", 2000)
	again := strings.Repeat("*a,", 2000)
	return "agreements: [&a {name: gsp, api_root: nicp, accept: {types: [" + types + "]}}," + again + "]\n"
}

func TestAllFaultsAtOnceInOrder(t *testing.T) {
	_, err := Parse("f", []byte("server: {titel: x}\nparties:\n  - {name: A}\n  - {nam: b}\nagreements:\n  - {name: g, api_root: r, accept: {max_tlp: pink, types: 7}}\n"))
	var fault *Error
	if !errors.As(err, &fault) {
		t.Fatalf("got %v, want a Error", err)
	}
	var lines []int
	for _, p := range fault.Problems {
		lines = append(lines, p.Line)
	}
	if want := []int{1, 3, 4, 4, 6, 6}; !slices.Equal(lines, want) {
		t.Errorf("lines: got %v, want %v: %v", lines, want, err)
	}
}

func TestAnchorsMayBeUsed(t *testing.T) {
	f := parse(t, `
agreements:
  - {name: a, api_root: r, accept: &usual {max_tlp: green}}
  - {name: b, api_root: r, accept: *usual}
`)
	if got := f.agreements[1].Accept.MaxTLP; got != stix.Green {
		t.Errorf("got %s, want green", got)
	}
}

func TestReadFileSaysWhatItCouldNotRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "exchange.yaml")
	if _, err := Load(missing, os.Getenv, nil); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("got %v, want that %s does not exist", err, missing)
	}
}

func TestPasswordsAreResolved(t *testing.T) {
	const text = "accounts:\n  - {name: a, party: p, password_env: A_PW}\n  - {name: b, party: p, password_file: b.pw}\n  - {name: c, party: p}\n"
	kept, err := auth.HashPassword("read from a file")
	if err != nil {
		t.Fatal(err)
	}
	from := Passwords{
		Getenv: func(name string) string { return map[string]string{"A_PW": "from outside"}[name] },
		ReadFile: func(path string) ([]byte, error) {
			return map[string][]byte{"b.pw": []byte("read from a file\r\n")}[path], nil
		},
	}
	f := parse(t, text)
	if err := f.Resolve(from, func(account string) (string, error) { return map[string]string{"b": kept}[account], nil }); err != nil {
		t.Fatal(err)
	}
	if got := f.accounts[0].passwordHash; !auth.VerifyPassword(got, "from outside") {
		t.Errorf("from the environment: got %q", got)
	}
	if got := f.accounts[1].passwordHash; got != kept {
		t.Errorf("a password that verifies against the hash that is kept: got %q, want %q", got, kept)
	}
	if got := f.accounts[2].passwordHash; got != "" {
		t.Errorf("no password: got %q", got)
	}

	other := parse(t, text)
	if other.setHashes(f.hashes()); len(other.faults) > 0 || other.accounts[0].passwordHash != f.accounts[0].passwordHash {
		t.Errorf("on the way to another process: %v", other.faults)
	}

	err = parse(t, text).Resolve(Passwords{
		Getenv:   func(string) string { return "" },
		ReadFile: os.ReadFile,
	}, func(string) (string, error) { return "", nil })
	for _, want := range []string{"exchange.yaml:2: account a: the environment variable A_PW is not set", "exchange.yaml:3: account b: password_file: open b.pw: no such file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	err = parse(t, text).Resolve(Passwords{
		Getenv:   func(string) string { return strings.Repeat("x", 5000) },
		ReadFile: func(string) ([]byte, error) { return []byte("\n"), nil },
	}, func(string) (string, error) { return "", nil })
	for _, want := range []string{":2: account a: the password has 5000 bytes", ":3: account b: the password file b.pw is empty"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(everything)
	f.Add("parties: &a [*a]\n")
	f.Add("agreements:\n  - &x {name: a, api_root: b, accept: {types: [1, 2.0, ~, !!binary aGk=]}}\n  - *x\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("f", []byte(text))
		var fault *Error
		if (file == nil) == (err == nil) || err != nil && !errors.As(err, &fault) {
			t.Errorf("got %v and %v", file, err)
		}
	})
}
