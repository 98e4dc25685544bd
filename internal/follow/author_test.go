package follow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// author is a version of the vendor's identity.
func author(day int, contact string) string {
	return write(map[string]any{"type": "identity", "id": creator, "name": "Vendor Ltd", "identity_class": "organization", "contact_information": contact}, day, "")
}

// hiding opens an exchange whose source hides authors from its target.
func hiding(t *testing.T, ch agreement.Change, more func(r *agreement.Release)) *exchange {
	t.Helper()
	x := open(t, t.TempDir())
	rule := agreement.Release{To: "target", Change: &ch}
	if more != nil {
		more(&rule)
	}
	x.agreement("source", func(a *agreement.Agreement) {
		a.Release = []agreement.Release{rule}
		a.Accept.Corrections = agreement.CorrectionsAccept
	})
	x.agreement("target", nil)
	return x
}

func removing() agreement.Change { return agreement.Change{Author: agreement.AuthorRemove} }

// traces are what must never reach the target in any version.
var traces = []string{"vendor", string(creator.UUID())}

// noTrace fails if anything that the target's journal or its objects ever had tells of the vendor, or of an original.
func (x *exchange) noTrace() {
	x.t.Helper()
	var ids []string
	x.must(x.col("source").Entries(1, 1<<30, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		if id := stix.ID(e.Object); e.Kind == journal.Added && (id.Type() != "marking-definition" || agreement.NeedsDefinition(id)) {
			ids = append(ids, id.UUID())
		}
		return true
	}))
	look := func(where, text string) {
		for _, trace := range append(ids, traces...) {
			if strings.Contains(strings.ToLower(text), trace) {
				x.t.Errorf("%s has %q: %s", where, trace, text)
			}
		}
	}
	for _, text := range x.texts("target") {
		look("a copy", text)
	}
	x.must(x.col("target").Entries(1, 1<<30, func(p journal.Position, e journal.Entry, _ []byte) bool {
		look(fmt.Sprintf("entry %d", p), e.Object+" "+e.Reason)
		return true
	}))
}

func TestWhatHidingAnAuthorLeavesOut(t *testing.T) {
	green := fmt.Sprintf(`"granular_markings":[{"selectors":["labels.[1]","created_by_ref"],"marking_ref":%q}]`, stix.TLP2Green)
	moved := fmt.Sprintf(`"granular_markings":[{"selectors":["labels.[0]"],"marking_ref":%q}]`, stix.TLP2Green)
	for _, row := range []struct {
		name, members, want string // want: members of the copy, or why it stays after "stays: "
	}{
		{"created_by_ref", ``, ``},
		{"an external reference to a domain of its contact", `"external_references":[{"source_name":"x","url":"https://WWW.Vendor.example/1"},{"source_name":"y","url":"https://other.example/"}]`,
			`"external_references":[{"source_name":"y","url":"https://other.example/"}]`},
		{"all external references", `"external_references":[{"source_name":"Vendor Ltd"}]`, ``},
		{"a label", `"labels":["by VENDOR  ltd","b"]`, `"labels":["b"]`},
		{"a property of its own", `"x_desk":{"mail":"desk@vendor.example"},"x_score":1.50`, `"x_score":1.50`},
		{"what a marking is on moves", green + `,"labels":["vendor.example","b"]`, moved + `,"labels":["b"]`},
		{"a domain that is part of another is not it", `"description":"xpress.example, press.example.org and press.examples"`, `"description":"xpress.example, press.example.org and press.examples"`},
		{"a text with its name", `"description":"as seen by Vendor Ltd."`, "stays: /description still has its author's name"},
		{"a text with its name over two lines", `"description":"vendor\nltd"`, "stays: /description still has its author's name"},
		{"a text with its domain", `"description":"see docs.vendor.example/1"`, "stays: /description still has its author's domain"},
		{"a text with its domain, defanged", `"description":"see vendor[.]example"`, "stays: /description still has its author's domain"},
		{"an escaped text", `"description":"\u0076endor\u002eexample"`, "stays: /description still has its author's domain"},
		{"its identity in a text", `"description":"by identity--11111111-1111-4111-8111-111111111111"`, "stays: it speaks of the identity of an author"},
		{"its identity in a text, in capitals and escaped", `"description":"by identity\u002d-11111111-1111-4111-8111-11111111111\u0031"`, "stays: it speaks of the identity of an author"},
	} {
		t.Run(row.name, func(t *testing.T) {
			x := hiding(t, removing(), nil)
			a := object("campaign", "a", 1, "")
			members := fmt.Sprintf(`"created_by_ref":%q`, creator)
			if row.members != "" {
				members += "," + row.members
			}
			x.addAny("source", author(1, "Desk <desk@vendor.example>, mailto:news@press.example https://www.vendor.example/contact"), with(members, a))
			x.settle()
			got := x.texts("target")["a@1"]
			if why, stays := strings.CutPrefix(row.want, "stays: "); stays {
				if _, reasons := x.verdicts(); got != "" || !strings.Contains(strings.Join(reasons, " "), why) {
					t.Errorf("got %s, want that it stays because %s; the preview says %q", got, why, reasons)
				}
				return
			}
			want := a
			if row.want != "" {
				want = with(row.want, a)
			}
			o := parse(t, orEmpty(got))
			if id := string(o.ID); o.ID.Type() != "campaign" || o.ID.UUIDVersion() != '5' || strings.Replace(got, id, string(idOf("campaign", "a")), 1) != want {
				_, reasons := x.verdicts()
				t.Errorf("got  %s\nwant %s under another identifier; the preview says %q", got, want, reasons)
			}
			x.noTrace()
		})
	}
}

