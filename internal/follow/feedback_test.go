package follow_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

const observer stix.ID = "identity--33333333-3333-4333-8333-333333333333"

// reader is a party that may only read the target.
var reader = agreement.Party{Name: "reader", Title: "Reader", Identity: observer}

// offer has a party add objects, and returns what became of each: "" for what was taken.
func (x *exchange) offer(name agreement.Name, party agreement.Party, texts ...string) (messages []string, err error) {
	var raws [][]byte
	for _, text := range texts {
		raws = append(raws, []byte(text))
	}
	r, err := ingest.Accept(x.t.Context(), x.col(name), agreement.Caller{Account: agreement.AccountName(party.Name), Party: party.Name}, party, raws, ingest.Options{Now: x.now})
	if err != nil {
		return nil, err
	}
	messages = make([]string, len(texts))
	for i, d := range r.Details {
		if d.Outcome == ingest.Refused && i < len(messages) {
			messages[i] = d.Message
		}
	}
	return messages, nil
}

// feeding opens an exchange in which the reader sees what goes to the target, and may tell the source about it.
func feeding(t *testing.T, rule agreement.Release) *exchange {
	t.Helper()
	x := open(t, t.TempDir())
	x.must(x.store.Change(t.Context(), store.Actor{}, []store.RegistryChange{{Party: &reader}}))
	rule.To = "target"
	x.agreement("source", func(a *agreement.Agreement) { a.Release = []agreement.Release{rule} })
	x.agreement("target", func(a *agreement.Agreement) {
		a.Parties = append(a.Parties, agreement.Membership{Party: "reader", Roles: []agreement.Role{agreement.Consumer}, Identity: observer})
		if back, ok := rule.FeedbackRule("source"); ok {
			a.Feedback = back.Types
		}
	})
	return x
}

func TestFeedbackComesBack(t *testing.T) {
	hide := removing()
	for _, forward := range []*agreement.Change{nil, &hide} {
		for _, as := range []string{agreement.FeedbackParty, agreement.FeedbackAgreement, agreement.FeedbackAnonymous} {
			t.Run(fmt.Sprintf("as %s, hidden %v", as, forward != nil), func(t *testing.T) {
				x := feeding(t, agreement.Release{Change: forward, Feedback: &agreement.Feedback{Types: []string{"sighting", "note"}, As: as}})
				x.addAny("source", author(1, "desk@vendor.example"), by(creator, object("campaign", "a", 1, "")))
				x.settle()
				a := parse(t, x.texts("target")["a@1"]).ID
				seen := by(observer, sighting("s", a, 1, ""))
				x.addAny("target", object("campaign", "own", 1, ""))
				messages, err := x.offer("target", reader, seen, object("campaign", "b", 1, ""), sighting("o", idOf("campaign", "own"), 1, ""), write(map[string]any{
					"type": "opinion", "id": idOf("opinion", "p"), "opinion": "agree", "object_refs": []stix.ID{a}}, 1, ""))
				x.must(err)
				for i, want := range []string{"", "adding others needs the role producer", "speaks of nothing that a release brought", "feedback is of the type"} {
					if !strings.Contains(messages[i], want) || want == "" && messages[i] != "" {
						t.Errorf("object %d: got %q, want %q in it", i, messages[i], want)
					}
				}
				x.add("target", sighting("u", idOf("campaign", "own"), 1, "")) // a producer may, and it does not go
				x.settle()
				text := x.texts("source")["s@1"]
				if text == "" {
					for key, value := range x.texts("source") {
						if strings.HasPrefix(key, "sighting") {
							text = value
						}
					}
				}
				o := parse(t, orEmpty(text))
				if !strings.Contains(text, `"sighting_of_ref":"`+string(idOf("campaign", "a"))+`"`) {
					t.Fatalf("it speaks of something else: %q of %v", text, x.holds("source"))
				}
				by := ""
				if i := o.Tree.Member(o.Tree.Root(), "created_by_ref"); i >= 0 {
					by = o.Tree.Str(i)
				}
				if as == agreement.FeedbackParty && (by != string(observer) || o.ID != idOf("sighting", "s")) ||
					as == agreement.FeedbackAnonymous && (by != "" || o.ID == idOf("sighting", "s")) ||
					as == agreement.FeedbackAgreement && (by == "" || by == string(observer) || x.texts("source")[fmt.Sprintf("target@%d", x.entries("target")[0].At.Day())] == "") {
					t.Errorf("in the wrong name: %s", text)
				}
				counts, err := follow.FeedbackOn(x.store, x.col("source"), idOf("campaign", "a"))
				x.must(err)
				if len(counts) != 1 || counts["sighting"] != 1 {
					t.Errorf("counted %v, want one sighting", counts)
				}
				n, target := len(x.entries("source")), len(x.entries("target"))
				x.settle()
				if len(x.entries("source")) != n || len(x.entries("target")) != target {
					t.Error("it goes round")
				}
				x.remove("target", idOf("sighting", "s"), store.Versions{})
				x.settle()
				for key := range x.texts("source") {
					if key == "s@1" || strings.HasPrefix(key, "sighting") {
						t.Errorf("what was deleted is still there: %s", key)
					}
				}
			})
		}
	}
}

