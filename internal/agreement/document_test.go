package agreement

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
)

func full() *Agreement {
	a := sample()
	a.Parties = a.Parties[:5] // every party has roles
	a.Description = "what <both> sides & all agree on"
	a.Collection = Collection{ID: uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116"), Alias: "gsp"}
	a.Accept = Accept{Types: []string{"malware", "indicator", "malware"}, SpecVersions: []string{"2.1", "2.0"}, MaxTLP: stix.Amber,
		DefaultTLP: stix.Green, RequireMarking: true, Warnings: WarningsReject, CreatedBy: CreatedByParty, FutureModified: FutureReject}
	a.Release = []Release{{To: "second", MaxTLP: stix.Green, Types: []string{"tool", "malware"}}, {To: "first"}}
	a.Retention = Retention{Versions: 3, MaxAgeDays: 90}
	a.Suspended = &Mark{At: noon.Add(123 * time.Nanosecond).In(time.FixedZone("", 7200)), By: "root", Reason: "a leak"}
	a.Terminated = &Mark{At: noon, By: "root", Withdraw: true}
	return a
}

func TestDocumentRoundTrip(t *testing.T) {
	for name, a := range map[string]*Agreement{"all terms": full(), "hardly any": {Name: "gsp", Title: "x", APIRoot: "nicp"}} {
		doc, err := a.Document()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseDocument(doc)
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, doc)
		}
		if want := a.Canonical(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		again, err := got.Document()
		if err != nil || string(again) != string(doc) {
			t.Errorf("%s: written again: got %s, want %s", name, again, doc)
		}
	}
}

