package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Every kind has an example that is well-formed, and each change that breaks the table of doc/history.md is refused.
func TestEntriesThatBreakTheTableAreRefused(t *testing.T) {
	for name, e := range examples() {
		if err := e.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, row := range []struct {
		name, of string
		change   func(*Entry)
		want     string
	}{
		{"added without digest", "added", func(e *Entry) { e.Digest = Digest{} }, "must have the field digest"},
		{"added without object", "added", func(e *Entry) { e.Object = "" }, "must have the field object"},
		{"added without size", "added", func(e *Entry) { e.Size = 0 }, "must have the field size"},
		{"added with a subject", "added", func(e *Entry) { e.Subject = "account root" }, "must not have the field subject"},
		{"added with an act", "added", func(e *Entry) { e.Act = "create" }, "the act of an entry of kind 1 is create"},
		{"a marking above red", "added", func(e *Entry) { e.TLP = 6 }, "marking"},
		{"spec version 3.0", "added", func(e *Entry) { e.SpecVersion = "3.0" }, "spec version"},
		{"a party without account", "added", func(e *Entry) { e.Account = "" }, "no account"},
		{"a head of no entries", "head", func(e *Entry) { e.Source.Position = 0 }, "size"},
		{"a deletion with a digest", "deleted", func(e *Entry) { e.Digest = digestOf(1) }, "must not have the field digest"},
		{"a deletion with an act of terms", "deleted", func(e *Entry) { e.Act = "suspend" }, "is suspend"},
		{"a deletion of nothing", "deleted", func(e *Entry) { e.Of = 0 }, "must have the field of"},
		{"terms without act", "terms", func(e *Entry) { e.Act = "" }, "must have the field act"},
		{"terms with an object", "terms", func(e *Entry) { e.Object = "tool--1" }, "must not have the field object"},
		{"a newline in a reason", "terms", func(e *Entry) { e.Reason = "x\n2  2026-01-01  added" }, "control character"},
		{"an escape sequence in an account", "added", func(e *Entry) { e.Account = "\x1b[2J" }, "control character"},
		{"a C1 control in a party", "added", func(e *Entry) { e.Party = "a\u009bb" }, "control character"},
		{"an override of direction in a reason", "deleted", func(e *Entry) { e.Reason = "\u202Etxt" }, "control character"},
		{"a size beyond all journals", "added", func(e *Entry) { e.Size = 1 << 63 }, "above"},
		{"an unknown kind", "added", func(e *Entry) { e.Kind = 9 }, "unknown"},
	} {
		e := examples()[row.of]
		row.change(&e)
		if err := e.Check(); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want an error with %q", row.name, err, row.want)
		}
	}
}

func TestVerificationRefusesEntriesOfAnotherJournal(t *testing.T) {
	first := Entry{Kind: Terms, At: noon, Act: "create", Digest: digestOf(1)}
	later := noon.Add(time.Hour)
	for _, row := range []struct {
		name   string
		verify Verification
		list   []Entry
		want   string
	}{
		{"a kind of the server's journal in an agreement", Verification{}, []Entry{first, {Kind: Admin, At: later, Act: "create", Subject: "account x"}}, "does not belong"},
		{"an object in the server's journal", Verification{Server: true}, []Entry{examples()["added"]}, "does not belong"},
		{"an object before the terms", Verification{}, []Entry{examples()["added"]}, "first entry"},
		{"first terms twice", Verification{}, []Entry{first, {Kind: Terms, At: later, Act: "create", Digest: digestOf(2)}}, "first entry"},
		{"an entry from the year 2100", Verification{Until: noon.Add(24 * time.Hour)}, []Entry{first, {Kind: Terms, At: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), Act: "change", Before: digestOf(1), Digest: digestOf(2)}}, "future"},
	} {
		v := row.verify
		var err error
		for i := range row.list {
			_, err = v.Add(row.list[i].Append(nil))
		}
		var entry *EntryError
		if !errors.As(err, &entry) || !strings.Contains(entry.Problem, row.want) {
			t.Errorf("%s: got %v, want an *EntryError with %q", row.name, err, row.want)
		}
	}
}

// C2SP signed-note: what claims a known key and fails spoils the note, and the first empty line ends the text.
func TestNotesThatOnlyAlmostVerifyAreRefused(t *testing.T) {
	signer, verifier, _ := signerFor(t, "accord.example")
	c := Checkpoint{Origin: fuzzOrigin, Size: 7, Root: tlog.Hash(digestOf(1))}
	good, err := c.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Checkpoint{Origin: fuzzOrigin, Size: 8, Root: c.Root}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	line := func(signed []byte) string { return strings.SplitN(string(signed), "\n\n", 2)[1] }
	empty, err := note.Sign(&note.Note{Text: c.Text() + "\nan extension\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	keys := []note.Verifier{verifier}
	if _, _, err := OpenCheckpoint(good, keys); err != nil {
		t.Fatal(err)
	}
	for name, signed := range map[string]string{
		"a false signature of the key after a good one":  string(good) + line(other),
		"a false signature of the key before a good one": strings.Replace(string(good), line(good), line(other)+line(good), 1),
		"the same signature twice":                       string(good) + line(good),
		"an empty line among the extensions":             string(empty),
	} {
		if got, _, err := OpenCheckpoint([]byte(signed), keys); err == nil {
			t.Errorf("%s: got %+v, want it refused", name, got)
		}
	}
}

func TestASuccessorOfAnotherNameIsNotTrusted(t *testing.T) {
	signer, verifier, key := signerFor(t, "accord.example")
	_, _, next := signerFor(t, "other.example")
	signed, err := SignSuccession(signer, key, next)
	if err != nil {
		t.Fatal(err)
	}
	if got := Successors([]note.Verifier{verifier}, [][]byte{signed}); len(got) != 1 {
		t.Errorf("got %d trusted keys, want the first alone", len(got))
	}
	if _, _, err := ParseSuccession(signed); err == nil || !strings.Contains(err.Error(), "other.example") || !strings.Contains(err.Error(), "accord.example") {
		t.Errorf("got %v, want an error that shows both names", err)
	}
	if Retired(verifier, [][]byte{signed}) {
		t.Error("a note that is not one retires the key")
	}
}

func TestAnOriginOfAnotherServerOrCollectionIsRefused(t *testing.T) {
	_, verifier, _ := signerFor(t, "accord.example")
	id := uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116")
	for origin, ok := range map[string]bool{
		"accord.example/" + id.String():      true,
		"other.example/" + id.String():       false,
		"accord.example":                     false,
		"accord.example/" + uuid.NewString(): false,
	} {
		if err := (Checkpoint{Origin: origin}).CheckOrigin(verifier, id); (err == nil) != ok {
			t.Errorf("%q: got %v, want it accepted: %t", origin, err, ok)
		}
	}
	if fmt.Sprint(fieldOf|fieldAct) != "of" {
		t.Error("a set of fields names its first")
	}
}
