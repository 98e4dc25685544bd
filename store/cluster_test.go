package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store/journal"
)

// alone makes a folder with an agreement and some content, without a cluster.
func alone(t *testing.T, dir string) {
	t.Helper()
	s := openFolder(t, dir, Options{Now: clockFrom(testEpoch, 1700*time.Microsecond)})
	everyRecord(t, s)
	col, _ := s.Collection("gsp")
	add(t, col, malware(testID("malware", 1), spec21, "2021-01-01T00:00:00Z", ""), address(testID("url", 2), "a"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return content(t, db)
}

// C-12: a folder alone has no log and no other formats than before, and its writers are those that they always were.
func TestC12AFolderAloneKnowsNothingOfALog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	alone(t, dir)
	if err := LeaveLog(dir); err != nil { // it is in none
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "agreements", "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v, %v, want one file", files, err)
	}
	for path, format := range map[string]uint64{files[0]: collectionFormat, filepath.Join(dir, registryName): registryFormat} {
		got := contentOf(t, path)
		if !strings.Contains(got, fmt.Sprintf("meta %x %016x\n", keyFormat, format)) || strings.Contains(got, "\nlog ") {
			t.Errorf("%s has not the format %d, or has a log", path, format)
		}
	}
	for _, name := range []string{"log", clusterName} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("a folder alone has %s", name)
		}
	}
	s := openFolder(t, dir, Options{})
	col, _ := s.Collection("gsp")
	if col.queue.life != nil || col.Place() != 0 || s.Place() != 0 {
		t.Error("a folder alone has a queue that proposes, or a place")
	}
	if err := col.ApplyLog([]Logged{{1, nil}}); !errors.Is(err, ErrNotInCluster) {
		t.Errorf("ApplyLog: got %v, want ErrNotInCluster", err)
	}
	if err := s.ApplyLog(Logged{1, nil}); !errors.Is(err, ErrNotInCluster) {
		t.Errorf("ApplyLog of accord.db: got %v, want ErrNotInCluster", err)
	}
	if err := errors.Join(s.WaitPlace(t.Context(), 9), col.WaitPlace(t.Context(), 9)); err != nil {
		t.Errorf("waiting for a place: %v", err)
	}
}

// C-12: alone, the same batches at the same times lead to every key and value that the program wrote before there was a log (commit
// 8e29faa), beside indexes, which have changed since. The bytes of a file differ from run to run, in what its pages have left over.
func TestC12TheContentIsThatOfBefore(t *testing.T) {
	for seed, want := range map[uint64]string{
		11: "d5652a9d394351e206342e9ce6333263457f2b26e919e432297c757083a03320",
		12: "3ba6cb5892e22cb0b2f85769e9cf1eeb4ae96c895fa4ebe0450ac4a5ef719386",
	} {
		col := newCollection(t, collectionOptions{Now: clockFrom(testEpoch, 1700*time.Microsecond)})
		declare(t, col)
		w := newWorld(seed)
		w.named = true
		m := newModel()
		for range 40 {
			w.do(t, col, m)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(lasting(dump(t, col))))); got != want {
			t.Errorf("the content has the digest %s, want %s", got, want)
		}
	}
}

