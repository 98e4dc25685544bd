package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

func TestAdditionsOfTheSameVersion(t *testing.T) { // T-105, T-106, T-014, traps 13 and 14
	id, ip := testID("malware", 1), testID("ipv4-addr", 2)
	v1 := malware(id, spec21, "2021-01-01T00:00:00Z", "")
	for _, row := range []struct{ name, first, second, want string }{
		{"the same text", v1, v1, "already"},
		{"the same value spelled otherwise", v1, strings.Replace(v1, `"is_family":false,"name":"n"`, `"name":"\u006e", "is_family" : false`, 1), "already"},
		{"the same instant spelled otherwise", v1, malware(id, spec21, "2021-01-01T00:00:00.000Z", ""), "already"},
		{"other content", v1, malware(id, spec21, "2021-01-01T00:00:00Z", `,"aliases":["x"]`), "conflict"},
		{"a later version", v1, malware(id, spec21, "2021-01-01T00:00:00.0000000001Z", ""), "added"},
		{"the version in the other spec version", v1, malware(id, spec20, "2021-01-01T00:00:00Z", ""), "added"},
		{"an identifier in other letters is the same", v1, malware(stix.ID("malware--"+strings.ToUpper(id.UUID())), spec21, "2021-01-02T00:00:00Z", ""), "added"},
		{"an unversioned object again", address(ip, "198.51.100.1"), fmt.Sprintf(`{"id":%q,"value":"198.51.100.1","type":"ipv4-addr"}`, ip), "already"},
		{"an unversioned object with other content", address(ip, "198.51.100.1"), address(ip, "198.51.100.2"), "added"},
		{"a marking definition goes by created", markingDefinition("2017-01-20T00:00:00.000Z", "a"), markingDefinition("2017-01-20T00:00:00.000Z", "b"), "conflict"},
	} {
		t.Run(row.name, func(t *testing.T) {
			apart, together := newCollection(t, collectionOptions{}), newCollection(t, collectionOptions{})
			wantKinds(t, add(t, apart, row.first), "added")
			wantKinds(t, add(t, apart, row.second), row.want)
			wantKinds(t, add(t, together, row.first, row.second), "added, "+row.want)
			if row.want != "added" && len(texts(t, apart, Query{Versions: Versions{All: true}})) != 1 {
				t.Errorf("got a second version, want one")
			}
		})
	}
}

func markingDefinition(created, statement string) string {
	return fmt.Sprintf(`{"type":"marking-definition","spec_version":"2.1","id":%q,"created":%q,"definition_type":"statement","definition":{"statement":%q}}`,
		testID("marking-definition", 1), created, statement)
}

// An unversioned object whose earlier content comes again has not changed: two senders that disagree do not make a
// version each time they speak.
func TestUnversionedContentComesOnce(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	id := testID("url", 1)
	for range 3 {
		for n := range 5 {
			add(t, col, address(id, fmt.Sprint("u", n)))
		}
	}
	if got := texts(t, col, Query{Versions: Versions{All: true}}); len(got) != 5 {
		t.Errorf("got %d versions, want 5", len(got))
	}
	if got := texts(t, col, Query{}); len(got) != 1 || got[0] != address(id, "u4") {
		t.Errorf("got last %v, want u4", got)
	}
}

func TestWhatIsNoChangeIsRefusedWhole(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	good := Change{Add: &Addition{Object: parsed(t, malware(testID("malware", 1), spec21, "2021-01-01T00:00:00Z", ""))}}
	object := func(text string) Change { return Change{Add: &Addition{Object: parsed(t, text)}} }
	for _, row := range []struct {
		name   string
		change Change
	}{
		{"nothing", Change{}},
		{"two things", Change{Add: good.Add, Remove: &Removal{}}},
		{"an object without text", Change{Add: &Addition{}}},
		{"an object without identifier", object(`{"type":"malware"}`)},
		{"a spec version that does not exist", object(`{"type":"url","id":"url--` + testID("url", 1).UUID() + `","spec_version":"3.0"}`)},
		{"a version that makes no key", object(malware(testID("malware", 2), spec21, "2021-01-01T00:00:00."+strings.Repeat("1", 1000)+"Z", ""))},
		{"a removal of another kind", Change{Remove: &Removal{ID: testID("malware", 1), Kind: journal.Added}}},
		{"terms of another agreement", Change{Terms: &TermsChange{Agreement: testAgreement(uuid.New())}}},
		{"no terms", Change{Terms: &TermsChange{}}},
	} {
		_, err := col.Append(context.Background(), Batch{Changes: []Change{good, row.change}})
		if err == nil {
			t.Errorf("%s: got no error", row.name)
		}
	}
	if s, err := col.Stats(); err != nil || s.Versions != 0 || s.Entries != 1 {
		t.Errorf("got %+v, %v, want nothing but the terms", s, err)
	}
}

