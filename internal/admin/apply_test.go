package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

var (
	noon = time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC)
	root = store.Actor{Account: "admin"} // of whom accord.db has no account: what example turns off is the account root
)

func open(t *testing.T, dir string) *Service {
	t.Helper()
	s, err := store.Open(dir, store.Options{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return New(Config{Store: s, Now: clock})
}

// example is a small exchange with a chain of releases: vendors -> states -> public.
const example = `
server: {title: Example exchange}
api_roots:
  - {name: nicp, title: Industry partnership}
parties:
  - {name: vendor, title: Vendor Ltd}
  - {name: agency}
accounts:
  - {name: vendor-push, party: vendor, password_env: PW}
  - {name: root, operator: true}
agreements:
  - name: vendors
    title: Vendors
    api_root: nicp
    collection: {alias: v}
    parties: [{party: vendor, roles: [producer]}, {party: agency, roles: [consumer]}]
    term: {from: 2026-01-01, until: 2029-01-01}
    accept: {max_tlp: amber}
    release: [{to: states, max_tlp: green}]
  - name: states
    title: States
    api_root: nicp
    release: [{to: public, max_tlp: clear}]
  - name: public
    title: Public
    api_root: nicp
`

// parse reads an apply file that has no fault.
func parse(t *testing.T, text string) *applyfile.File {
	t.Helper()
	f, err := applyfile.Parse("exchange.yaml", []byte(text))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return f
}

func resolved(t *testing.T, s *Service, text, password string) *applyfile.File {
	t.Helper()
	f := parse(t, text)
	err := f.Resolve(applyfile.Passwords{Getenv: func(string) string { return password }}, func(name string) (string, error) {
		a, _ := s.store.Registry().Account(name)
		return a.PasswordHash, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// applied applies a text and returns the lines as text.
func applied(t *testing.T, s *Service, text, password string) string {
	t.Helper()
	lines, err := s.Apply(context.Background(), root, resolved(t, s, text, password))
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.String()
	}
	return strings.Join(texts, "\n")
}

func TestApplyCreatesThenChangesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	created := `server: created
api_root nicp: created
party vendor: created
party agency: created
account vendor-push: created
account root: created
agreement vendors: created
agreement states: created
agreement public: created`
	if got := applied(t, s, example, "a long secret"); got != created {
		t.Errorf("at first: got\n%s\nwant\n%s", got, created)
	}
	before := state(t, s)
	unchanged := strings.ReplaceAll(created, "created", "unchanged")
	if got := applied(t, s, example, "a long secret"); got != unchanged {
		t.Errorf("again: got\n%s\nwant\n%s", got, unchanged)
	}
	if after := state(t, s); after != before {
		t.Errorf("applied again: got %s, want %s", after, before)
	}
	s.store.Close()
	s = open(t, dir)
	if got := applied(t, s, example, "a long secret"); got != unchanged {
		t.Errorf("after a restart: got\n%s\nwant\n%s", got, unchanged)
	}
	if got := applied(t, s, "parties: [{name: vendor, title: Vendor Ltd}]\n", ""); got != "party vendor: unchanged" {
		t.Errorf("a file that mentions one thing: got %s", got)
	}
	if after := state(t, s); after != before {
		t.Errorf("what a file does not mention: got %s, want %s", after, before)
	}
	a, _ := s.store.Registry().Account("vendor-push")
	if !auth.VerifyPassword(a.PasswordHash, "a long secret") {
		t.Error("the password does not verify")
	}
}

// state sums up all that could have changed.
func state(t *testing.T, s *Service) string {
	t.Helper()
	size, head, err := s.store.AdminHead()
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprint(size, head)
	for _, col := range s.store.Collections() {
		size, head, err := col.Head()
		if err != nil {
			t.Fatal(err)
		}
		sum += fmt.Sprint(" ", col.ID(), size, head)
	}
	return sum
}

func TestApplySaysWhatChanged(t *testing.T) {
	for name, tc := range map[string]struct{ old, new, password, want string }{
		"the server's title":       {"title: Example exchange", "title: Other exchange", "", "server: changed (title)"},
		"a root's limit":           {"title: Industry partnership", "title: Industry partnership, max_content_length: 5", "", "api_root nicp: changed (max_content_length)"},
		"a party's identity":       {"title: Vendor Ltd", `title: Vendor Ltd, identity: "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"`, "", "party vendor: changed (identity)"},
		"a new password":           {"", "", "another secret", "account vendor-push: changed (password)"},
		"an account turned off":    {"operator: true", "operator: true, disabled: true", "", "account root: changed (disabled)"},
		"an account's party":       {"operator: true", "operator: true, party: agency", "", "account root: changed (party)"},
		"a certificate":            {"operator: true", "operator: true, certificates: [CN=root]", "", "account root: changed (certificates)"},
		"a title and an alias":     {"title: Vendors\n    api_root: nicp\n    collection: {alias: v}", "title: All vendors\n    api_root: nicp\n    collection: {alias: w}", "", "agreement vendors: changed (title, collection.alias)"},
		"an alias that goes":       {"collection: {alias: v}", "collection: {}", "", "agreement vendors: changed (collection.alias)"},
		"a role":                   {"roles: [producer]", "roles: [producer, consumer]", "", "agreement vendors: changed (parties)"},
		"the end":                  {"until: 2029-01-01", "until: 2030-01-01", "", "agreement vendors: changed (term.until)"},
		"no term at all":           {"term: {from: 2026-01-01, until: 2029-01-01}", "description: x", "", "agreement vendors: changed (description, term.from, term.until)"},
		"terms at the door":        {"accept: {max_tlp: amber}", "accept: {default_tlp: amber, types: [tool]}", "", "agreement vendors: changed (accept.types, accept.max_tlp, accept.default_tlp)"},
		"a release":                {"{to: states, max_tlp: green}", "{to: states, max_tlp: clear}", "", "agreement vendors: changed (release)"},
		"no release any more":      {"release: [{to: states, max_tlp: green}]", "", "", "agreement vendors: changed (release)"},
		"retention":                {"title: Public", "title: Public\n    retention: {versions: 3, max_age: 9d}", "", "agreement public: changed (retention.versions, retention.max_age)"},
		"defaults that are said":   {"accept: {max_tlp: amber}", "accept: {max_tlp: amber, types: [], spec_versions: ['2.1'], warnings: accept}", "", ""},
		"roles in another order":   {"[{party: vendor, roles: [producer]}, {party: agency, roles: [consumer]}]", "[{party: agency, roles: [consumer]}, {party: vendor, roles: [producer]}]", "", ""},
		"TLP 1.0's name for a TLP": {"max_tlp: clear", "max_tlp: WHITE", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			applied(t, s, example, "a long secret")
			if !strings.Contains(example, tc.old) {
				t.Fatalf("the example has no %q", tc.old)
			}
			var changed []string
			password := "a long secret"
			if tc.password != "" {
				password = tc.password
			}
			text := strings.Replace(example, tc.old, tc.new, 1)
			for _, line := range strings.Split(applied(t, s, text, password), "\n") {
				if !strings.HasSuffix(line, ": unchanged") {
					changed = append(changed, line)
				}
			}
			if got := strings.Join(changed, "\n"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if got := applied(t, s, text, password); strings.Count(got, "unchanged") != 9 {
				t.Errorf("applied once more: got\n%s", got)
			}
		})
	}
}

// TestApplyRefusesTheWholeFile has what fits by itself and not with the rest, or with what is there. Nothing of such a
// file is applied.
func TestApplyRefusesTheWholeFile(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"an account of an unknown party":     {"accounts: [{name: a, party: nobody}]", `the account a belongs to the party "nobody", which is unknown`},
		"an unknown API root":                {"agreements: [{name: a, api_root: other}]", `the agreement a is in the API root "other", which is unknown`},
		"an unknown party":                   {"agreements: [{name: a, api_root: nicp, parties: [{party: nobody, roles: [consumer]}]}]", `the agreement a names the party "nobody", which is unknown`},
		"a release to nowhere":               {"agreements: [{name: a, api_root: nicp, release: [{to: nowhere}]}]", `the agreement a releases to "nowhere", which is unknown`},
		"a party twice":                      {"parties: [{name: a}, {name: a}]", "the party a appears twice, first on line 1"},
		"an account twice":                   {"accounts:\n- {name: a, operator: true}\n- {name: a, operator: true}", "the account a appears twice, first on line 2"},
		"a root twice":                       {"api_roots: [{name: a}, {name: a}]", "the API root a appears twice"},
		"an agreement twice":                 {"agreements: [{name: a, api_root: nicp}, {name: a, api_root: nicp}]", "the agreement a appears twice"},
		"an alias that is taken":             {"agreements: [{name: a, api_root: nicp, collection: {alias: v}}]", `the alias "v" of the agreement a is taken in the API root nicp, by the agreement vendors`},
		"one alias for two new ones":         {"agreements: [{name: a, api_root: nicp, collection: {alias: x}}, {name: b, api_root: nicp, collection: {alias: x}}]", "by the agreement b"},
		"a title that is taken":              {"agreements: [{name: a, title: States, api_root: nicp}]", `the title "States" of the agreement a is taken in the API root nicp, by the agreement states`},
		"a collection id that is taken":      {"agreements: [{name: a, api_root: nicp, collection: {id: $VENDORS}}]", "of the agreement a is the agreement vendors's"},
		"one collection id for two new ones": {"agreements: [{name: a, api_root: nicp, collection: {id: 91a7b528-80eb-42ed-a74d-c6fbd5a26116}}, {name: b, api_root: nicp, collection: {id: 91a7b528-80eb-42ed-a74d-c6fbd5a26116}}]", "of the agreement a is the agreement b's"},
		"a collection id that changes":       {"agreements: [{name: public, title: Public, api_root: nicp, collection: {id: 91a7b528-80eb-42ed-a74d-c6fbd5a26116}}]", "which never changes: write that or leave it out"},
		"a loop of two":                      {"agreements: [{name: a, api_root: nicp, release: [{to: b}]}, {name: b, api_root: nicp, release: [{to: a}]}]", "releases go round in a loop: a -> b -> a"},
		"a loop over what is there":          {"agreements: [{name: public, title: Public, api_root: nicp, release: [{to: vendors}]}]", "releases go round in a loop: public -> vendors -> states -> public"},
		"a loop over new and old":            {"agreements: [{name: public, title: Public, api_root: nicp, release: [{to: new}]}, {name: new, api_root: nicp, release: [{to: states}]}]", "in a loop"},
		"a certificate that is taken":        {"accounts: [{name: a, operator: true, certificates: [CN=x]}, {name: b, operator: true, certificates: [CN=x]}]", "the certificate CN=x of the account b is the account a's"},
		"a password that was not read":       {"accounts: [{name: a, operator: true, password_env: X}]", "its password has not been read"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			applied(t, s, example, "a long secret")
			vendors, _ := s.store.Collection("vendors")
			before := state(t, s)
			text := "server: {title: Changed meanwhile}\n" + strings.ReplaceAll(tc.text, "$VENDORS", vendors.ID().String()) + "\n"
			text = text[strings.IndexByte(text, '\n')+1:] + text[:strings.IndexByte(text, '\n')+1]
			lines, err := s.Apply(context.Background(), root, parse(t, text))
			var fault *applyfile.Error
			if !errors.As(err, &fault) || lines != nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, %v, want %s", lines, err, tc.want)
			}
			for _, p := range fault.Problems {
				if p.Line == 0 {
					t.Errorf("a problem without a line: %s", p.Message)
				}
			}
			if name == "a loop of two" && len(fault.Problems) != 1 {
				t.Errorf("one loop is reported %d times: %v", len(fault.Problems), err)
			}
			if after := state(t, s); after != before {
				t.Error("something of the file was applied")
			}
		})
	}
}

