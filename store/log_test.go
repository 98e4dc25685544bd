package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// memoryLog is a log in memory, which several folders follow: the second implementation of Log. With chance it does everything that
// a log may do: messages come late, or twice, or once more after many others, and proposers are told nothing, or that nothing
// was taken when that is so.
type memoryLog struct {
	mu       sync.Mutex
	grown    *sync.Cond
	messages []Logged // guarded by mu
	late     []Logged // guarded by mu
	rand     *rand.Rand
	closed   bool
}

func newMemoryLog(seed uint64) *memoryLog {
	l := &memoryLog{}
	l.grown = sync.NewCond(&l.mu)
	if seed != 0 {
		l.rand = rand.New(rand.NewPCG(seed, 0))
	}
	return l
}

// Propose implements Log.
func (l *memoryLog) Propose(_ context.Context, about, group uuid.UUID, message []byte) error {
	h, err := HeaderOf(message)
	if err != nil || h.About != about || h.Group != group {
		return fmt.Errorf("the header of a message: got %v, %w, want %s and %s", h, err, about, group)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("%w: closed", ErrNotProposed)
	}
	if l.rand == nil {
		l.append(message)
		return nil
	}
	defer l.sometimes()
	switch l.rand.IntN(12) {
	case 0:
		return fmt.Errorf("%w: no leader", ErrNotProposed)
	case 1: // the answer is lost, and the message is late
		l.late = append(l.late, Logged{Message: message})
		return errors.New("the connection was lost")
	case 2:
		l.late = append(l.late, Logged{Message: message})
		return nil
	case 3: // the answer is lost, and the message is proposed again
		l.append(message)
		l.late = append(l.late, Logged{Message: message})
		return errors.New("the connection was lost")
	}
	l.append(message)
	return nil
}

// sometimes appends what is late, and what was there before.
func (l *memoryLog) sometimes() {
	for i := 0; i < len(l.late); i++ {
		if l.rand.IntN(3) == 0 {
			l.append(l.late[i].Message)
			l.late = append(l.late[:i], l.late[i+1:]...)
		}
	}
	if len(l.messages) > 0 && l.rand.IntN(8) == 0 {
		l.append(l.messages[l.rand.IntN(len(l.messages))].Message)
	}
}

func (l *memoryLog) append(message []byte) {
	place := uint64(1)
	if n := len(l.messages); n > 0 {
		place = l.messages[n-1].Place + 1
		if l.rand != nil && l.rand.IntN(4) == 0 {
			place += 3 // what is of no file's concern
		}
	}
	l.messages = append(l.messages, Logged{place, message})
	l.grown.Broadcast()
}

// end appends what is late and accepts nothing more.
func (l *memoryLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.late {
		l.append(m.Message)
	}
	l.late, l.closed = nil, true
	l.grown.Broadcast()
}

// after returns the messages behind a place, at most some; none if the log has ended there, or ctx.
func (l *memoryLog) after(ctx context.Context, place uint64, most int) []Logged {
	defer context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.grown.Broadcast()
	})()
	l.mu.Lock()
	defer l.mu.Unlock()
	for ctx.Err() == nil {
		for i, m := range l.messages {
			if m.Place > place {
				return l.messages[i:min(i+most, len(l.messages))]
			}
		}
		if l.closed {
			break
		}
		l.grown.Wait()
	}
	return nil
}

// follow hands a folder the messages of a log, until it ends: in pieces that chance decides, and some of them again.
func follow(s *Store, l *memoryLog, chance *rand.Rand) error {
	for at := s.Place(); ; {
		most := 1
		if chance != nil {
			most += chance.IntN(9)
		}
		messages := l.after(s.cluster.life, at, most)
		if len(messages) == 0 {
			return nil
		}
		if err := hand(s, messages); err != nil {
			return err
		}
		at = messages[len(messages)-1].Place
		s.NotePlace(at)
		if chance != nil && chance.IntN(10) == 0 {
			at -= min(at, uint64(chance.IntN(30)))
		}
	}
}

// hand applies messages: accord.db's one by one, and those of each collection between them together.
func hand(s *Store, messages []Logged) error {
	waiting := map[uuid.UUID][]Logged{}
	all := func() error {
		for id, some := range waiting {
			closed := slices.ContainsFunc(s.Unavailable(), func(u Unavailable) bool { return u.Collection == id })
			if col, ok := s.CollectionOf(id); closed {
				continue // it gets another node's file, which has them
			} else if !ok {
				return fmt.Errorf("there is no collection %s", id)
			} else if err := col.ApplyLog(some); err != nil {
				return err
			}
		}
		clear(waiting)
		return nil
	}
	for _, m := range messages {
		h, err := HeaderOf(m.Message)
		if err != nil {
			return err
		}
		if h.About != (uuid.UUID{}) {
			waiting[h.About] = append(waiting[h.About], m)
			continue
		}
		if err := errors.Join(all(), s.ApplyLog(m)); err != nil {
			return err
		}
	}
	return all()
}