// A version comes back unless the removal bars it: a release's own because of the object, the system's, an operator's with bar.
func TestWhatARemovalBars(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	versioned, plain := malware(testID("malware", 1), spec21, "2021-01-01T00:00:00Z", ""), address(testID("url", 1), "u")
	follower := func(from uuid.UUID) []Outcome {
		changes := additions(t, versioned, plain)
		for i := range changes {
			changes[i].Add.Source = journal.Source{Collection: from, Position: 9}
		}
		return mustAppend(t, col, changes...)
	}
	remove := func(by Actor, r Removal) {
		t.Helper()
		other := r
		r.ID, other.ID = testID("malware", 1), testID("url", 1)
		got, err := col.Append(t.Context(), Batch{Actor: by, Changes: []Change{{Remove: &r}, {Remove: &other}}})
		if err != nil {
			t.Fatal(err)
		}
		wantKinds(t, got.Outcomes, "removed, removed")
	}
	operator := Actor{Account: "root"}
	wantKinds(t, follower(fromA), "added, added")
	wantKinds(t, follower(fromA), "already, already")
	remove(Actor{}, Removal{Kind: journal.Withdrawn, OnlyFrom: fromA, MayReturn: true})
	wantKinds(t, follower(fromA), "added, added")
	remove(Actor{}, Removal{Kind: journal.Withdrawn, OnlyFrom: fromA})
	wantKinds(t, follower(fromA), "gone, gone")
	wantKinds(t, follower(fromB), "added, added")
	remove(operator, Removal{Operator: true, Reason: "r"})
	wantKinds(t, add(t, col, versioned, plain), "added, added")
	remove(vendor, Removal{OnlyBy: "vendor"})
	wantKinds(t, follower(fromB), "added, added") // what a member deleted bars no release
	wantKinds(t, add(t, col, versioned), "already")
	remove(operator, Removal{Operator: true, Reason: "r"})
	wantKinds(t, add(t, col, versioned, plain), "added, added")
	remove(operator, Removal{Operator: true, Bar: true, Reason: "r"})
	wantKinds(t, follower(fromB), "gone, gone")
	wantKinds(t, add(t, col, versioned, plain), "barred, barred")

	col = newCollection(t, collectionOptions{})
	wantKinds(t, add(t, col, versioned, plain), "added, added")
	remove(Actor{}, Removal{Reason: "retention"})
	wantKinds(t, follower(fromB), "gone, gone")
	wantKinds(t, add(t, col, versioned, plain), "added, added")
}

func TestRemovalLeavesItsEntryAndNothingElse(t *testing.T) { // T-115
	col := newCollection(t, collectionOptions{})
	id := testID("malware", 1)
	out := add(t, col, malware(id, spec21, "2021-01-01T00:00:00Z", ""), malware(id, spec21, "2022-01-01T00:00:00Z", ""))
	other := add(t, col, malware(id, spec21, "2023-01-01T00:00:00Z", ""))
	wantKinds(t, mustAppend(t, col, Change{Remove: &Removal{ID: id, OnlyBy: "agency"}}), "not theirs")
	wantKinds(t, mustAppend(t, col, Change{Remove: &Removal{ID: testID("malware", 2)}}), "missing")
	got := mustAppend(t, col, Change{Remove: &Removal{ID: id, Versions: Versions{Last: true}, Reason: "an error"}})
	wantKinds(t, got, "removed")
	if !slices.Equal(got[0].Positions, []journal.Position{other[0].Position}) {
		t.Errorf("got positions %v, want %v", got[0].Positions, other[0].Position)
	}
	e, _, err := col.Entry(5)
	want := journal.Entry{
		Kind: journal.Deleted, At: got[0].At, Account: "vendor-push", Party: "vendor", Object: string(id),
		Version: "2023-01-01T00:00:00Z", SpecVersion: spec21, Of: other[0].Position, Reason: "an error",
	}
	if err != nil || fmt.Sprint(e) != fmt.Sprint(want) {
		t.Errorf("got  %+v, %v\nwant %+v", e, err, want)
	}
	if _, ok, err := col.ObjectAt(other[0].Position); ok || err != nil {
		t.Errorf("ObjectAt of what was removed: got %v, %v", ok, err)
	}
	wantKinds(t, mustAppend(t, col, Change{Remove: &Removal{ID: id, OnlyBy: "vendor"}}), "removed")
	if s, err := col.Stats(); err != nil || s.Objects != 0 || s.Versions != 0 || s.Bytes != 0 || s.Entries != 7 || !s.LastAdded.Equal(other[0].At) {
		t.Errorf("got %+v, %v", s, err)
	}
	if out[0].Kind != Added {
		t.Errorf("got %v", out)
	}
}

func TestTermsAreInForceOnceRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	id := uuid.New()
	col, err := createCollection(path, id, testAgreement(id), Actor{Account: "root"}, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	next := col.Agreement().Clone()
	next.Title = "Renewed"
	next.Accept.MaxTLP = stix.Amber
	wantKinds(t, mustAppend(t, col, Change{Terms: &TermsChange{Agreement: next, Act: "renew", Reason: "as agreed"}}), "changed")
	first, _, err1 := col.Entry(1)
	second, _, err2 := col.Entry(2)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if first.Act != "create" || first.Account != "root" || second.Act != "renew" || second.Before != first.Digest || second.Reason != "as agreed" || !second.At.After(first.At) {
		t.Errorf("got entries %+v and %+v", first, second)
	}
	check := func(col *Collection) {
		t.Helper()
		got, err1 := col.Agreement().Document()
		want, err2 := next.Document()
		if !bytes.Equal(got, want) || err1 != nil || err2 != nil {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	check(col)
	mustBeSound(t, col)
	if err := col.close(); err != nil {
		t.Fatal(err)
	}
	col, err = openCollection(path, collectionOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer col.close()
	check(col)
	if _, err := col.Append(context.Background(), Batch{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("append to a file that is read: got %v, want ErrReadOnly", err)
	}
}

func TestCreateLeavesNoHalfFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	id := uuid.New()
	if err := os.WriteFile(path+".new", []byte("left by a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	col, err := createCollection(path, id, testAgreement(id), vendor, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	col.close()
	if _, err := createCollection(path, id, testAgreement(id), vendor, collectionOptions{}); !errors.Is(err, ErrExists) {
		t.Errorf("create again: got %v, want ErrExists", err)
	}
	if _, err := openCollection(filepath.Join(dir, "none.db"), collectionOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open what is not there: got %v", err)
	}
}

func TestStatusesAreKeptWithTheirChanges(t *testing.T) { // T-044, T-045
	now := testEpoch
	col := newCollection(t, collectionOptions{Now: func() time.Time { return now }})
	id := uuid.New()
	r, err := col.Append(context.Background(), Batch{
		Actor:   vendor,
		Changes: additions(t, address(testID("url", 1), "a"), address(testID("url", 2), "b"), address(testID("url", 1), "a")),
		Status:  &StatusDraft{ID: id, Text: []byte("draft")}, Follower: &FollowerUpdate{Name: "mirror", Position: 12},
	})
	if err != nil {
		t.Fatal(err)
	}
	kept, ok, err := col.Status(id)
	draft, outcomes, by := kept.Draft, kept.Outcomes, kept.By
	if err != nil || !ok || by != vendor || string(draft) != "draft" || !reflect.DeepEqual(outcomes, r.Outcomes) {
		t.Errorf("got %s, %v by %v, %v, %v; want %v", draft, outcomes, by, ok, err, r.Outcomes)
	}
	if e, _, err := col.Entry(3); err != nil || e.Status != id {
		t.Errorf("the entry names the status %v, want %v (%v)", e.Status, id, err)
	}
	if p, err := col.CursorOf("mirror"); p != 12 || err != nil {
		t.Errorf("cursor: got %d, %v", p, err)
	}
	if p, err := col.CursorOf("other"); p != 0 || err != nil {
		t.Errorf("cursor of who has not begun: got %d, %v", p, err)
	}
	now = now.Add(time.Hour)
	later := uuid.New()
	if _, err := col.Append(context.Background(), Batch{Status: &StatusDraft{ID: later}}); err != nil {
		t.Fatal(err)
	}
	if n, err := col.ForgetStatuses(context.Background(), now.Add(-time.Minute)); n != 1 || err != nil {
		t.Errorf("forgot %d, %v, want 1", n, err)
	}
	if _, ok, err := col.Status(id); ok || err != nil {
		t.Errorf("the old status: got %v, %v", ok, err)
	}
	if _, ok, err := col.Status(later); !ok || err != nil {
		t.Errorf("the new status: got %v, %v", ok, err)
	}
}

// The same changes on two files give the same content, the same pages and the same tree head.
func TestApplyingIsDeterministic(t *testing.T) {
	var contents [2]string
	for i := range contents {
		col := newCollection(t, collectionOptions{Now: clockFrom(testEpoch, 1700*time.Microsecond)})
		declare(t, col)
		w := newWorld(99)
		w.named = true
		m := newModel()
		for range 40 {
			w.do(t, col, m)
		}
		_, root, err := col.Head()
		if err != nil {
			t.Fatal(err)
		}
		contents[i] = root.String() + "\n" + dump(t, col)
	}
	if contents[0] != contents[1] {
		t.Errorf("the files differ:\n%.2000s\nand\n%.2000s", contents[0], contents[1])
	}
}

// dump is all that a file holds.
func dump(t testing.TB, col *Collection) string {
	t.Helper()
	var b strings.Builder
	err := col.view(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
			return bucket.ForEach(func(k, v []byte) error {
				fmt.Fprintf(&b, "%s %x %x\n", name, k, v)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// difference is the lines that only one of two dumps has.
func difference(want, got string) string {
	var b strings.Builder
	in := func(s, mark, other string) {
		for line := range strings.Lines(s) {
			if !strings.Contains(other, line) {
				b.WriteString(mark + line)
			}
		}
	}
	in(want, "-", got)
	in(got, "+", want)
	return b.String()
}

func TestRebuildMakesTheSameIndexes(t *testing.T) {
	col := newCollection(t, collectionOptions{Now: clockFrom(testEpoch, 1700*time.Microsecond)})
	declare(t, col)
	w := newWorld(7)
	m := newModel()
	for range 60 {
		w.do(t, col, m)
	}
	want := dump(t, col)
	err := col.file.Load().db.Update(func(tx *bolt.Tx) error { // lose some, harm some
		return errors.Join(tx.DeleteBucket(bucketOrder), tx.DeleteBucket(bucketVersions), tx.DeleteBucket(bucketHashes),
			tx.Bucket(bucketMeta).Put(keyStats, []byte{1}), tx.Bucket(bucketByType).Put([]byte("stray"), nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	if faults, err := col.Check(context.Background()); len(faults) == 0 && err == nil {
		t.Error("check finds nothing wrong with a harmed file")
	}
	if err := col.Rebuild(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, col); got != want {
		t.Errorf("rebuilding gives other content:\n%s", difference(want, got))
	}
	w.do(t, col, m)
}

// Of a status that counts, the numbers of the outcomes are kept, and nothing for each change.
func TestAStatusThatCounts(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	id := uuid.New()
	changes := additions(t, address(testID("url", 1), "a"), address(testID("url", 2), "b"), address(testID("url", 1), "a"))
	for range 5000 {
		changes = append(changes, changes[0])
	}
	if _, err := col.Append(t.Context(), Batch{Actor: vendor, Changes: changes, Status: &StatusDraft{ID: id, Text: []byte("draft"), Counted: true}}); err != nil {
		t.Fatal(err)
	}
	kept, ok, err := col.Status(id)
	want := map[OutcomeKind]uint64{Added: 2, Already: 5001}
	if err != nil || !ok || kept.By != vendor || string(kept.Draft) != "draft" || kept.Outcomes != nil || !reflect.DeepEqual(kept.Counts, want) {
		t.Errorf("got %+v, %v, want the counts %v", kept, err, want)
	}
}

// A wrong bit in the key of a status has it found no more: that is damage, and no status that never was.
func TestAStatusWithADamagedKeyIsDamage(t *testing.T) {
	c := newCollection(t, collectionOptions{})
	id := uuid.New()
	if _, err := c.Append(t.Context(), Batch{Actor: vendor, Status: &StatusDraft{ID: id, Text: []byte("draft")}, Changes: additions(t, address(testID("url", 1), "a"))}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := c.Status(id); !ok || err != nil {
		t.Fatalf("got %t, %v", ok, err)
	}
	wrong := id
	wrong[3] ^= 4
	rename := func(from, to uuid.UUID) {
		t.Helper()
		if err := c.update(func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketStatuses)
			value := bytes.Clone(b.Get(from[:]))
			return errors.Join(b.Delete(from[:]), b.Put(to[:], value))
		}); err != nil {
			t.Fatal(err)
		}
	}
	rename(id, wrong)
	defer rename(wrong, id)
	if _, ok, err := c.Status(id); ok || DiskErrorOf(err) != Damaged {
		t.Errorf("got %t, %v, want damage", ok, err)
	}
	if _, ok, err := c.Status(uuid.New()); ok || err != nil {
		t.Errorf("a status that never was: got %t, %v", ok, err)
	}
}
