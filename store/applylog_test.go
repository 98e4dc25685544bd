package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Messages compress well, in a member's hands as well as anything can: what one transaction applies is counted as text.
func TestATransactionAppliesSoMuchText(t *testing.T) {
	col := newCollection(t, collectionOptions{Log: newMemoryLog(0)})
	const long = leastAtOnce / 4
	var messages []Logged
	for i := range 12 {
		text := malware(testID("malware", i), spec21, "2021-01-01T00:00:00Z", fmt.Sprintf(`,"description":"%s"`, strings.Repeat("a", long)))
		m := messageOf(t, col, uuid.UUID{byte(i + 1)}, testEpoch, nil, Batch{Actor: vendor, Changes: additions(t, text)})
		if len(m) > long/20 {
			t.Fatalf("a message of %d bytes, want one that compresses well", len(m))
		}
		messages = append(messages, Logged{uint64(i + 1), m})
	}
	before := col.Commits()
	if err := col.ApplyLog(messages); err != nil {
		t.Fatal(err)
	}
	if got := col.Commits() - before; got != 3 {
		t.Errorf("got %d transactions, want 3 of four messages each", got)
	}
	if got := texts(t, col, Query{}); len(got) != len(messages) || col.Place() != 12 || col.CatchesUp() {
		t.Errorf("got %d objects at place %d, catching up %t", len(got), col.Place(), col.CatchesUp())
	}
}

// Messages are read ahead while a transaction is written, although nothing takes them yet.
func TestMessagesAreReadAhead(t *testing.T) {
	col := newCollection(t, collectionOptions{Log: newMemoryLog(0)})
	var messages []Logged
	for i := range 20 {
		m := messageOf(t, col, uuid.UUID{byte(i + 1)}, testEpoch, nil, Batch{Actor: vendor, Changes: additions(t, address(testID("url", i), "a"))})
		messages = append(messages, Logged{uint64(i + 1), m})
	}
	ahead := col.readMessages(t.Context(), messages)
	for until := time.Now().Add(10 * time.Second); len(ahead.groups) < len(messages); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d of %d messages were read", len(ahead.groups), len(messages))
		}
	}
	if groups, err := ahead.take(leastAtOnce); len(groups) != len(messages) || err != nil {
		t.Errorf("got %d groups, %v, want all", len(groups), err)
	}
}

// A clock that was hours ahead once has left the log ahead of all of them. What every node names then is no later than the log, and must
// not be kept out of it: nothing could be written until the clocks have caught up.
func TestAReadingThatMovesNothingAheadIsTaken(t *testing.T) {
	l := newMemoryLog(0)
	n := openNode(t, filepath.Join(t.TempDir(), "a"), l, Options{}, nil)
	(&replicating{nodes: []*node{n}}).prepare(t)
	col, _ := n.CollectionOf(replicated[0])
	now := time.Now()
	message := func(i int, clock time.Time) []byte {
		return messageOf(t, col, uuid.UUID{byte(i)}, clock, nil, Batch{Actor: vendor, Changes: additions(t, address(testID("url", i), "a"))})
	}
	ahead := message(1, now.Add(2*time.Hour))
	l.mu.Lock()
	l.append(ahead)
	l.mu.Unlock()
	l.end()
	n.settle(t)
	named := timeOf(readingOf(microseconds(now), col.logClock.Load()))
	if ahead := named.Sub(now); ahead < time.Hour {
		t.Fatalf("nodes name %s, %s ahead", named, ahead)
	}
	for _, row := range []struct {
		name  string
		clock time.Time
		taken bool
	}{
		{"the reading of nodes whose clocks are right", named, true},
		{"that of the log", now.Add(2 * time.Hour), true},
		{"one that moves the log further ahead", now.Add(2*time.Hour + time.Millisecond), false},
		{"one that is right", now, true},
	} {
		if err := n.CheckMessage(col.ID(), uuid.UUID{2}, message(2, row.clock), now); (err == nil) != row.taken {
			t.Errorf("%s: got %v, want taken %t", row.name, err, row.taken)
		}
	}
}
