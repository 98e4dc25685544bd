package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// takeCorrections lets the owners of objects in a collection correct them.
func takeCorrections(t testing.TB, col *Collection) {
	t.Helper()
	a := col.Agreement().Clone()
	a.Accept.Corrections = agreement.CorrectionsAccept
	if _, err := col.Append(context.Background(), Batch{Changes: []Change{{Terms: &TermsChange{Agreement: a, Act: "change"}}}}); err != nil {
		t.Fatal(err)
	}
}

// The owner of a version may replace its text where the terms say so, and nobody else.
func TestWhoMayCorrectWhat(t *testing.T) {
	id := testID("malware", 1)
	first, other := malware(id, spec21, someVersions[0], ""), malware(id, spec21, someVersions[0], `,"aliases":["x"]`)
	spelt := malware(id, spec21, someVersions[1], `,"aliases":["x"]`)
	agency := Actor{Account: "agency-push", Party: "agency"}
	any := func(a *agreement.Agreement) { a.Accept.Versions = agreement.VersionsAny }
	for _, row := range []struct {
		name        string
		change      func(*agreement.Agreement)
		first, next string
		by          Actor
		from        [2]uuid.UUID
		want        string
	}{
		{"its owner", nil, first, other, vendor, [2]uuid.UUID{}, "corrected"},
		{"under the same instant spelt otherwise", nil, first, spelt, vendor, [2]uuid.UUID{}, "corrected"},
		{"the same content", nil, first, strings.Replace(first, `"is_family"`, `"revoked":false,"is_family"`, 1), vendor, [2]uuid.UUID{}, "already"},
		{"another party", nil, first, other, agency, [2]uuid.UUID{}, "conflict"},
		{"another party that may add versions", any, first, other, agency, [2]uuid.UUID{}, "conflict"},
		{"in the name of another party", nil, first, malware(id, spec21, someVersions[0], `,"created_by_ref":"`+string(testID("identity", 2))+`"`), vendor, [2]uuid.UUID{}, "conflict"},
		{"an agreement that takes none", func(a *agreement.Agreement) { a.Accept.Corrections = agreement.CorrectionsRefuse }, first, other, vendor, [2]uuid.UUID{}, "conflict"},
		{"of what a release brought", nil, first, other, vendor, [2]uuid.UUID{fromA}, "conflict"},
		{"a release of what it brought", nil, first, other, Actor{}, [2]uuid.UUID{fromA, fromA}, "corrected"},
		{"a release of what it brought, whatever the terms", func(a *agreement.Agreement) { a.Accept.Corrections = "" }, first, other, Actor{}, [2]uuid.UUID{fromA, fromA}, "corrected"},
		{"a release of what another one brought", nil, first, other, Actor{}, [2]uuid.UUID{fromB, fromA}, "conflict"},
		{"a release of what a party added", nil, first, other, Actor{}, [2]uuid.UUID{{}, fromA}, "conflict"},
		{"a marking definition", nil, markingDefinition("2017-01-20T00:00:00.000Z", "a"), markingDefinition("2017-01-20T00:00:00.000Z", "b"), vendor, [2]uuid.UUID{}, "corrected"},
		{"an object without versions", nil, address(testID("url", 1), "a"), address(testID("url", 1), "b"), vendor, [2]uuid.UUID{}, "added"},
	} {
		t.Run(row.name, func(t *testing.T) {
			col := newCollection(t, collectionOptions{})
			declare(t, col)
			takeCorrections(t, col)
			if row.change != nil {
				a := col.Agreement().Clone()
				row.change(a)
				mustAppend(t, col, Change{Terms: &TermsChange{Agreement: a, Act: "change"}})
			}
			bring := func(text string, by Actor, from uuid.UUID) []Outcome {
				ch := Change{Add: &Addition{Object: parsed(t, text)}}
				if from != (uuid.UUID{}) {
					by = Actor{}
					ch.Add.Source, ch.Add.Correction = journal.Source{Collection: from, Position: 5}, true
				}
				r, err := col.Append(t.Context(), Batch{Actor: by, Changes: []Change{ch}})
				if err != nil {
					t.Fatal(err)
				}
				return r.Outcomes
			}
			wantKinds(t, bring(row.first, vendor, row.from[0]), "added")
			wantKinds(t, bring(row.next, row.by, row.from[1]), row.want)
			got := texts(t, col, Query{Versions: Versions{All: true}})
			if corrected := row.want == "corrected"; corrected != (len(got) == 1 && got[0] == row.next) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A correction gives the version a new date_added, keeps the old digest in the journal, and leaves nothing of the old text.
func TestACorrectionIsTwoEntries(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	takeCorrections(t, col)
	id := testID("malware", 1)
	before := malware(id, spec21, someVersions[2], `,"aliases":["OLDTEXT"]`)
	after := malware(id, spec21, someVersions[2], `,"aliases":["new"]`)
	add(t, col, malware(id, spec21, someVersions[0], ""), malware(id, spec21, someVersions[4], ""))
	old := add(t, col, before)[0]
	served := texts(t, col, Query{Versions: Versions{All: true}, After: old.At})
	got := add(t, col, after)[0]
	if got.Kind != Corrected || !got.At.After(old.At) || !slices.Equal(got.Positions, []journal.Position{old.Position}) || got.Position != old.Position+2 {
		t.Fatalf("got %+v, want the text at %d corrected", got, old.Position)
	}
	if poll := texts(t, col, Query{Versions: Versions{All: true}, After: old.At}); len(served) != 0 || !slices.Equal(poll, []string{after}) {
		t.Errorf("who has read everything gets %q", poll)
	}
	removal, _, err := col.Entry(got.Position - 1)
	if err != nil || removal.Kind != journal.Deleted || removal.Act != journal.ActCorrect || removal.Of != old.Position || removal.Party != "vendor" {
		t.Errorf("got %+v, %v", removal, err)
	}
	added, _, err := col.Entry(got.Position)
	if err != nil || added.Kind != journal.Added || added.Act != journal.ActCorrect || added.Digest != sha256.Sum256([]byte(after)) {
		t.Errorf("got %+v, %v", added, err)
	}
	if first, _, err := col.Entry(old.Position); err != nil || first.Digest != sha256.Sum256([]byte(before)) {
		t.Errorf("the old digest: got %+v, %v", first, err)
	}
	state, ok, err := col.ObjectState(id)
	if err != nil || !ok || len(state.Versions) != 3 || len(state.Removed) != 0 || len(state.Entries) != 5 || state.Owner.Party != "vendor" {
		t.Errorf("got %+v, %v", state, err)
	}
	if text, ok, err := col.ObjectAt(old.Position); ok || err != nil {
		t.Errorf("the old text is still there: %s, %v", text, err)
	}
	if err := sweepFile(t.Context(), col.file.Load().db, bucketMeta); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := col.file.Load().db.View(func(tx *bolt.Tx) error { _, err := tx.WriteTo(&file); return err }); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file.Bytes(), []byte("OLDTEXT")) {
		t.Error("the old text is still in the file")
	}
	wantKinds(t, add(t, col, after), "already")
	wantKinds(t, add(t, col, before), "corrected") // and back
}

// Two texts of one version in one envelope are a contradiction: the second one corrects nothing, however often they come.
func TestAnEnvelopeDoesNotCorrectItself(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	takeCorrections(t, col)
	id := testID("malware", 1)
	a, b := malware(id, spec21, someVersions[0], ""), malware(id, spec21, someVersions[1], `,"aliases":["x"]`)
	wantKinds(t, add(t, col, a, b), "added, conflict")
	wantKinds(t, add(t, col, a, b, a), "already, conflict, already")
	wantKinds(t, add(t, col, b, a), "corrected, conflict")
	wantKinds(t, add(t, col, b), "already")
}

// A text that several releases brought stays as the others' when one of them corrects it.
func TestACorrectionOfOneOfSeveralSources(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	id := testID("malware", 1)
	bring := func(text string, from uuid.UUID) []Outcome {
		ch := Change{Add: &Addition{Object: parsed(t, text), Source: journal.Source{Collection: from, Position: 5}, Correction: true}}
		r, err := col.Append(t.Context(), Batch{Changes: []Change{ch}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Outcomes
	}
	first, other := malware(id, spec21, someVersions[0], ""), malware(id, spec21, someVersions[0], `,"aliases":["x"]`)
	bring(first, fromA)
	wantKinds(t, bring(first, fromB), "already")
	wantKinds(t, bring(other, fromA), "conflict")
	state, _, err := col.ObjectState(id)
	if err != nil || len(state.Versions) != 1 || !slices.Equal(state.Versions[0].Sources, []uuid.UUID{fromB}) {
		t.Errorf("got %+v, %v, want the text of the other release", state.Versions, err)
	}
	wantKinds(t, bring(other, fromB), "corrected")
	wantKinds(t, bring(other, fromA), "already")
}

// Who owns an object stays its owner through corrections, also after a rebuild and after it has deleted the object.
func TestACorrectionLeavesTheOwner(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	declare(t, col)
	takeCorrections(t, col)
	id := testID("malware", 1)
	by := `,"created_by_ref":"` + string(testID("identity", 2)) + `"`
	a := col.Agreement().Clone()
	a.Accept.Relay = true
	mustAppend(t, col, Change{Terms: &TermsChange{Agreement: a, Act: "change"}})
	wantKinds(t, add(t, col, malware(id, spec21, someVersions[0], by)), "added") // the vendor relays what the agency created
	agency := Actor{Account: "agency-push", Party: "agency"}
	r, err := col.Append(t.Context(), Batch{Actor: agency, Changes: additions(t, malware(id, spec21, someVersions[0], by+`,"aliases":["x"]`))})
	if err != nil {
		t.Fatal(err)
	}
	wantKinds(t, r.Outcomes, "corrected")
	for range 2 {
		state, _, err := col.ObjectState(id)
		if err != nil || state.Owner.Party != "agency" {
			t.Errorf("got %+v, %v", state.Owner, err)
		}
		mustBeSound(t, col)
		if err := col.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