func TestAFolderOfAClusterIsOpenedWithItsLogOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	alone(t, dir)
	registry := filepath.Join(dir, registryName)
	before := contentOf(t, registry)
	l := newMemoryLog(0)
	n := openNode(t, dir, l, Options{}, nil)
	col, _ := n.Collection("gsp")
	file := col.file.Load().db.Path()
	added := add(t, col, address(testID("url", 3), "b"))
	l.end()
	n.settle(t)
	mustBeSound(t, col)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		opts Options
		want string // of the error; "": none
	}{
		{"alone", Options{}, "belongs to a cluster"},
		{"with the log of another cluster", Options{Log: l, Cluster: "c2"}, "belongs to the cluster c1, not c2"},
		{"with the log of a cluster without a name", Options{Log: l}, "a cluster has a name"},
		{"to read", Options{ReadOnly: true}, ""},
		{"with its own", Options{Log: l, Cluster: "c1"}, ""},
	} {
		s, err := Open(dir, row.opts)
		if err == nil {
			if col, ok := s.Collection("gsp"); !ok || len(texts(t, col, Query{})) != 3 {
				t.Errorf("%s: the agreement is not as it was", row.name)
			}
			if row.opts.Log != nil && s.Place() != n.Place() {
				t.Errorf("%s: the place is %d, want %d", row.name, s.Place(), n.Place())
			}
			s.Close()
		}
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", row.name, err, row.want)
		}
	}
	if _, _, err := RestoreAgreement(t.Context(), t.TempDir(), dir, "gsp", nil); err == nil {
		t.Error("a file of a node was restored")
	}
	if err := errors.Join(LeaveLog(dir), LeaveLog(dir)); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, registry); got != before {
		t.Errorf("accord.db after it left:\n%s", difference(before, got))
	}
	if got := contentOf(t, file); strings.Contains(got, "\nlog ") {
		t.Error("the agreement's file still has a log")
	}
	s := openFolder(t, dir, Options{})
	col, _ = s.Collection("gsp")
	mustBeSound(t, col)
	if out := add(t, col, address(testID("url", 4), "c")); out[0].Position != added[0].Position+1 {
		t.Errorf("alone again it writes at %d", out[0].Position)
	}
}

// A file that was made outside of the log has no place in it: it is not served, and messages are not applied to it a second time.
func TestAFileWithoutAPlaceIsNotServed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	alone(t, dir)
	copyOf, err := filepath.Glob(filepath.Join(dir, "agreements", "*.db"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(copyOf[0])
	if err != nil {
		t.Fatal(err)
	}
	s := openFolder(t, dir, Options{Log: newMemoryLog(0), Cluster: "c1"})
	if err := errors.Join(s.Close(), os.WriteFile(copyOf[0], text, 0o600)); err != nil {
		t.Fatal(err)
	}
	s = openFolder(t, dir, Options{Log: newMemoryLog(0), Cluster: "c1"})
	if u := s.Unavailable(); len(u) != 1 || !strings.Contains(u[0].Reason.Error(), "no place in the log") {
		t.Errorf("got %v, want the agreement to be unavailable", u)
	}
}

// silent is a log that does as it is told with what is proposed, and remembers it.
type silent struct {
	err  error
	took chan []byte
}

// Propose implements Log.
func (l *silent) Propose(_ context.Context, _, _ uuid.UUID, message []byte) error {
	l.took <- message
	return l.err
}

func TestWhatIsNotAppliedInTimeIsUndecided(t *testing.T) {
	l := &silent{took: make(chan []byte, 9)}
	var different []HeadDifference
	col := newCollection(t, collectionOptions{Log: l, ApplyTimeout: 20 * time.Millisecond, HeadDiffers: func(d HeadDifference) { different = append(different, d) }})
	object := Batch{Actor: vendor, Changes: additions(t, address(testID("url", 1), "a"))}
	_, err := col.Append(t.Context(), object)
	if !errors.Is(err, ErrUndecided) || !strings.Contains(err.Error(), "sending it again is harmless") {
		t.Errorf("what nobody applied: got %v, want ErrUndecided", err)
	}
	message := <-l.took
	l.err = errors.New("the connection was lost")
	if _, err := col.Append(t.Context(), object); !errors.Is(err, ErrUndecided) || !errors.Is(err, l.err) {
		t.Errorf("what may have been taken: got %v, want ErrUndecided and why", err)
	}
	l.err = fmt.Errorf("%w: no leader", ErrNotProposed)
	if _, err := col.Append(t.Context(), object); !errors.Is(err, ErrNotProposed) || errors.Is(err, ErrUndecided) {
		t.Errorf("what was not taken: got %v, want ErrNotProposed", err)
	}
	// The first one comes in the end, and its client sends again.
	if err := col.ApplyLog([]Logged{{5, message}, {6, message}}); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, col, Query{}); len(got) != 1 || col.Place() != 6 {
		t.Errorf("got %v at place %d, want the object at 6", got, col.Place())
	}
	if err := col.ApplyLog([]Logged{{5, []byte("nothing that could be read")}}); err != nil {
		t.Errorf("a place that the file has: got %v", err)
	}
	l.err, l.took = nil, make(chan []byte, 9)
	result := make(chan error, 1)
	go func() {
		r, err := col.Append(context.Background(), object)
		if err == nil && (r.Place != 7 || r.Outcomes[0].Kind != Already) {
			err = fmt.Errorf("got %+v, want it to be there already, at place 7", r)
		}
		result <- err
	}()
	if err := col.ApplyLog([]Logged{{7, <-l.took}}); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil && !errors.Is(err, ErrUndecided) { // on a busy machine
		t.Error(err)
	}
	if len(different) != 0 {
		t.Errorf("heads are said to differ: %v", different)
	}
}

