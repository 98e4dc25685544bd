package cluster

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	pb "go.etcd.io/raft/v3/raftpb"
)

// Changes of members are judged from what the log says alone: a token is good once and for an hour, a name once and for all.
func TestMembersChangeAsTheLogSays(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	m := &Members{Nodes: []Member{{ID: 1, Name: "a", Voter: true, Key: []byte("a")}}}
	place := uint64(10)
	try := func(c change, refusal string) {
		t.Helper()
		place++
		before := string(m.encode())
		_, err := m.apply(place, &c)
		var not *RefusedError
		switch {
		case refusal == "" && err != nil:
			t.Fatalf("got %v", err)
		case refusal == "":
			if m.Place != place {
				t.Errorf("the place is %d, want %d", m.Place, place)
			}
		case !errors.As(err, &not) || !strings.Contains(err.Error(), refusal):
			t.Errorf("got %v, want %q", err, refusal)
		case string(m.encode()) != before:
			t.Errorf("%q has changed something: %s", refusal, m.encode())
		}
	}
	invite := func(id uint64, name, secret string) change {
		return change{At: at, Invite: &Invite{ID: id, Name: name, Secret: hashSecret([]byte(secret)), Until: at.Add(inviteLifetime)}}
	}
	admit := func(at time.Time, secret, key string) change {
		return change{At: at, Admit: &admission{Secret: hashSecret([]byte(secret)), Key: []byte(key)}}
	}
	try(invite(2, "a", "x"), "already")
	try(invite(2, "B", "x"), "cannot be")
	try(invite(2, "b", "old"), "")
	try(invite(3, "b", "new"), "") // takes the place of the older one
	try(admit(at, "old", "b"), "unknown")
	try(admit(at.Add(inviteLifetime), "new", "b"), "ended")
	try(admit(at.Add(inviteLifetime-time.Second), "new", "b"), "")
	try(admit(at, "new", "b"), "already")
	try(admit(at, "new", "other"), "unknown")
	try(change{Promote: 9}, "no node")
	try(change{Remove: 1}, "only node that votes")
	try(change{Promote: 3}, "")
	try(change{Promote: 3}, "no node")
	try(change{Remove: 1}, "")
	try(change{Remove: 1}, "no such node")
	try(invite(4, "a", "z"), "never used again")
	try(invite(5, "reader", "r"), "")
	m.Invites[len(m.Invites)-1].Reader = true
	try(admit(at, "r", "r"), "")
	try(change{Promote: 5}, "no node")
	try(change{Tell: &Member{ID: 5, Address: "r:6445"}}, "")
	if n, _ := m.Named("reader"); n.Address != "r:6445" || n.Role() != "reader" {
		t.Errorf("got %+v", n)
	}
	if again, err := ParseMembers(m.encode()); err != nil || string(again.encode()) != string(m.encode()) {
		t.Errorf("members are read as others: %v", err)
	}
}

func parse(t *token) error {
	_, err := parseToken(t.String())
	return err
}

func TestTokens(t *testing.T) {
	t.Parallel()
	want := &token{Addresses: []string{"a:6445", "[::1]:6445"}, Authority: make([]byte, 32), Secret: make([]byte, 32)}
	got, err := parseToken(" " + want.String() + "\n")
	if err != nil || got.String() != want.String() {
		t.Errorf("got %v, %v", got, err)
	}
	text := want.String()
	for i := range len(text) {
		if got, err := parseToken(text[:i]); err == nil {
			t.Errorf("the first %d characters are a token: %v", i, got)
		}
	}
	for _, keys := range [][][]byte{{make([]byte, 32)}, {make([]byte, 32), nil}} {
		if want.Keys = keys; parse(want) == nil {
			t.Errorf("a token of two addresses with the keys %x is one", keys)
		}
	}
	if want.Keys = [][]byte{make([]byte, 32), make([]byte, 32)}; parse(want) != nil {
		t.Error("a token with keys is none")
	}
}

func TestCommandsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	about, group := uuid.New(), uuid.New()
	c, err := decodeCommand(entryOf(encodeMessage(about, group, []byte("text"))))
	if err != nil || c.kind != kindMessage || c.about != about || c.id != group || string(c.message) != "text" {
		t.Errorf("got %+v, %v", c, err)
	}
	note := &Note{Node: 1, About: about, Entries: 5, Root: []byte{1}}
	data, err := encodeNote(group, note)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = decodeCommand(entryOf(data)); err != nil || c.note == nil || c.note.Entries != 5 || c.id != group {
		t.Errorf("got %+v, %v", c, err)
	}
	for _, unknown := range [][]byte{{99}, {kindMessage, 1}, {kindNote}, {kindMembers, '{'}, {kindKeys}, append([]byte{kindKeys}, make([]byte, 17)...)} {
		if c, err := decodeCommand(entryOf(unknown)); err == nil || !strings.Contains(err.Error(), "newer version") || c.kind != 0 {
			t.Errorf("%x: got %+v, %v, want that a newer version is needed", unknown, c, err)
		}
	}
}

func TestTheClockOfMostCounts(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		others []time.Duration
		want   time.Duration
	}{
		{nil, 0},
		{[]time.Duration{time.Hour}, 0}, // two nodes: nobody knows whose is wrong
		{[]time.Duration{time.Hour, 0}, 0},
		{[]time.Duration{time.Hour, time.Hour}, -time.Hour},
		{[]time.Duration{-time.Minute, -time.Minute, time.Second, -time.Minute}, time.Minute},
	} {
		if got := clockDifference(one.others); got != one.want {
			t.Errorf("others at %v: got %v, want %v", one.others, got, one.want)
		}
	}
	var p peer
	at := time.Unix(1_900_000_000, 0)
	p.heard(Beat{Sent: at.Add(5 * time.Second).UnixNano(), Echo: at.Add(-20 * time.Millisecond).UnixNano(), Held: 10 * time.Millisecond}, at)
	if got := p.difference; got != 5005*time.Millisecond {
		t.Errorf("a clock that is 5 s ahead is measured as %v", got)
	}
}

func entryOf(data []byte) *pb.Entry {
	return &pb.Entry{Index: new(uint64(7)), Term: new(uint64(1)), Type: pb.EntryNormal.Enum(), Data: data}
}