func TestALoopMayBeBrokenInTheSameFile(t *testing.T) {
	s := open(t, t.TempDir())
	applied(t, s, example, "a long secret")
	got := applied(t, s, `
agreements:
  - {name: states, title: States, api_root: nicp}
  - {name: public, title: Public, api_root: nicp, release: [{to: vendors}]}
`, "")
	if want := "agreement states: changed (release)\nagreement public: changed (release)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTitlesAndAliasesMayChangePlaces(t *testing.T) {
	s := open(t, t.TempDir())
	applied(t, s, example, "a long secret")
	got := applied(t, s, `
agreements:
  - {name: states, title: Public, api_root: nicp, collection: {alias: v}, release: [{to: public, max_tlp: clear}]}
  - {name: public, title: States, api_root: nicp}
  - {name: vendors, title: Vendors, api_root: nicp}
`, "")
	if strings.Count(got, "changed") != 3 {
		t.Errorf("got %s, want three changes", got)
	}
	col, ok := s.store.CollectionIn("nicp", "v")
	if !ok || col.Agreement().Name != "states" {
		t.Error("the alias v is not that of states now")
	}
}

func TestWhatIsTurnedOffStaysOff(t *testing.T) {
	s := open(t, t.TempDir())
	applied(t, s, example, "a long secret")
	a, _ := s.store.Registry().Account("root")
	a.Disabled = true
	a.Tokens = []auth.Token{{ID: "1", Hash: "aa"}}
	a.Certificates = []string{"CN=root"}
	if err := s.store.Change(context.Background(), root, []store.RegistryChange{{Account: &a}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vendors"} {
		if err := s.Suspend(context.Background(), root, agreement.Name(name), "a leak"); err != nil {
			t.Fatal(err)
		}
	}
	if got := applied(t, s, example, "a long secret"); strings.Count(got, "unchanged") != 9 {
		t.Errorf("got %s, want everything unchanged", got)
	}
	applied(t, s, strings.Replace(example, "max_tlp: amber", "max_tlp: red", 1), "a long secret")
	col, _ := s.store.Collection("vendors")
	if got := col.Agreement(); got.Suspended == nil || got.Accept.MaxTLP != stix.Red {
		t.Errorf("after a change of terms: got %+v, want it suspended still", got)
	}
	if got := applied(t, s, "accounts: [{name: root, operator: true, disabled: false}]\n", ""); got != "account root: changed (disabled)" {
		t.Errorf("got %s", got)
	}
}

// A password that was changed by command is not put back by the file, which says so, and which may say so itself.
func TestAPasswordChangedByCommandStays(t *testing.T) {
	s := open(t, t.TempDir())
	applied(t, s, example, "a long secret")
	if err := s.SetPassword(context.Background(), root, "vendor-push", aHash); err != nil {
		t.Fatal(err)
	}
	if got := applied(t, s, example, "a long secret"); !strings.Contains(got, "account vendor-push: unchanged; password: managed here") {
		t.Errorf("got\n%s\nwant the account unchanged, with a note", got)
	}
	if got := applied(t, s, example, "vendor-password"); strings.Contains(got, "managed") {
		t.Errorf("the same password in the file: got\n%s\nwant no note", got)
	}
	said := strings.Replace(example, "password_env: PW", "password: managed here", 1)
	if got := applied(t, s, said, ""); strings.Count(got, "unchanged") != 9 || strings.Contains(got, "managed") {
		t.Errorf("a file that says so: got\n%s", got)
	}
	if a, _ := s.store.Registry().Account("vendor-push"); a.PasswordHash != aHash {
		t.Error("the password was put back")
	}
	if _, err := applyfile.Parse("f", []byte("accounts: [{name: a, operator: true, password: s3cret}]\n")); err == nil || !strings.Contains(err.Error(), "f:1: password is given here") || strings.Contains(err.Error(), "a long secret") {
		t.Errorf("a password in the file itself: got %v", err)
	}
}

func TestEveryApplicationIsRecorded(t *testing.T) {
	s := open(t, t.TempDir())
	applied(t, s, example, "a long secret")
	applied(t, s, strings.Replace(strings.Replace(example, "max_tlp: amber", "max_tlp: red", 1), "operator: true", "operator: true, disabled: true", 1), "a long secret")

	var admin []string
	err := s.store.AdminEntries(1, 100, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		admin = append(admin, e.Account+" "+e.Act+" "+e.Subject)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"admin create server", "admin create api root nicp", "admin create party vendor", "admin create party agency",
		"admin create account vendor-push", "admin create account root", "admin create agreement vendors", "admin create agreement states",
		"admin create agreement public", "admin disable account root"}
	if !slices.Equal(admin, want) {
		t.Errorf("accord.db's journal: got %q, want %q", admin, want)
	}
	if got, want := acts(t, s, "vendors"), []string{"admin create ", "admin change "}; !slices.Equal(got, want) {
		t.Errorf("the agreement's journal: got %q, want %q", got, want)
	}
}

// acts are the Terms entries of an agreement's journal: who, what, why.
func acts(t *testing.T, s *Service, name agreement.Name) (list []string) {
	t.Helper()
	col, ok := s.store.Collection(name)
	if !ok {
		t.Fatalf("no agreement %s", name)
	}
	last := journal.Digest{}
	err := col.Entries(1, 1000, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		if e.Kind == journal.Terms {
			list = append(list, e.Account+" "+e.Act+" "+e.Reason)
			if e.Before != last {
				t.Errorf("%s: from %x, want %x", e.Act, e.Before, last)
			}
			last = e.Digest
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestALifeOfAnAgreement(t *testing.T) {
	s := open(t, t.TempDir())
	applied(t, s, example, "a long secret")
	ctx := context.Background()
	date := func(s string) time.Time {
		d, err := agreement.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	later := date("2029-03-01") // the term is over
	steps := []struct {
		what string
		do   func() error
		is   error  // ErrRefused, ErrNotFound or nil
		says string // by the error
		now  time.Time
		then agreement.State
	}{
		{"an unknown agreement", func() error { return s.Suspend(ctx, root, "nowhere", "") }, ErrNotFound, "no agreement nowhere", noon, agreement.Active},
		{"resuming what runs", func() error { return s.Resume(ctx, root, "vendors") }, ErrRefused, "not suspended but active", noon, agreement.Active},
		{"suspending", func() error { return s.Suspend(ctx, root, "vendors", "a leak") }, nil, "", noon, agreement.Suspended},
		{"suspending again", func() error { return s.Suspend(ctx, root, "vendors", "") }, ErrRefused, "suspended already, since 2027-06-01T12:00:00Z by admin", noon, agreement.Suspended},
		{"renewing what is suspended", func() error { return s.Renew(ctx, root, "vendors", date("2029-02-01")) }, nil, "", noon, agreement.Suspended},
		{"resuming", func() error { return s.Resume(ctx, root, "vendors") }, nil, "", noon, agreement.Active},
		{"renewing to an earlier end", func() error { return s.Renew(ctx, root, "vendors", date("2028-01-01")) }, ErrRefused, "runs until 2029-02-01", noon, agreement.Active},
		{"renewing into the past", func() error { return s.Renew(ctx, root, "vendors", date("2027-01-01")) }, ErrRefused, "is not ahead", noon, agreement.Active},
		{"renewing what has no end", func() error { return s.Renew(ctx, root, "public", date("2030-01-01")) }, ErrRefused, "has no end", noon, agreement.Active},
		{"suspending what has expired", func() error { return s.Suspend(ctx, root, "vendors", "") }, ErrRefused, "is expired", later, agreement.Expired},
		{"renewing what has expired", func() error { return s.Renew(ctx, root, "vendors", date("2032-01-01")) }, nil, "", later, agreement.Active},
		{"terminating", func() error { return s.Terminate(ctx, root, "vendors", false, "the programme ends") }, nil, "", later, agreement.Terminated},
		{"terminating again", func() error { return s.Terminate(ctx, root, "vendors", false, "") }, ErrRefused, "terminated already", later, agreement.Terminated},
		{"withdrawing afterwards", func() error { return s.Terminate(ctx, root, "vendors", true, "and withdraw") }, nil, "", later, agreement.Terminated},
		{"withdrawing again", func() error { return s.Terminate(ctx, root, "vendors", true, "") }, ErrRefused, "terminated already", later, agreement.Terminated},
		{"renewing what is terminated", func() error { return s.Renew(ctx, root, "vendors", date("2040-01-01")) }, ErrRefused, "that is final", later, agreement.Terminated},
		{"resuming what is terminated", func() error { return s.Resume(ctx, root, "vendors") }, ErrRefused, "that is final", later, agreement.Terminated},
	}
	for _, step := range steps {
		s.now = func() time.Time { return step.now }
		err := step.do()
		if !errors.Is(err, step.is) || (err == nil) != (step.is == nil) || err != nil && !strings.Contains(err.Error(), step.says) {
			t.Errorf("%s: got %v, want %v that says %q", step.what, err, step.is, step.says)
		}
		col, _ := s.store.Collection("vendors")
		if got := col.Agreement().State(step.now); got != step.then {
			t.Errorf("%s: then it is %s, want %s", step.what, got, step.then)
		}
	}
	want := []string{"admin create ", "admin suspend a leak", "admin renew ", "admin resume ", "admin renew ", "admin terminate the programme ends", "admin terminate and withdraw"}
	if got := acts(t, s, "vendors"); !slices.Equal(got, want) {
		t.Errorf("the journal: got %q, want %q", got, want)
	}
	col, _ := s.store.Collection("vendors")
	if m := col.Agreement().Terminated; !m.At.Equal(later) || !m.Withdraw || m.Reason != "the programme ends" {
		t.Errorf("the mark of its end: got %+v", m)
	}

	_, err := s.Apply(ctx, root, parse(t, "agreements: [{name: vendors, title: Vendors anew, api_root: nicp}]\n"))
	if err == nil || !strings.Contains(err.Error(), "is terminated and its terms change no more; the file would change title, collection.alias") {
		t.Errorf("new terms after the end: got %v, want a refusal", err)
	}
}