// messageOf makes a message about a collection with one object, as a node with some clock and some head would.
func messageOf(t *testing.T, col *Collection, id uuid.UUID, clock time.Time, change func(*groupMessage), b Batch) []byte {
	t.Helper()
	p, err := col.prepare(b)
	if err != nil {
		t.Fatal(err)
	}
	entries, root, err := col.Head()
	if err != nil {
		t.Fatal(err)
	}
	g := &groupMessage{id: id, clock: microseconds(clock), entries: entries, root: root, batches: []preparedBatch{p}}
	if change != nil {
		change(g)
	}
	m, err := encodeGroup(col.id, g)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func rememberedGroups(t *testing.T, col *Collection) (n int) {
	t.Helper()
	err := col.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketLog).Cursor()
		for k, _ := c.Seek(logPrefix); bytes.HasPrefix(k, logPrefix) && len(k) == 25; k, _ = c.Next() {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAMessageIsAppliedOnceHoweverLateItComes(t *testing.T) {
	col := newCollection(t, collectionOptions{Log: newMemoryLog(0)})
	place := uint64(0)
	for _, row := range []struct {
		name  string
		id    byte
		at    time.Duration // the clock reading
		added bool
		kept  int // groups that are remembered
	}{
		{"the first", 1, 0, true, 1},
		{"it again", 1, 0, false, 1},
		{"one of a slower clock", 2, -9 * time.Minute, true, 2},
		{"it again", 2, -9 * time.Minute, false, 2},
		{"one that is too old", 3, -10 * time.Minute, false, 2},
		{"one a microsecond younger", 4, -10*time.Minute + time.Microsecond, true, 3},
		{"one of much later", 5, 8 * time.Minute, true, 2},
		{"the first, once more", 1, 0, false, 2},
		{"one of which nothing is remembered any more", 4, -10*time.Minute + time.Microsecond, false, 2},
		{"one of much later still", 6, time.Hour, true, 1},
		{"the first, long after", 1, 0, false, 1},
	} {
		before, _, err := col.Head()
		if err != nil {
			t.Fatal(err)
		}
		place += 2
		value := fmt.Sprint(row.id, row.at) // so that the same message has the same object
		m := messageOf(t, col, uuid.UUID{row.id}, testEpoch.Add(row.at), nil, Batch{Actor: vendor, Changes: additions(t, address(testID("url", int(place)), value))})
		if err := col.ApplyLog([]Logged{{place, m}}); err != nil {
			t.Fatal(err)
		}
		after, _, err := col.Head()
		if err != nil {
			t.Fatal(err)
		}
		if (after > before) != row.added || col.Place() != place || rememberedGroups(t, col) != row.kept {
			t.Errorf("%s: %d entries more, place %d, %d groups remembered; want added %t, %d, %d",
				row.name, after-before, col.Place(), rememberedGroups(t, col), row.added, place, row.kept)
		}
	}
	// A node whose clock is far behind still writes: it names a later reading.
	if got, want := readingOf(microseconds(testEpoch), microseconds(testEpoch.Add(time.Hour))), microseconds(testEpoch.Add(55*time.Minute)); got != want {
		t.Errorf("a clock an hour behind names %s, want %s", timeOf(got), timeOf(want))
	}
}

// A head that differs is told, and the group is applied all the same.
func TestAHeadThatDiffersIsTold(t *testing.T) {
	var told []HeadDifference
	col := newCollection(t, collectionOptions{Log: newMemoryLog(0), HeadDiffers: func(d HeadDifference) { told = append(told, d) }})
	object := func(n int) Batch {
		return Batch{Actor: vendor, Changes: additions(t, address(testID("url", n), "a"))}
	}
	first, root, err := col.Head()
	if err != nil {
		t.Fatal(err)
	}
	other := tlog.Hash{1}
	messages := []Logged{
		{1, messageOf(t, col, uuid.UUID{1}, testEpoch, nil, object(1))},
		{2, messageOf(t, col, uuid.UUID{2}, testEpoch, nil, object(2))}, // of a node that is behind by one
		{3, messageOf(t, col, uuid.UUID{3}, testEpoch, func(g *groupMessage) { g.root = other }, object(3))},
		{4, messageOf(t, col, uuid.UUID{4}, testEpoch, func(g *groupMessage) { g.entries = 99 }, object(4))},
	}
	if err := col.ApplyLog(messages); err != nil {
		t.Fatal(err)
	}
	want := []HeadDifference{{col.ID(), first, root, other, 3}, {col.ID(), 99, tlog.Hash{}, root, 4}}
	if len(told) != 2 || told[0] != want[0] || told[1] != want[1] {
		t.Errorf("got %v, want %v", told, want)
	}
	if got := texts(t, col, Query{}); len(got) != 4 {
		t.Errorf("got %d objects, want all four", len(got))
	}
	if got, err := col.HeadAt(first); got != root || err != nil {
		t.Errorf("HeadAt(%d): got %v, %v, want %v", first, got, err, root)
	}
	if _, err := col.HeadAt(99); !errors.Is(err, ErrNoEntry) {
		t.Errorf("HeadAt(99): got %v, want ErrNoEntry", err)
	}
}

// What cannot be applied stops this file: nothing is skipped, and nothing is proposed from here.
func TestWhatCannotBeAppliedStopsTheFile(t *testing.T) {
	follower := Batch{Follower: &FollowerUpdate{Name: "f"}}
	for _, row := range []struct {
		name string
		harm func(m []byte) // nil: what the file keeps of the follower is harmed
	}{
		{"a damaged file", nil},
		{"a damaged message", func(m []byte) { m[len(m)-1] ^= 1 }},
		{"a message about another collection", func(m []byte) { m[0] ^= 1 }},
		{"a message of a newer format", func(m []byte) { m[16]++ }},
	} {
		t.Run(row.name, func(t *testing.T) {
			id := uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116")
			col, err := createCollection(filepath.Join(t.TempDir(), "a.db"), id, testAgreement(id), vendor, collectionOptions{Log: newMemoryLog(0)})
			if err != nil {
				t.Fatal(err)
			}
			defer col.close()
			good := messageOf(t, col, uuid.UUID{1}, testEpoch, nil, Batch{Actor: vendor, Changes: additions(t, address(testID("url", 1), "a"))})
			m := messageOf(t, col, uuid.UUID{2}, testEpoch, nil, follower)
			if row.harm == nil {
				err := col.file.Load().db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketCursors).Put([]byte("f"), []byte("no checksum")) })
				if err != nil {
					t.Fatal(err)
				}
			} else {
				row.harm(m)
			}
			err = col.ApplyLog([]Logged{{1, good}, {2, m}})
			var format *FormatError
			switch {
			case err == nil:
				t.Fatal("it was applied")
			case row.harm == nil && DiskErrorOf(err) != Damaged:
				t.Errorf("got %v, want damage", err)
			case row.harm != nil && !errors.Is(err, ErrMessage) && !errors.As(err, &format):
				t.Errorf("got %v, want ErrMessage or a FormatError", err)
			}
			if got := texts(t, col, Query{}); len(got) != 0 || col.Place() != 0 {
				t.Errorf("the transaction left %v, at place %d", got, col.Place())
			}
			if _, err := col.Append(t.Context(), follower); !errors.Is(err, ErrNotProposed) {
				t.Errorf("a write meanwhile: got %v, want ErrNotProposed", err)
			}
			if err := col.ApplyLog([]Logged{{1, good}}); err != nil || col.Place() != 1 {
				t.Errorf("the message before it: got %v, place %d", err, col.Place())
			}
		})
	}
}

