package store

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
)

// submit appends a submission that keeps what it is refused.
func submit(t *testing.T, col *Collection, by Actor, refused []RefusedObject, texts ...string) []Outcome {
	t.Helper()
	r, err := col.Append(t.Context(), Batch{
		Actor: by, Changes: additions(t, texts...), Status: &StatusDraft{ID: uuid.New()}, Refused: &RefusalDraft{Objects: refused},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Outcomes
}

func broken(n, size int) RefusedObject {
	text := fmt.Sprintf(`{"type":"tool","id":"tool--broken-%d","x":"%s"}`, n, strings.Repeat("y", size))
	return RefusedObject{Text: []byte(text), ID: fmt.Sprintf("tool--broken-%d", n), Version: "v", Rule: "S-001", Message: "broken"}
}

// keptIDs lists what is kept, in order.
func keptIDs(t *testing.T, col *Collection, party agreement.PartyName) (ids []string) {
	t.Helper()
	err := col.Refused(party, time.Time{}, nil, func(k KeptRefusal) bool {
		ids = append(ids, k.ID)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestWhatIsRefusedIsKeptOnceForItsParty(t *testing.T) {
	now := testEpoch
	col := newCollection(t, collectionOptions{Now: func() time.Time { now = now.Add(time.Second); return now }})
	other := Actor{Account: "o", Party: "other"}
	submit(t, col, vendor, []RefusedObject{broken(1, 0), broken(2, 0)})
	submit(t, col, other, []RefusedObject{broken(1, 0)})
	again := broken(1, 0)
	again.Rule = "S-002"
	submit(t, col, vendor, []RefusedObject{again})
	if got := keptIDs(t, col, other.Party); !slices.Equal(got, []string{"tool--broken-1"}) {
		t.Errorf("the other party's: got %v", got)
	}
	if got := keptIDs(t, col, ""); len(got) != 3 {
		t.Errorf("all: got %v, want 3", got)
	}
	key := refusedKey(vendor.Party, sha256.Sum256(again.Text))
	kept, ok, err := col.RefusedObject(key)
	if err != nil || !ok || kept.Rule != "S-002" || string(kept.Text) != string(again.Text) || kept.Account != vendor.Account || kept.Party != vendor.Party {
		t.Fatalf("got %+v, %v, %v", kept, ok, err)
	}
	if kept.At.After(testEpoch.Add(10*time.Second)) || kept.Size != len(again.Text) {
		t.Errorf("it is kept since %v with %d bytes, want the time of the first refusal and %d", kept.At, kept.Size, len(again.Text))
	}
	if parsed, ok := ParseRefusedKey(key.String()); !ok || parsed != key {
		t.Errorf("the key %s reads as %s, %v", key, parsed, ok)
	}
	for _, text := range []string{"", "00", key.String() + "0", strings.Repeat("g", 32)} {
		if _, ok := ParseRefusedKey(text); ok {
			t.Errorf("%q is read as a key", text)
		}
	}
	mustBeSound(t, col)
}

// What the store itself refuses is kept too, and what is added, however, is kept no longer.
func TestWhatIsAddedLeavesTheRefused(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	id := testID("malware", 1)
	first, second := malware(id, spec21, someVersions[0], ""), malware(id, spec21, someVersions[0], `,"description":"other"`)
	submit(t, col, vendor, nil, first)
	wantKinds(t, submit(t, col, vendor, nil, second), "conflict")
	if got := keptIDs(t, col, vendor.Party); !slices.Equal(got, []string{string(id)}) {
		t.Fatalf("kept: %v, want the conflict", got)
	}
	mustAppend(t, col, Change{Remove: &Removal{ID: id, Reason: "r"}})
	submit(t, col, Actor{Account: "o", Party: "other"}, []RefusedObject{{Text: []byte(second), ID: string(id)}})
	if o := submit(t, col, vendor, nil, second); o[0].Kind == Added {
		if got := keptIDs(t, col, vendor.Party); len(got) > 0 {
			t.Errorf("kept: %v, want nothing once it is added", got)
		}
	} else {
		t.Fatalf("got %+v, want it added", o)
	}
	if got := keptIDs(t, col, "other"); len(got) != 1 {
		t.Errorf("the other party's: %v, want it to stay", got)
	}
	mustBeSound(t, col)
}

func TestTheOldestRefusedMakeRoom(t *testing.T) {
	now := testEpoch
	col := newCollection(t, collectionOptions{Now: func() time.Time { now = now.Add(time.Second); return now }})
	submit(t, col, Actor{Account: "o", Party: "other"}, []RefusedObject{broken(-1, 0)})
	submit(t, col, vendor, []RefusedObject{broken(0, 0), broken(1, MostRefusedText+1)})
	var many []RefusedObject
	for n := range MostRefused {
		many = append(many, broken(n+2, 0))
	}
	submit(t, col, vendor, many)
	got := keptIDs(t, col, vendor.Party)
	if len(got) != MostRefused || slices.Contains(got, "tool--broken-0") || slices.Contains(got, "tool--broken-1") {
		t.Errorf("%d are kept, want the last %d", len(got), MostRefused)
	}
	for n := range MostRefusedBytes/MostRefusedText + 2 {
		submit(t, col, vendor, []RefusedObject{broken(10_000+n, MostRefusedText-100)})
	}
	if got := keptIDs(t, col, vendor.Party); len(got) != MostRefusedBytes/MostRefusedText-1 && len(got) != MostRefusedBytes/MostRefusedText {
		t.Errorf("%d large ones are kept, want what %d bytes hold", len(got), MostRefusedBytes)
	}
	if got := keptIDs(t, col, "other"); len(got) != 1 {
		t.Errorf("the other party's: %v, want it to stay", got)
	}
	mustBeSound(t, col)
}

// Old ones are dropped party by party, and their text is overwritten like that of deleted objects.
func TestRefusedObjectsAreForgottenAndSwept(t *testing.T) {
	now := testEpoch
	col := newCollection(t, collectionOptions{Now: func() time.Time { return now }})
	other := Actor{Account: "o", Party: "other"}
	submit(t, col, vendor, []RefusedObject{broken(1, 0)})
	submit(t, col, other, []RefusedObject{broken(2, 0)})
	now = now.Add(48 * time.Hour)
	submit(t, col, vendor, []RefusedObject{broken(3, 0)})
	before := sweepCountOf(t, col)
	if n, err := col.ForgetRefused(t.Context(), now.Add(-time.Hour)); n != 2 || err != nil {
		t.Errorf("forgot %d, %v, want 2", n, err)
	}
	if n, err := col.ForgetRefused(t.Context(), now.Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("once more: forgot %d, %v, want 0", n, err)
	}
	if got := keptIDs(t, col, ""); !slices.Equal(got, []string{"tool--broken-3"}) {
		t.Errorf("kept: %v", got)
	}
	if got := sweepCountOf(t, col); got != before+1 {
		t.Errorf("%d deletions are counted for the sweep, want %d", got, before+1)
	}
	mustBeSound(t, col)
}

func sweepCountOf(t *testing.T, col *Collection) (deletions uint64) {
	t.Helper()
	err := col.view(func(tx *bolt.Tx) error {
		deletions, _ = sweepCounts(tx.Bucket(bucketMeta))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return deletions
}

func TestRefusedObjectsAreVisitedFromAPlace(t *testing.T) {
	now := testEpoch
	col := newCollection(t, collectionOptions{Now: func() time.Time { now = now.Add(time.Second); return now }})
	for n := range 10 {
		submit(t, col, Actor{Account: "a", Party: []agreement.PartyName{"vendor", "other"}[n%2]}, []RefusedObject{broken(n, 0)})
	}
	all := keptIDs(t, col, "")
	var paged []string
	var place []byte
	for {
		n := 0
		err := col.Refused("", time.Time{}, place, func(k KeptRefusal) bool {
			paged, place = append(paged, k.ID), k.Place
			n++
			return n < 3
		})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	if !slices.Equal(paged, all) || len(all) != 10 {
		t.Errorf("in pages: %v, at once: %v", paged, all)
	}
}

// A damaged or half one is found by the check, and left behind when the file is made again.
func TestRefusedObjectsAreCheckedAndSalvaged(t *testing.T) {
	key := refusedKey(vendor.Party, sha256.Sum256(broken(1, 0).Text))
	for _, row := range []struct {
		name string
		harm func(*bolt.Tx) error
		want string
	}{
		{"a damaged object", func(tx *bolt.Tx) error { return tx.Bucket(bucketRefused).Put(key[:], []byte("?????")) }, "the refused object"},
		{"an object without its place", func(tx *bolt.Tx) error {
			place, _ := tx.Bucket(bucketRefusedAge).Cursor().First()
			return tx.Bucket(bucketRefusedAge).Delete(place)
		}, "not listed by its age"},
		{"a place without its object", func(tx *bolt.Tx) error { return tx.Bucket(bucketRefused).Delete(key[:]) }, "listed by age"},
		{"a key of another length", func(tx *bolt.Tx) error { return tx.Bucket(bucketRefused).Put([]byte("k"), []byte("?????")) }, "has the key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cid := uuid.New()
			path := filepath.Join(t.TempDir(), "a.db")
			a := testAgreement(cid)
			col, err := createCollection(path, cid, a, vendor, collectionOptions{})
			if err != nil {
				t.Fatal(err)
			}
			submit(t, col, vendor, []RefusedObject{broken(1, 0)})
			submit(t, col, vendor, []RefusedObject{broken(2, 0)})
			if err := col.file.Load().db.Update(row.harm); err != nil {
				t.Fatal(err)
			}
			faults, err := col.Check(t.Context())
			if err != nil || !strings.Contains(strings.Join(faults, "\n"), row.want) {
				t.Errorf("got %q, %v, want one with %q", faults, err, row.want)
			}
			if err := col.close(); err != nil {
				t.Fatal(err)
			}
			if _, err := salvageInto(t.Context(), path, path+".new", Listed{Name: a.Name, Collection: cid}); err != nil {
				t.Fatal(err)
			}
			col, err = openCollection(path+".new", collectionOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer col.close()
			mustBeSound(t, col)
			if got := keptIDs(t, col, ""); !slices.Contains(got, "tool--broken-2") && row.name != "an object without its place" {
				t.Errorf("after salvage: %v, want the other one at least", got)
			}
		})
	}
}

// The same submissions on two files keep the same.
func TestKeepingTheRefusedIsDeterministic(t *testing.T) {
	var got [2]map[string]string
	for i := range got {
		col := newCollection(t, collectionOptions{Now: clockFrom(testEpoch, time.Second)})
		for n := range 20 {
			submit(t, col, vendor, []RefusedObject{broken(n, n), broken(n+1, n)})
		}
		got[i] = map[string]string{}
		err := col.view(func(tx *bolt.Tx) error {
			for _, name := range [][]byte{bucketRefused, bucketRefusedAge} {
				tx.Bucket(name).ForEach(func(k, v []byte) error { got[i][string(name)+string(k)] = string(v); return nil })
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(got[0], got[1]) || len(got[0]) == 0 {
		t.Errorf("two files keep different things")
	}
}