// entries returns an agreement's journal.
func (x *exchange) entries(name agreement.Name) (list []journal.Entry) {
	x.t.Helper()
	x.must(x.col(name).Entries(1, 1<<30, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		list = append(list, e)
		return true
	}))
	return list
}

func orEmpty(text string) string {
	if text == "" {
		return "{}"
	}
	return text
}

// Everything that refers to a copy refers to it by its identifier, which stays the same; what becomes of an original becomes of it.
func TestCopiesWithoutAnAuthorFollowTheirOriginals(t *testing.T) {
	x := hiding(t, removing(), nil)
	a, b, address := idOf("campaign", "a"), idOf("malware", "b"), stix.ID("ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd")
	own := func(text string) string { return by(creator, text) }
	x.addAny("source", author(1, "desk@vendor.example"), own(object("campaign", "a", 1, "")), own(object("malware", "b", 1, "")),
		fmt.Sprintf(`{"type":"ipv4-addr","spec_version":"2.1","id":%q,"value":"198.51.100.3"}`, address),
		own(relationship("r", a, b, 1, "")), own(report("p", 1, "", a, b)),
		own(write(map[string]any{"type": "note", "id": idOf("note", "n"), "content": "about " + string(a), "authors": []string{"Jo of Vendor"}, "object_refs": []stix.ID{a, address}}, 1, "")),
		own(write(map[string]any{"type": "language-content", "id": idOf("language-content", "l"), "object_ref": a, "contents": map[string]any{"de": map[string]any{"name": "A"}}}, 1, "")),
		own(write(map[string]any{"type": "sighting", "id": idOf("sighting", "s"), "sighting_of_ref": a, "where_sighted_refs": []stix.ID{creator}}, 1, "")))
	x.settle()
	x.noTrace()
	if got := len(x.texts("target")); got != 8 {
		t.Fatalf("got %d copies, want 8: %q", got, x.holds("target"))
	}
	id := parse(t, x.texts("target")["a@1"]).ID
	for _, text := range x.texts("target") {
		if o := parse(t, text); o.Type != "malware" && o.Type != "ipv4-addr" && !strings.Contains(text, string(id)) {
			t.Errorf("%s does not refer to %s", text, id)
		}
	}
	x.addAny("source", own(object("campaign", "a", 2, "")))
	x.add("source", own(with(`"description":"corrected"`, object("malware", "b", 1, ""))))
	x.settle()
	texts := x.texts("target")
	if got := parse(t, orEmpty(texts["a@2"])).ID; got != id {
		t.Errorf("the second version is %s, want %s", got, id)
	}
	if !strings.Contains(texts["b@1"], "corrected") || len(texts) != 9 {
		t.Errorf("the correction is not there, or something is missing: %q", texts)
	}
	x.remove("source", a, store.Versions{})
	x.settle()
	if texts := x.texts("target"); len(texts) != 2 || texts["b@1"] == "" {
		t.Errorf("after a has been deleted, want b and the address alone: %q", texts)
	}
	x.noTrace()
}