// A file that differs is closed on one node, replaced by another node's, and comes level.
func TestAFileIsQuarantinedAndReplaced(t *testing.T) {
	l := newMemoryLog(0)
	a := openNode(t, filepath.Join(t.TempDir(), "a"), l, Options{}, nil)
	b := openNode(t, filepath.Join(t.TempDir(), "b"), l, Options{}, nil)
	w := &replicating{nodes: []*node{a, b}}
	w.prepare(t)
	id := replicated[0]
	colA, _ := a.CollectionOf(id)
	add(t, colA, address(testID("url", 1), "a"))
	if err := b.WaitPlace(t.Context(), colA.Place()); err != nil {
		t.Fatal(err)
	}
	kept, err := b.Quarantine(id, errors.New("it differs"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(kept); err != nil || len(b.Unavailable()) != 1 || len(b.Collections()) != 1 {
		t.Errorf("after the quarantine: %v, unavailable %v", err, b.Unavailable())
	}
	if _, err := b.Quarantine(id, errors.New("again")); err == nil {
		t.Error("it was closed twice")
	}
	// Another node's backup has the file. It goes on meanwhile.
	a.NotePlace(colA.Place())
	var backup bytes.Buffer
	if err := a.Backup(t.Context(), &backup, nil); err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(t.TempDir(), "copy")
	m, err := ReceiveBackup(t.Context(), &backup, into, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.Cluster != "c1" || m.Place != colA.Place() {
		t.Errorf("the manifest has the cluster %q and the place %d, want c1 and %d", m.Cluster, m.Place, colA.Place())
	}
	l.end()
	a.settle(t)
	b.settle(t)
	col, err := b.Readmit(id, filepath.Join(into, "agreements", id.String()+".db"), nothingMissed)
	if err != nil {
		t.Fatal(err)
	}
	if err := hand(b.Store, l.after(t.Context(), col.Place(), 1000)); err != nil {
		t.Fatal(err)
	}
	if len(b.Unavailable()) != 0 {
		t.Errorf("still unavailable: %v", b.Unavailable())
	}
	sameFolders(t, a, b)
	if _, err := b.Readmit(id, kept, nothingMissed); err == nil {
		t.Error("it was opened twice")
	}
}

// A crash between the file of a new agreement and the list of agreements leaves a file that the message makes again.
func TestACrashWhileAnAgreementIsMade(t *testing.T) {
	l := &silent{took: make(chan []byte, 1)}
	dir := filepath.Join(t.TempDir(), "data")
	s := openFolder(t, dir, Options{Log: l, Cluster: "c1", ApplyTimeout: 20 * time.Millisecond})
	a := draft("gsp", "nicp", "g")
	if _, err := s.CreateAgreement(t.Context(), operatorActor, a); !errors.Is(err, ErrUndecided) {
		t.Fatalf("got %v, want ErrUndecided", err)
	}
	message := <-l.took
	m, err := parseRegistry(message)
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.makeLogged(m, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(made.close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	s = openFolder(t, dir, Options{Log: l, Cluster: "c1"})
	if err := errors.Join(s.ApplyLog(Logged{1, message}), s.ApplyLog(Logged{2, message})); err != nil {
		t.Fatal(err)
	}
	col, ok := s.Collection("gsp")
	if !ok || col.Place() != 1 || s.RegistryPlace() != 2 {
		t.Fatalf("the agreement is not there, or at another place: %v, %d", ok, s.RegistryPlace())
	}
	mustBeSound(t, col)
}

// A batch that no message can carry is refused before it is proposed.
func TestABatchThatIsTooLargeForAMessage(t *testing.T) {
	if testing.Short() {
		t.Skip("it compresses 90 MB")
	}
	col := newCollection(t, collectionOptions{Log: newMemoryLog(0)})
	noise := make([]byte, 45<<20)
	rand.Read(noise)
	var tree ijson.Tree
	text := fmt.Sprintf(`{"type":"x-noise","spec_version":"2.1","id":%q,"n":"%x"}`, testID("x-noise", 1), noise)
	if err := tree.Parse([]byte(text), ijson.Limits{}); err != nil {
		t.Fatal(err)
	}
	var large *TooLargeError
	p := Batch{Actor: vendor, Status: &StatusDraft{ID: uuid.Max, Text: noise}, Changes: additions(t, text)}
	if _, err := col.Append(t.Context(), p); !errors.As(err, &large) || large.Bytes <= MaxMessage {
		t.Errorf("got %.200v, want a TooLargeError", err)
	}
}

// A backup of a node that is restored as a whole is a folder alone.
func TestARestoredNodeIsAlone(t *testing.T) {
	l := newMemoryLog(0)
	n := openNode(t, filepath.Join(t.TempDir(), "a"), l, Options{}, nil)
	w := &replicating{nodes: []*node{n}}
	w.prepare(t)
	var backup bytes.Buffer
	if err := n.Backup(t.Context(), &backup, nil); err != nil {
		t.Fatal(err)
	}
	l.end()
	n.settle(t)
	into := filepath.Join(t.TempDir(), "copy")
	m, err := ReceiveBackup(t.Context(), &backup, into, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(t.Context(), into, dir, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := RecordRestore(t.Context(), dir, operatorActor, m, "", true); err != nil {
		t.Fatal(err)
	}
	s := openFolder(t, dir, Options{})
	for _, col := range s.Collections() {
		mustBeSound(t, col)
		var last journal.Entry
		stats, err := col.Stats()
		if err == nil {
			last, _, err = col.Entry(journal.Position(stats.Entries))
		}
		if err != nil || last.Act != actRestore {
			t.Errorf("the last entry is %+v, %v, want the restore", last, err)
		}
	}
	if len(s.Collections()) != 2 {
		t.Errorf("got %d agreements, want 2", len(s.Collections()))
	}
}

// C-5: a reader is told a place that what it has seen does not exceed, however soon after a transaction it asks: another node that has
// that place shows no less.
func TestWhatAReaderSeesIsNotBehindThePlaceThatItIsTold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	alone(t, dir)
	l := newMemoryLog(0)
	n := openNode(t, dir, l, Options{}, nil)
	col, _ := n.Collection("gsp")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var seen uint64
				err := col.view(func(tx *bolt.Tx) error {
					state, err := readLogState(tx)
					if err == nil {
						seen = state.place
					}
					return err
				})
				if told := col.Shown(); err != nil || told < seen {
					t.Errorf("told place %d, %v, and has seen %d", told, err, seen)
					return
				}
			}
		})
	}
	for i := range 50 {
		add(t, col, address(testID("url", 10+i), "b"))
	}
	close(stop)
	readers.Wait()
	l.end()
	n.settle(t)
}

// nothingMissed is for Readmit: the file has everything.
func nothingMissed() ([]Logged, bool, error) { return nil, false, nil }

// A node is killed when the target of a release has a message and its source has not: the log has what is between, and nothing is wrong.
func TestATargetAheadOfItsSourceIsNoFaultInACluster(t *testing.T) {
	l := newMemoryLog(0)
	dir := filepath.Join(t.TempDir(), "a")
	a := openNode(t, dir, l, Options{}, nil)
	w := &replicating{nodes: []*node{a}}
	w.prepare(t)
	source, _ := a.CollectionOf(replicated[0])
	target, _ := a.CollectionOf(replicated[1])
	add(t, source, address(testID("url", 1), "a"))
	path := filepath.Join(dir, "agreements", source.ID().String()+".db")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	add(t, source, address(testID("url", 2), "b"))
	stats, err := source.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Append(t.Context(), Batch{Follower: &FollowerUpdate{Name: ReleaseFollower(source.ID()), Position: stats.Entries}}); err != nil {
		t.Fatal(err)
	}
	l.end()
	a.settle(t)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CheckAll(t.Context(), nil, func(c Checked) {
		if len(c.Faults) > 0 {
			t.Errorf("%s: %v", c.Name, c.Faults)
		}
	}); err != nil {
		t.Fatal(err)
	}
}