// TestDocumentIsWhatIsRecorded tests the exact bytes of a document: journal entries have digests of them, so they must
// not change.
func TestDocumentIsWhatIsRecorded(t *testing.T) {
	const want = `{"name":"gsp","title":"Government programme","description":"what <both> sides & all agree on","api_root":"nicp",` +
		`"collection":{"id":"91a7b528-80eb-42ed-a74d-c6fbd5a26116","alias":"gsp"},` +
		`"parties":[{"party":"all","roles":["producer","consumer","auditor"]},{"party":"auditor","roles":["auditor"]},` +
		`{"party":"both","roles":["producer","consumer"]},{"party":"consumer","roles":["consumer"]},{"party":"producer","roles":["producer"]}],` +
		`"members":"confidential","term":{"from":"2026-01-01T00:00:00Z","until":"2029-01-01T00:00:00Z"},` +
		`"accept":{"types":["indicator","malware"],"spec_versions":["2.0","2.1"],"max_tlp":"amber","default_tlp":"green",` +
		`"require_marking":true,"warnings":"reject","created_by":"party","future_modified":"reject","versions":"owner","markings":{"carry":["statement"]}},` +
		`"release":[{"to":"first","markings":{"carry":["statement"]},"references":"with"},{"to":"second","max_tlp":"green","types":["malware","tool"],"markings":{"carry":["statement"]},"references":"with"}],` +
		`"retention":{"versions":3,"max_age_days":90},` +
		`"suspended":{"at":"2027-06-01T12:00:00Z","by":"root","reason":"a leak"},` +
		`"terminated":{"at":"2027-06-01T12:00:00Z","by":"root","withdraw":true}}`
	got, err := full().Document()
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestDefaultsAreSpelledOut(t *testing.T) {
	doc, err := (&Agreement{Name: "gsp"}).Document()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"spec_versions":["2.1"]`, `"warnings":"accept"`, `"created_by":"any"`, `"future_modified":"reject"`, `"versions":"owner"`} {
		if !strings.Contains(string(doc), want) {
			t.Errorf("the document lacks %s: %s", want, doc)
		}
	}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	for name, doc := range map[string]string{
		"a term from the future": `{"name":"gsp","accept":{"max_weight":3}}`,
		"an unknown level":       `{"name":"gsp","accept":{"max_tlp":"purple"}}`,
		"no JSON":                `name: gsp`,
		"something behind it":    `{"name":"gsp"} {}`,
	} {
		if got, err := ParseDocument([]byte(doc)); err == nil || got != nil {
			t.Errorf("%s: got %+v, %v, want an error alone", name, got, err)
		}
	}
}

func TestACloneSharesNothing(t *testing.T) {
	a := full()
	before, _ := a.Document()
	c := a.Clone()
	c.Parties[0].Roles[0] = Auditor
	c.Parties[1].Party = "x"
	c.Accept.Types[0], c.Accept.SpecVersions[0] = "x", "x"
	c.Release[0].Types[0], c.Release[0].To = "x", "x"
	c.Suspended.By, c.Terminated.Reason = "x", "x"
	if after, _ := a.Document(); string(after) != string(before) {
		t.Errorf("the original changed to %s", after)
	}
	a.Canonical()
	if !slices.Equal(a.Accept.Types, []string{"malware", "indicator", "malware"}) {
		t.Errorf("Canonical changed the original: %v", a.Accept.Types)
	}
}

func TestNames(t *testing.T) {
	for _, good := range []string{"a", "0", "gsp", "vendor-push", "a.b_c-d", strings.Repeat("x", MaxName)} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
		if err := CheckAlias(strings.ToUpper(good)); err != nil {
			t.Errorf("alias %q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "GSP", "-a", ".a", "_a", "a b", "a/b", "a:b", "ä", "a\n", strings.Repeat("x", MaxName+1)} {
		if err := CheckName(bad); err == nil {
			t.Errorf("%q is a name", bad)
		}
	}
	for _, bad := range []string{"", "a/b", "..", "ä", "91a7b528-80eb-42ed-a74d-c6fbd5a26116", "91A7B52880EB42EDA74DC6FBD5A26116"} {
		if err := CheckAlias(bad); err == nil {
			t.Errorf("%q is an alias", bad)
		}
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	good := full()
	if faults := Check(good); len(faults) != 0 {
		t.Fatalf("a good agreement has faults: %v", faults)
	}
	for name, tc := range map[string]struct {
		change func(*Agreement)
		field  string
		says   string
	}{
		"a name with capitals":             {func(a *Agreement) { a.Name = "GSP" }, "name", "lower-case"},
		"no title":                         {func(a *Agreement) { a.Title = "" }, "title", "empty"},
		"no API root":                      {func(a *Agreement) { a.APIRoot = "" }, "api_root", "empty"},
		"an id that is not random":         {func(a *Agreement) { a.Collection.ID = uuid.NewSHA1(uuid.Nil, nil) }, "collection.id", "UUIDv4"},
		"an alias like an id":              {func(a *Agreement) { a.Collection.Alias = uuid.NewString() }, "collection.alias", "looks like"},
		"a party twice":                    {func(a *Agreement) { a.Parties[1].Party = a.Parties[0].Party }, "parties[1].party", "twice"},
		"a party without a role":           {func(a *Agreement) { a.Parties[2].Roles = nil }, "parties[2].roles", "producer, consumer, auditor"},
		"an unknown role":                  {func(a *Agreement) { a.Parties[2].Roles[1] = "reader" }, "parties[2].roles[1]", `"reader" is no role`},
		"a term that ends as it begins":    {func(a *Agreement) { a.Term.Until = a.Term.From }, "term.until", "the moment it begins"},
		"a term that ends before":          {func(a *Agreement) { a.Term.Until = a.Term.From.Add(-1) }, "term.until", "2026-01-01"},
		"an unknown type":                  {func(a *Agreement) { a.Accept.Types[1] = "indicater" }, "accept.types[1]", "indicater"},
		"a custom type with a space":       {func(a *Agreement) { a.Accept.Types[0] = "x-a b" }, "accept.types[0]", "hyphens"},
		"bundle, which is no object":       {func(a *Agreement) { a.Accept.Types[0] = "bundle" }, "accept.types[0]", "bundle"},
		"an unknown version of STIX":       {func(a *Agreement) { a.Accept.SpecVersions[0] = "1.2" }, "accept.spec_versions[0]", "2.1"},
		"an unknown choice about warnings": {func(a *Agreement) { a.Accept.Warnings = "ignore" }, "accept.warnings", "accept or reject"},
		"an unknown choice about authors":  {func(a *Agreement) { a.Accept.CreatedBy = "me" }, "accept.created_by", "any or party"},
		"an unknown choice about dates":    {func(a *Agreement) { a.Accept.FutureModified = "no" }, "accept.future_modified", "reject or warn"},
		"a release to itself":              {func(a *Agreement) { a.Release[1].To = "gsp" }, "release[1].to", "itself"},
		"two releases to one":              {func(a *Agreement) { a.Release[1].To = "second" }, "release[1].to", "another release"},
		"a release to nowhere":             {func(a *Agreement) { a.Release[1].To = "" }, "release[1].to", "empty"},
		"an unknown type in a release":     {func(a *Agreement) { a.Release[0].Types[0] = "tools" }, "release[0].types[0]", "tools"},
		"fewer than no versions":           {func(a *Agreement) { a.Retention.Versions = -1 }, "retention.versions", "-1"},
		"a negative age":                   {func(a *Agreement) { a.Retention.MaxAgeDays = -1 }, "retention.max_age", "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			a := good.Clone()
			tc.change(a)
			faults := Check(a)
			if len(faults) != 1 || faults[0].Field != tc.field || !strings.Contains(faults[0].Error(), tc.says) {
				t.Errorf("got %v, want one at %s that says %q", faults, tc.field, tc.says)
			}
		})
	}
	a := &Agreement{Parties: []Membership{{}}}
	if got := len(Check(a)); got != 6 {
		t.Errorf("an empty agreement: got %d faults, want 6: %v", got, Check(a))
	}
}
