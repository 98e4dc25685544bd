package store

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// What parties do is judged by the terms in force at its position, whichever program wrote the entry.
func TestRightsAreJudgedByThePosition(t *testing.T) {
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	terms := func(change func(*agreement.Agreement)) []byte {
		a := testAgreement(uuid.New())
		a.Parties = append(a.Parties, agreement.Membership{Party: "writer", Roles: []agreement.Role{agreement.Producer}})
		change(a)
		text, err := a.Document()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	mark := &agreement.Mark{At: day, By: "root"}
	added := journal.Entry{Kind: journal.Added, At: day, Account: "vendor-push", Party: "vendor"}
	deleted := journal.Entry{Kind: journal.Deleted, At: day, Account: "vendor-push", Party: "vendor"}
	as := func(e journal.Entry, party string) journal.Entry { e.Party = party; return e }
	corrects := func(e journal.Entry) journal.Entry { e.Act = journal.ActCorrect; return e }
	for _, row := range []struct {
		name   string
		change func(*agreement.Agreement)
		entry  journal.Entry
		want   string
	}{
		{"a producer adds", func(*agreement.Agreement) {}, added, ""},
		{"it deletes", func(*agreement.Agreement) {}, deleted, ""},
		{"a stranger adds", func(*agreement.Agreement) {}, as(added, "stranger"), "no role"},
		{"a producer that is no consumer deletes", func(*agreement.Agreement) {}, as(deleted, "writer"), "producer and consumer"},
		{"without the role", func(a *agreement.Agreement) { a.Parties[0].Roles = []agreement.Role{agreement.Consumer} }, added, "needs the role producer"},
		{"suspended", func(a *agreement.Agreement) { a.Suspended = mark }, added, "suspended"},
		{"terminated", func(a *agreement.Agreement) { a.Terminated = mark }, deleted, "terminated"},
		{"marked later by a clock that was set back since", func(a *agreement.Agreement) { a.Suspended = &agreement.Mark{At: day.Add(time.Hour)} }, added, "suspended"},
		{"expired", func(a *agreement.Agreement) { a.Term.Until = day.Add(-2 * time.Second) }, added, "expired"},
		{"expired in its transaction", func(a *agreement.Agreement) { a.Term.Until = day.Add(-time.Millisecond) }, added, ""},
		{"not begun", func(a *agreement.Agreement) { a.Term.From = day.Add(2 * time.Second) }, added, "starts"},
		{"begun in its transaction", func(a *agreement.Agreement) { a.Term.From = day.Add(time.Microsecond) }, added, ""},
		{"the system removes", func(a *agreement.Agreement) { a.Terminated = mark }, journal.Entry{Kind: journal.Withdrawn, At: day}, ""},
		{"retention deletes", func(a *agreement.Agreement) { a.Terminated = mark }, journal.Entry{Kind: journal.Deleted, At: day}, ""},
		{"a release brings", func(a *agreement.Agreement) { a.Parties = nil },
			journal.Entry{Kind: journal.Added, At: day, Source: journal.Source{Collection: fromA, Position: 1}}, ""},
		{"an operator removes", func(a *agreement.Agreement) { a.Terminated = mark },
			journal.Entry{Kind: journal.Deleted, At: day, Account: "root", Party: "agency", Act: journal.ActBar}, ""},
		{"a producer corrects", func(a *agreement.Agreement) { a.Accept.Corrections = agreement.CorrectionsAccept }, corrects(added), ""},
		{"it removes the old text", func(a *agreement.Agreement) { a.Accept.Corrections = agreement.CorrectionsAccept }, corrects(deleted), ""},
		{"a producer that is no consumer corrects", func(a *agreement.Agreement) { a.Accept.Corrections = agreement.CorrectionsAccept }, as(corrects(deleted), "writer"), ""},
		{"terms that take no corrections", func(*agreement.Agreement) {}, corrects(added), "take no corrections"},
		{"a release corrects", func(*agreement.Agreement) {},
			corrects(journal.Entry{Kind: journal.Added, At: day, Source: journal.Source{Collection: fromA, Position: 1}}), ""},
		{"terms of another version", func(*agreement.Agreement) {}, added, ""},
	} {
		var r Rights
		document := terms(row.change)
		if row.name == "terms of another version" {
			document = []byte(strings.Replace(string(document), "{", `{"unheard_of":{"x":1},`, 1))
		}
		if err := r.Terms(document); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second is answered from memory
			if got := r.Judge(row.entry); (got == "") != (row.want == "") || !strings.Contains(got, row.want) {
				t.Errorf("%s: got %q, want %q", row.name, got, row.want)
			}
		}
	}
	// A right that was there ends with the term and with other terms.
	var r Rights
	if err := r.Terms(terms(func(a *agreement.Agreement) { a.Term.Until = day.Add(time.Hour) })); err != nil {
		t.Fatal(err)
	}
	late := added
	late.At = day.Add(2 * time.Hour)
	if first, second := r.Judge(added), r.Judge(late); first != "" || !strings.Contains(second, "expired") {
		t.Errorf("before and after the end: got %q and %q", first, second)
	}
	if err := r.Terms(terms(func(a *agreement.Agreement) { a.Suspended = mark })); err != nil {
		t.Fatal(err)
	}
	if got := r.Judge(added); !strings.Contains(got, "suspended") {
		t.Errorf("after the suspension: got %q", got)
	}
}

// A check reports entries whose party had no right to the act, except those that programs of older formats let in.
func TestCheckRefusesActsWithoutARight(t *testing.T) {
	cid := uuid.New()
	col, err := createCollection(filepath.Join(t.TempDir(), "a.db"), cid, testAgreement(cid), vendor, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer col.close()
	add(t, col, malware(testID("malware", 1), spec21, someVersions[0], ""))
	err = col.file.Load().db.Update(func(tx *bolt.Tx) error {
		k, v := tx.Bucket(bucketJournal).Cursor().Last()
		e, err := journal.ParseEntry(v)
		e.Party = "stranger"
		return errors.Join(err, tx.Bucket(bucketJournal).Put(append([]byte(nil), k...), e.Append(nil)))
	})
	if err = errors.Join(err, col.Rebuild(context.Background())); err != nil { // the tree fits again
		t.Fatal(err)
	}
	faults, remarks, err := col.check(context.Background())
	if err != nil || len(faults) != 1 || !strings.Contains(faults[0], "the entry at 2: the party stranger had no right to add") || remarks != nil {
		t.Errorf("got the faults %q and the remarks %q, %v", faults, remarks, err)
	}
	err = col.file.Load().db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyUpgraded, positionKey(2)) })
	if err != nil {
		t.Fatal(err)
	}
	faults, remarks, err = col.check(context.Background())
	if err != nil || faults != nil || len(remarks) != 1 || !strings.Contains(remarks[0], "the entry at 2") {
		t.Errorf("before the upgrade: got the faults %q and the remarks %q, %v", faults, remarks, err)
	}
}

// An upgrade keeps what it met, and that lasts.
func TestAnUpgradeSaysWhereItWas(t *testing.T) {
	path := oldFile(t)
	col, err := openCollection(path, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer col.close()
	stats, err := col.Stats()
	if err != nil {
		t.Fatal(err)
	}
	err = col.view(func(tx *bolt.Tx) error {
		if got := col.upgradedIn(tx); uint64(got) != stats.Entries {
			t.Errorf("got %d, want all %d entries", got, stats.Entries)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
