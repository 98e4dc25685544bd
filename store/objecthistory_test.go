package store

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// After anything that can happen, EntriesOf an object is what reading the whole journal gives, and so it is after the
// indexes were made again.
func TestEntriesOfAgreesWithTheJournal(t *testing.T) {
	id := uuid.New()
	col, err := createCollection(t.TempDir()+"/a.db", id, testAgreement(id), vendor, collectionOptions{Now: clockFrom(testEpoch, 1700000)})
	if err != nil {
		t.Fatal(err)
	}
	defer col.close()
	declare(t, col)
	w, m := newWorld(11), newModel()
	for range 40 {
		w.do(t, col, m)
	}
	check := func() {
		t.Helper()
		want := map[string][]journal.Position{}
		removals := 0
		err := col.Entries(1, 1<<30, func(p journal.Position, e journal.Entry, _ []byte) bool {
			if e.Object != "" {
				want[e.Object] = append(want[e.Object], p)
			}
			if e.Of != 0 {
				removals++
			}
			return true
		})
		if err != nil || removals == 0 {
			t.Fatalf("got %d removals and error %v, want some", removals, err)
		}
		for object, list := range want {
			got, err := col.EntriesOf(stix.ID(object))
			if err != nil || !slices.Equal(got, list) {
				t.Errorf("%s: got %v and error %v, want %v", object, got, err, list)
			}
		}
	}
	check()
	if err := col.Rebuild(context.Background()); err != nil {
		t.Fatal(err)
	}
	check()
	if got, err := col.EntriesOf("indicator--00000000-0000-4000-8000-000000000000"); err != nil || got != nil {
		t.Errorf("an object that was never here: got %v and error %v", got, err)
	}
}

func TestTermsAtAreThoseInForce(t *testing.T) {
	id := uuid.New()
	col, err := createCollection(t.TempDir()+"/a.db", id, testAgreement(id), vendor, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer col.close()
	for _, title := range []string{"Second", "Third"} {
		a := testAgreement(id)
		a.Title = title
		if _, err := col.Append(context.Background(), Batch{Actor: vendor, Changes: []Change{{Terms: &TermsChange{Agreement: a, Act: "change"}}}}); err != nil {
			t.Fatal(err)
		}
	}
	for p, want := range map[journal.Position]journal.Position{1: 1, 2: 2, 3: 3, 99: 3} {
		since, digest, document, err := col.TermsAt(p)
		e, _, err2 := col.Entry(since)
		if err != nil || err2 != nil || since != want || digest != e.Digest || len(document) == 0 {
			t.Errorf("at %d: got %d and errors %v, %v, want %d", p, since, err, err2, want)
		}
	}
}