// Nothing goes before what would name its author is known, whatever the order; a new name or contact has all copies looked at again.
func TestAnAuthorIsKnownBeforeAnythingGoes(t *testing.T) {
	for _, size := range []int{0, 1} {
		x := hiding(t, removing(), nil)
		m := x.manager(follow.Config{BatchEntries: size})
		settle := func() { x.t.Helper(); x.must(m.Settle(t.Context())) }
		a := by(creator, with(`"external_references":[{"source_name":"x","url":"https://desk.example/1"},{"source_name":"y"}]`, object("campaign", "a", 1, "")))
		x.addAny("source", a)
		settle()
		x.want("target")
		if verdicts, reasons := x.verdicts(); !strings.Contains(strings.Join(reasons, " "), "its author, is not") && !strings.Contains(strings.Join(reasons, " "), "of its author is not in the agreement") {
			t.Errorf("the preview says %v %q", verdicts, reasons)
		}
		x.addAny("source", author(1, "desk@vendor.example"))
		settle()
		if got := x.texts("target")["a@1"]; !strings.Contains(got, "desk.example/1") {
			t.Errorf("got %s", got)
		}
		x.addAny("source", author(2, "desk@desk.example"))
		settle()
		if got := x.texts("target")["a@1"]; got == "" || strings.Contains(got, "desk.example") {
			t.Errorf("with another contact: got %q", got)
		}
		x.noTrace()
	}
}

// An identity that somebody else has described goes, until it turns out to be an author.
func TestAnIdentityThatTurnsOutToBeAnAuthor(t *testing.T) {
	x := hiding(t, removing(), nil)
	other := idOf("identity", "other")
	x.addAny("source", author(1, "desk@vendor.example"),
		by(creator, object("identity", "other", 1, "")), with(`"identity_class":"class"`, object("identity", "sector", 1, "")), object("identity", "lone", 1, ""),
		by(creator, with(fmt.Sprintf(`"x_seen_ref":%q`, other), object("campaign", "a", 1, ""))))
	x.settle()
	x.want("target", "a@1", "other@1", "sector@1")
	x.addAny("source", by(other, object("campaign", "b", 1, "")))
	x.settle()
	x.want("target", "a@1", "b@1", "sector@1")
	if got := x.texts("target")["a@1"]; strings.Contains(got, "x_seen_ref") {
		t.Errorf("it still refers to an author: %s", got)
	}
	x.noTrace()
}

func TestTheWayAReleaseNamesItsObjectsChanges(t *testing.T) {
	x := hiding(t, removing(), nil)
	a := object("campaign", "a", 1, "")
	x.addAny("source", author(1, "desk@vendor.example"), by(creator, a), object("campaign", "b", 1, ""), by(creator, relationship("r", idOf("campaign", "a"), idOf("campaign", "b"), 1, "")))
	x.settle()
	x.want("target", "a@1", "b@1", "r@1")
	derived := parse(t, x.texts("target")["a@1"]).ID
	x.terms("source", "change", func(ag *agreement.Agreement) { ag.Release[0].Change = nil })
	x.settle()
	x.want("target", "Vendor Ltd@1", "a@1", "b@1", "r@1")
	if got := parse(t, x.texts("target")["a@1"]).ID; got != idOf("campaign", "a") {
		t.Errorf("named again, the object is %s", got)
	}
	x.terms("source", "change", func(ag *agreement.Agreement) {
		ch := agreement.Change{Author: agreement.AuthorAgreement}
		ag.Release[0].Change = &ch
	})
	x.settle()
	name := fmt.Sprintf("source@%d", x.entries("source")[0].At.Day())
	x.want("target", "a@1", "b@1", "r@1", name)
	got := x.texts("target")["a@1"]
	if o := parse(t, got); o.ID != derived {
		t.Errorf("hidden again, the object is %s, and was %s", o.ID, derived)
	}
	identity := parse(t, x.texts("target")[name])
	if !strings.Contains(got, `"created_by_ref":"`+string(identity.ID)+`"`) || identity.Type != "identity" {
		t.Errorf("it names its author as %s", got)
	}
	if text := x.texts("target")["b@1"]; strings.Contains(text, "created_by_ref") {
		t.Errorf("an object without an author got one: %s", text)
	}
}