// node is a folder that follows a log.
type node struct {
	*Store
	mu   sync.Mutex // held while the folder is closed and opened again
	dir  string
	log  *memoryLog
	done chan error
}

// store is the folder as it is open now.
func (n *node) store() *Store {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.Store
}

func openNode(t testing.TB, dir string, l *memoryLog, opts Options, chance *rand.Rand) *node {
	t.Helper()
	opts.Log, opts.Cluster = l, "c1"
	n := &node{Store: openFolder(t, dir, opts), dir: dir, log: l, done: make(chan error, 1)}
	go func() { n.done <- follow(n.Store, l, chance) }()
	return n
}

// settle waits until a node has applied the whole of a log that has ended.
func (n *node) settle(t testing.TB) {
	t.Helper()
	if err := <-n.done; err != nil {
		t.Fatalf("%s: %v", n.dir, err)
	}
}

// content is all that a file holds, beside what is each node's own: when it was swept, and in accord.db what is remembered of
// agreements, whether there is a key, and how far the folder has come.
func content(t testing.TB, db interface {
	View(func(*bolt.Tx) error) error
}) string {
	t.Helper()
	var b strings.Builder
	err := db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
			return bucket.ForEach(func(k, v []byte) error {
				if own := string(name) == "meta" && nodeLocal[string(k)]; !own {
					fmt.Fprintf(&b, "%s %x %x\n", name, k, v)
				}
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var nodeLocal = map[string]bool{string(keySweep): true, string(keyStanding): true, string(keySigned): true, string(keyNoted): true}

// withoutLog is the content of a file without what a cluster adds.
func withoutLog(content string) string {
	var b strings.Builder
	for line := range strings.Lines(content) {
		if !strings.HasPrefix(line, "log ") && !strings.HasPrefix(line, fmt.Sprintf("meta %x ", keyFormat)) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// sameFolders fails if the folders of nodes differ in any key of any file.
func sameFolders(t *testing.T, nodes ...*node) {
	t.Helper()
	for _, n := range nodes[1:] {
		if want, got := content(t, nodes[0].db), content(t, n.db); got != want {
			t.Errorf("accord.db of %s differs:\n%.3000s", n.dir, difference(want, got))
		}
		if len(n.Collections()) != len(nodes[0].Collections()) {
			t.Errorf("%s has %d agreements, want %d", n.dir, len(n.Collections()), len(nodes[0].Collections()))
		}
		for _, col := range nodes[0].Collections() {
			other, ok := n.CollectionOf(col.ID())
			if !ok {
				t.Errorf("%s lacks %s", n.dir, col.Agreement().Name)
				continue
			}
			if want, got := content(t, col.file.Load().db), content(t, other.file.Load().db); got != want {
				t.Errorf("%s of %s differs:\n%.3000s", col.Agreement().Name, n.dir, difference(want, got))
			}
		}
	}
}

// A single folder behind a log does what it does alone, and every file has the same content beside its place.
func TestAGroupThroughItsBytesIsTheSameGroup(t *testing.T) {
	for seed := range uint64(4) {
		var contents [2]string
		for i := range contents {
			opts := collectionOptions{Now: clockFrom(testEpoch, 1700*time.Microsecond)}
			var places sync.Mutex
			var col *Collection
			if i == 1 {
				place := uint64(0)
				opts.Log = proposeFunc(func(message []byte) error {
					places.Lock()
					defer places.Unlock()
					place++
					return col.ApplyLog([]Logged{{place, message}})
				})
			}
			col = newCollection(t, opts)
			declare(t, col)
			w := newWorld(100 + seed)
			w.named = seed%2 == 0
			m := newModel()
			for range 60 {
				w.do(t, col, m)
			}
			everyKind(t, col)
			contents[i] = withoutLog(content(t, col.file.Load().db))
		}
		if contents[0] != contents[1] {
			t.Errorf("seed %d: the files differ:\n%.3000s", seed, difference(contents[0], contents[1]))
		}
	}
}

type proposeFunc func(message []byte) error

// Propose implements Log.
func (f proposeFunc) Propose(_ context.Context, _, _ uuid.UUID, message []byte) error {
	return f(message)
}

// everyKind appends batches that together have everything that a message can carry.
func everyKind(t testing.TB, col *Collection) {
	t.Helper()
	for _, b := range everyBatch(t, col) {
		if _, err := col.Append(t.Context(), b); err != nil && !errors.Is(err, ErrStale) {
			t.Fatal(err)
		}
	}
}

var statusID = uuid.MustParse("7d4c1d3e-54a5-4c0b-9d7e-0b8a64a4c9a1")

func everyBatch(t testing.TB, col *Collection) []Batch {
	a, terms := col.Terms()
	a = a.Clone()
	a.Accept.Corrections = agreement.CorrectionsAccept
	for i := range a.Parties {
		a.Parties[i].Identity = ""
	}
	a.Release = []agreement.Release{{To: "elsewhere", Key: []byte("0123456789abcdef")}}
	old := malware(testID("malware", 900), spec21, "2021-01-01T00:00:00.123456789123Z", "")
	stats, err := col.Stats()
	if err != nil {
		t.Fatal(err)
	}
	return []Batch{
		{Actor: vendor, Terms: terms, Status: &StatusDraft{ID: statusID, Text: []byte("draft")},
			Refused: &RefusalDraft{As: "vendor", Objects: []RefusedObject{
				{Text: []byte(`{}`), ID: "x", Version: "v", Rule: "T-001", Message: "no"},
				{Text: []byte(`{"a":1}`), ID: "y", Outcome: Outcome{Kind: Conflict, Position: 3, At: testEpoch, Version: "w", Positions: []journal.Position{1, 2}, Kept: 4}},
			}},
			Changes: additions(t, old, address(testID("url", 901), "a"), malware(testID("malware", 900), spec21, "2021-01-01T00:00:00.123456789123Z", `,"x":1`))},
		{Actor: vendor, Status: &StatusDraft{ID: uuid.Max, Text: []byte("counted"), Counted: true}},
		{Follower: &FollowerUpdate{Name: "release:x", Position: 9, Clear: [][]byte{nil}, Unset: [][]byte{[]byte("u")},
			Set: []KeyValue{{[]byte("k"), []byte("v")}, {nil, nil}}, Refused: []byte{}},
			Changes: []Change{{Add: &Addition{Object: parsed(t, old), Source: journal.Source{Collection: fromA, Position: 3}, Owner: "agency",
				Original: journal.Digest{1}, Correction: true, TLP: 3, Warnings: []string{"S-002", "S-001"}}}}},
		{Follower: &FollowerUpdate{Name: "release:x"}}, // stale
		{Changes: []Change{{Terms: &TermsChange{Agreement: a, Act: "change", Reason: "r"}}}},
		{Actor: Actor{Account: "root"}, Changes: []Change{{Decide: &Decision{Of: journal.Position(stats.Entries + 1), Target: fromB, Refuse: true, Reason: "why"}}}},
		{Actor: vendor, Changes: additions(t, malware(testID("malware", 900), spec21, "2021-01-01T00:00:00.123456789123Z", `,"x":2`))},
		{Actor: Actor{Account: "root"}, Changes: []Change{{Remove: &Removal{ID: testID("malware", 900), Operator: true, Bar: true, Reason: "r", Digest: journal.Digest{9}}}}},
		{Actor: vendor, Changes: []Change{{Remove: &Removal{ID: testID("malware", 900), Kind: journal.Deleted, OnlyBy: "vendor", Specs: []string{spec21},
			Versions: Versions{First: true, Last: true, Exact: exactly(t, "2021-01-01T00:00:00.123456789123Z", "2016-12-31T23:59:60.5Z")}}}}},
		{Changes: []Change{{Remove: &Removal{ID: testID("url", 901), Kind: journal.Withdrawn, OnlyFrom: fromA, MayReturn: true, Source: journal.Source{Collection: fromA, Position: 12}, Versions: Versions{All: true}}}}},
		{Changes: []Change{{Forget: &Forgetting{testEpoch.Add(time.Hour)}}}},
	}
}

func exactly(t testing.TB, texts ...string) (list []stix.Instant) {
	t.Helper()
	for _, text := range texts {
		in, err := stix.ParseInstant(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, in)
	}
	return list
}

// Everything that accord.db records goes through the log, and a folder alone has the same.
func TestARegistryMessageIsTheSameChange(t *testing.T) {
	var contents [2]string
	for i := range contents {
		opts := Options{Now: clockFrom(testEpoch, 1700*time.Microsecond)}
		dir := filepath.Join(t.TempDir(), "data")
		var s *Store
		if i == 1 {
			l := newMemoryLog(0)
			n := openNode(t, dir, l, opts, nil)
			s = n.Store
			defer func() { l.end(); n.settle(t) }()
		} else {
			s = openFolder(t, dir, opts)
		}
		everyRecord(t, s)
		contents[i] = withoutLog(content(t, s.db))
		contents[i] = strings.ReplaceAll(contents[i], fmt.Sprintf("meta %x %x\n", keyCluster, "c1"), "")
	}
	// Readings of the clock are not as many, and so entries have other times: documents are compared.
	for line := range strings.Lines(contents[0]) {
		if !strings.HasPrefix(line, "journal ") && !strings.HasPrefix(line, "hashes ") && !strings.Contains(contents[1], line) {
			t.Errorf("the log leads to something else than %.200s", line)
		}
	}
	if a, b := strings.Count(contents[0], "\n"), strings.Count(contents[1], "\n"); a != b {
		t.Errorf("%d keys alone, %d through the log:\n%.3000s", a, b, difference(contents[0], contents[1]))
	}
}

func everyRecord(t *testing.T, s *Store) {
	t.Helper()
	change(t, s, RegistryChange{Server: &Server{Title: "Example"}}, RegistryChange{Root: &Root{Name: "nicp", Title: "N", MaxContentLength: 1 << 20}},
		RegistryChange{Party: &agreement.Party{Name: "vendor", Title: "V"}}, RegistryChange{Party: &agreement.Party{Name: "gone", Title: "G"}},
		RegistryChange{Account: &auth.Account{Name: "push", Party: "vendor"}}, RegistryChange{Account: &auth.Account{Name: "old", Party: "vendor"}})
	change(t, s, RegistryChange{Account: &auth.Account{Name: "push", Party: "vendor", Disabled: true}, Act: "disable", Reason: "r"})
	change(t, s, RegistryChange{Account: &auth.Account{Name: "push", Party: "vendor", Disabled: true}}) // has no effect
	a := draft("gsp", "nicp", "g")
	a.Collection.ID = uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116")
	create(t, s, a)
	change(t, s, RegistryChange{Party: &agreement.Party{Name: "vendor", Title: "V", Identity: testID("identity", 1)}})
	change(t, s, RegistryChange{Witnesses: &[]Witness{{Key: "k", URL: "u"}}}, RegistryChange{Webhooks: &[]Webhook{{ID: "w"}}},
		RegistryChange{Credentials: &[]Credential{{Name: "c", Secret: "s"}}})
	change(t, s, RegistryChange{DeleteAccount: "old", Reason: "r"}, RegistryChange{DeleteParty: "gone"})
	if err := s.Change(t.Context(), operatorActor, []RegistryChange{{Account: &auth.Account{Name: "old", Party: "vendor"}}}); err == nil {
		t.Error("a deleted name was given again")
	}
	if err := s.Record(t.Context(), operatorActor, "rotate", "key", "r"); err != nil {
		t.Fatal(err)
	}
	sealed := journal.Digest{1, 2}
	if err := errors.Join(s.RecordSeal(t.Context(), a.Collection.ID, sealed, journal.Digest{}), s.RecordSeal(t.Context(), a.Collection.ID, journal.Digest{3}, sealed)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.RecordHeads(t.Context()); n != 1 || err != nil {
		t.Errorf("RecordHeads: got %d, %v, want 1", n, err)
	}
	if n, err := s.RecordHeads(t.Context()); n != 0 || err != nil {
		t.Errorf("RecordHeads once more: got %d, %v, want 0", n, err)
	}
	col, _ := s.Collection("gsp")
	if got := col.Agreement().Parties[0].Identity; got != testID("identity", 1) {
		t.Errorf("the member's identity is %q", got)
	}
	if _, err := s.CreateAgreement(t.Context(), operatorActor, draft("gsp", "nicp", "h")); !errors.Is(err, ErrExists) {
		t.Errorf("a second agreement of one name: got %v, want ErrExists", err)
	}
}

// BenchmarkApplyLog applies the messages of another node: groups of a hundred objects of a kilobyte, each new.
func BenchmarkApplyLog(b *testing.B) {
	const groups, objects = 100, 100
	l := newMemoryLog(0)
	from := newFuzzCollection(b)
	for n := range groups {
		var p preparedBatch
		p.actor = vendor
		for i := range objects {
			text := malware(testID("malware", n*objects+i), spec21, "2021-01-01T00:00:00Z", fmt.Sprintf(`,"description":"%s%d"`, strings.Repeat("A sentence about what it does. ", 25), n*i))
			ch, err := from.prepareChange(additions(b, text)[0])
			if err != nil {
				b.Fatal(err)
			}
			p.changes = append(p.changes, ch)
		}
		g := &groupMessage{id: uuid.New(), clock: microseconds(testEpoch) + uint64(n)*1000, entries: 1, batches: []preparedBatch{p}}
		g.root = must(from.HeadAt(1))
		l.append(must(encodeGroup(from.id, g)))
	}
	for b.Loop() {
		b.StopTimer()
		col := newFuzzCollection(b)
		b.StartTimer()
		if err := col.ApplyLog(l.messages); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(groups*objects*b.N)/b.Elapsed().Seconds(), "objects/s")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
