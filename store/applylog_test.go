package store

import (
	"fmt"
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

// What lies behind a transaction is read while it is written: nobody has to take it.
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
