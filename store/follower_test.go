package store

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store/journal"
)

var (
	fromA = uuid.MustParse("5f6c1a3e-2f43-4b7a-8a53-4a2f0c9d7e21")
	fromB = uuid.MustParse("c2d8b6a4-13e7-4c59-b1a8-7e5d3f9a0b31")
)

func toolText(n int, day int) string {
	return fmt.Sprintf(`{"type":"tool","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-%02dT00:00:00.000Z","name":"t"}`,
		testID("tool", n), day)
}

func TestAVersionStaysAsLongAsItHasASource(t *testing.T) {
	account, a, b := journal.Source{}, journal.Source{Collection: fromA, Position: 3}, journal.Source{Collection: fromB, Position: 9}
	for _, row := range []struct {
		name    string
		brought []journal.Source
		taken   []uuid.UUID
		removed bool
	}{
		{"brought by one follower, taken back by it", []journal.Source{a}, []uuid.UUID{fromA}, true},
		{"brought by one follower, taken back by another", []journal.Source{a}, []uuid.UUID{fromB}, false},
		{"brought by two, taken back by the first", []journal.Source{a, b}, []uuid.UUID{fromA}, false},
		{"brought by two, taken back by the second", []journal.Source{a, b}, []uuid.UUID{fromB}, false},
		{"brought by two, taken back by both", []journal.Source{a, b}, []uuid.UUID{fromB, fromA}, true},
		{"brought by two, taken back by one twice", []journal.Source{a, b}, []uuid.UUID{fromA, fromA}, false},
		{"added by an account, then brought", []journal.Source{account, a}, []uuid.UUID{fromA}, false},
		{"brought, then added by an account", []journal.Source{a, account}, []uuid.UUID{fromA}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			col := newCollection(t, collectionOptions{})
			for _, source := range row.brought {
				ch := Change{Add: &Addition{Object: parsed(t, toolText(1, 2)), Source: source}}
				if _, err := col.Append(t.Context(), Batch{Changes: []Change{ch}}); err != nil {
					t.Fatal(err)
				}
			}
			for _, id := range row.taken {
				ch := Change{Remove: &Removal{ID: testID("tool", 1), Kind: journal.Withdrawn, OnlyFrom: id, Reason: "r"}}
				if _, err := col.Append(t.Context(), Batch{Changes: []Change{ch}}); err != nil {
					t.Fatal(err)
				}
			}
			stats, err := col.Stats()
			if err != nil {
				t.Fatal(err)
			}
			if got := stats.Versions == 0; got != row.removed {
				t.Errorf("got removed %t, want %t", got, row.removed)
			}
		})
	}
}

func TestWhatAFollowerRemembersIsKeptWithItsEffects(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	name := ReleaseFollower(fromA)
	update := func(u FollowerUpdate) {
		t.Helper()
		u.Name = name
		if err := col.Snapshot(func(s *Snapshot) error { u.Turn = s.Turn(name); return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := col.Append(t.Context(), Batch{Follower: &u}); err != nil {
			t.Fatal(err)
		}
	}
	kv := func(k, v string) KeyValue { return KeyValue{[]byte(k), []byte(v)} }
	update(FollowerUpdate{Position: 5, Set: []KeyValue{kv("wa", "1"), kv("wb", ""), kv("x", "2")}})
	update(FollowerUpdate{Position: 6, Unset: [][]byte{[]byte("x")}, Set: []KeyValue{kv("y", "3")}})
	read := func() (got string) {
		err := col.Snapshot(func(l *Snapshot) error {
			got = fmt.Sprint(l.Cursor(name), " ")
			l.EachState(name, nil, func(k, v []byte) { got += fmt.Sprintf("%s=%s ", k, v) })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got, want := read(), "6 wa=1 wb= y=3 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	update(FollowerUpdate{Position: 7, Clear: [][]byte{[]byte("w")}, Set: []KeyValue{kv("wc", "4")}})
	if got, want := read(), "7 wc=4 y=3 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := col.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := read(), "7 wc=4 y=3 "; got != want {
		t.Errorf("after a rebuild: got %q, want %q", got, want)
	}
}
