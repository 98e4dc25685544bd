package applyfile

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

// What is exported reads as what was exported, whatever the terms.
func TestAnExportSaysEverything(t *testing.T) {
	full := &agreement.Agreement{
		Name: "a", Title: "A: \"quoted\"", Description: "two\nlines", APIRoot: "r", Collection: agreement.Collection{ID: uuid.New(), Alias: "a"}, Members: agreement.MembersVisible, Origins: agreement.OriginsVisible,
		Parties: []agreement.Membership{{Party: "p", Roles: []agreement.Role{agreement.Producer, agreement.Consumer}, Anonymous: true}, {Party: "q", Roles: []agreement.Role{agreement.Auditor}}},
		Term:    agreement.Term{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)},
		Wording: &agreement.Wording{Text: "# not a remark: \"text\"\nand more", Licence: "CC-BY-4.0"},
		Accept: agreement.Accept{Types: []string{"indicator", "note", "sighting"}, SpecVersions: []string{"2.0", "2.1"}, MaxTLP: stix.AmberStrict, DefaultTLP: stix.Green, MaxPAP: stix.PAPAmber,
			RequireMarking: true, Warnings: agreement.WarningsReject, CreatedBy: agreement.CreatedByParty, FutureModified: agreement.FutureWarn, Versions: agreement.VersionsAny, Relay: true,
			Corrections: agreement.CorrectionsAccept, Markings: &agreement.Markings{Carry: []string{}}, Tolerate: []string{"S-025"}, Consent: agreement.ConsentMembers, KeepRefusedDays: 30},
		Release: []agreement.Release{{To: "b"}, {To: "c", MaxTLP: stix.Green, Types: []string{"indicator"}, MaxPAP: stix.PAPGreen, Markings: &agreement.Markings{Carry: []string{"iep", "statement"}},
			References: agreement.ReferencesCut, After: agreement.Span(72 * time.Hour), NotBefore: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), Hold: agreement.HoldApprove2,
			Expire: &agreement.Expiry{ValidUntil: agreement.ExpiryRevoke, Grace: agreement.Span(time.Hour)}, Where: &agreement.Where{Labels: []string{"true", "x, y"}, Confidence: &agreement.Confidence{Min: 60}, Valid: true},
			Change:   &agreement.Change{Author: agreement.AuthorRemove, Remove: []string{"/a/b~1c"}, Markings: &agreement.Raise{To: stix.Amber}},
			Feedback: &agreement.Feedback{Types: []string{"note"}, As: agreement.FeedbackAnonymous}}},
		Mirror:    &agreement.Mirror{Remote: agreement.Remote{URL: "https://other.example/taxii/collections/x/", Interval: 90}, Types: []string{"indicator"}, Gone: agreement.GoneWithdraw},
		Retention: agreement.Retention{Versions: 3, MaxAgeDays: 90},
	}
	plain := &agreement.Agreement{Name: "b", Title: "B", APIRoot: "r", Collection: agreement.Collection{ID: uuid.New()}, Parties: []agreement.Membership{{Party: "p", Roles: []agreement.Role{agreement.Consumer}}}}
	for _, a := range []*agreement.Agreement{full, plain} {
		text, err := Export(a.Canonical(), func(agreement.Name) *agreement.Push { return nil })
		if err != nil {
			t.Fatal(err)
		}
		file, err := Parse("export", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if got, want := file.agreements[0].Canonical(), a.Canonical(); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v\n%s", got, want, text)
		}
		diffs, err := Compare(a.Canonical(), "export", text)
		if err != nil || len(diffs) > 0 {
			t.Errorf("it differs: %v, %v", diffs, err)
		}
	}
	// A term that is added later must be exported, too.
	for _, v := range []any{agreement.Agreement{}, agreement.Accept{}, agreement.Release{}} {
		known := map[string]int{"Agreement": 19, "Accept": 16, "Release": 14}
		if typ := reflect.TypeOf(v); typ.NumField() != known[typ.Name()] {
			t.Errorf("%s has %d fields, and Export knows %d", typ.Name(), typ.NumField(), known[typ.Name()])
		}
	}
}

func TestTemplatesSayWhatTheyMean(t *testing.T) {
	if got := strings.Join(Templates(), " "); got != "ais bilateral isac vendor-agency" {
		t.Errorf("got %s", got)
	}
	for _, name := range Templates() {
		text, err := Template(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(name, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Template("other"); err == nil || !strings.Contains(err.Error(), "isac") {
		t.Errorf("got %v, want the list of templates", err)
	}
}