// Without feedback in the terms a reader adds nothing, at the door and in the transaction.
func TestFeedbackIsARightOfItsOwn(t *testing.T) {
	x := feeding(t, agreement.Release{})
	x.addAny("source", object("campaign", "a", 1, ""))
	x.settle()
	if _, err := x.offer("target", reader, sighting("s", idOf("campaign", "a"), 1, "")); !errors.Is(err, agreement.ErrNotAllowed) {
		t.Errorf("got %v, want that it is not allowed", err)
	}
	x.terms("target", "change", func(a *agreement.Agreement) { a.Feedback = []string{"sighting"} })
	add := func(text string) error {
		_, err := x.col("target").Append(t.Context(), store.Batch{Actor: store.Actor{Account: "reader", Party: "reader"}, Changes: []store.Change{{Add: &store.Addition{Object: parse(t, text)}}}})
		return err
	}
	if err := add(sighting("s", idOf("campaign", "a"), 1, "")); err != nil {
		t.Errorf("a sighting: %v", err)
	}
	if err := add(object("campaign", "b", 1, "")); !errors.Is(err, agreement.ErrNotAllowed) {
		t.Errorf("a campaign: got %v, want that it is not allowed", err)
	}
	var rights store.Rights
	for i, e := range x.entries("target") {
		if e.Kind == journal.Terms {
			_, _, document, err := x.col("target").TermsAt(journal.Position(i + 1))
			x.must(err)
			x.must(rights.Terms(document))
		} else if problem := rights.Judge(e); problem != "" {
			t.Errorf("an auditor would say: %s", problem)
		}
	}
}

// Feedback never goes back to where it came from, however many ways lead there.
func TestFeedbackGoesRoundNoCycle(t *testing.T) {
	for _, as := range []string{agreement.FeedbackParty, agreement.FeedbackAgreement, agreement.FeedbackAnonymous} {
		for _, ch := range []*agreement.Change{nil, {Author: agreement.AuthorRemove}, {Author: agreement.AuthorAgreement}} {
			x := open(t, t.TempDir())
			to := func(names ...agreement.Name) func(*agreement.Agreement) {
				return func(a *agreement.Agreement) {
					for _, name := range names {
						change := ch
						if change != nil {
							c := *change
							change = &c
						}
						a.Release = append(a.Release, agreement.Release{To: name, Change: change, Feedback: &agreement.Feedback{As: as}})
					}
				}
			}
			x.agreement("d", nil)
			x.agreement("b", to("d"))
			x.agreement("c", to("d"))
			x.agreement("a", to("b", "c"))
			x.addAny("a", author(1, "desk@vendor.example"), by(creator, object("campaign", "x", 1, "")))
			x.settle()
			for key, text := range x.texts("d") {
				if o := parse(t, text); o.Type == "campaign" {
					x.addAny("d", sighting("s "+key+string(o.ID), o.ID, 1, ""))
				}
			}
			m := x.manager(follow.Config{BatchEntries: 3})
			x.must(m.Settle(t.Context()))
			back := 0
			for _, e := range x.entries("a") {
				if stix.ID(e.Object).Type() == "sighting" {
					back++
				}
			}
			if back == 0 {
				t.Errorf("as %s, changed %v: nothing came back to where it began", as, ch)
			}
			for _, name := range []agreement.Name{"a", "b", "c", "d"} {
				if n := len(x.entries(name)); n > 60 {
					t.Errorf("as %s, changed %v: %s has %d entries", as, ch, name, n)
				}
			}
			// A cycle of releases, which the terms of a running exchange may come to have, loops neither.
			x.terms("d", "change", to("a"))
			x.must(m.Settle(t.Context()))
		}
	}
}