// A marking that tells of the author cannot be left out, so what it marks stays.
func TestAMarkingThatNamesItsAuthor(t *testing.T) {
	statement := func(n int, text string) (stix.ID, string) {
		id := stix.ID(fmt.Sprintf("marking-definition--22222222-2222-4222-8222-22222222222%d", n))
		return id, fmt.Sprintf(`{"type":"marking-definition","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","created_by_ref":%q,"name":%q,"definition_type":"statement","definition":{"statement":%q}}`,
			id, creator, fmt.Sprint("m", n), text)
	}
	free, freeText := statement(1, "Use freely")
	named, namedText := statement(2, "Copyright Vendor Ltd")
	x := hiding(t, removing(), nil)
	x.addAny("source", author(1, "desk@vendor.example"), freeText, namedText, by(creator, object("campaign", "a", 1, string(free))), by(creator, object("campaign", "b", 1, string(named))))
	x.settle()
	x.want("target", "a@1", "m1")
	x.noTrace()
	x.terms("source", "change", func(ag *agreement.Agreement) {
		ag.Release[0].Markings = &agreement.Markings{Carry: []string{"statement", string(named)}}
	})
	x.settle()
	x.want("target", "a@1", "b@1", "m1", "m2") // the release names it
}

func TestConsentToBeNamed(t *testing.T) {
	labelled := func(label, name string) string {
		return by(creator, with(fmt.Sprintf(`"labels":[%q]`, label), object("campaign", name, 1, "")))
	}
	all := adds(author(1, ""), labelled("ais-consent-everyone-cisa-proprietary", "everyone"), labelled("AIS-Consent-USG", "usg"), labelled("ais-consent-none", "none"),
		labelled("ais-consent-maybe", "maybe"), by(creator, object("campaign", "silent", 1, "")), with(`"labels":["ais-consent-none"]`, object("campaign", "nameless", 1, "")))
	consent := func(c agreement.Consent, anonymous bool) func(*agreement.Agreement) {
		return func(a *agreement.Agreement) {
			a.Accept.Consent = c
			for i := range a.Parties {
				a.Parties[i].Anonymous = anonymous
			}
		}
	}
	remove := removing()
	for _, row := range []releaseCase{
		{name: "labels keep back what would name its author", steps: []step{all}, want: "Vendor Ltd@1 everyone@1 nameless@1 silent@1"},
		{name: "what does not say follows the terms", terms: consent(agreement.ConsentNone, false), steps: []step{all}, want: "everyone@1 nameless@1"},
		{name: "a party may ask to be anonymous", terms: consent("", true), steps: []step{all}, want: "nameless@1"},
		{name: "a release that hides authors passes on all", terms: consent(agreement.ConsentNone, true), rule: agreement.Release{Change: &remove}, steps: []step{all},
			want: "everyone@1 maybe@1 nameless@1 none@1 silent@1 usg@1"},
		{name: "a later version that asks for it takes the earlier ones back", steps: []step{adds(author(1, ""), by(creator, object("campaign", "a", 1, ""))),
			adds(by(creator, with(`"labels":["ais-consent-none"]`, object("campaign", "a", 2, ""))))}, want: "Vendor Ltd@1", taken: 1},
		{name: "other terms take back what they no longer let go", steps: []step{adds(author(1, ""), by(creator, object("campaign", "a", 1, ""))),
			func(x *exchange) { x.terms("source", "change", consent(agreement.ConsentMembers, false)) }}, want: "", taken: 2},
	} {
		row.run(t)
	}
}
