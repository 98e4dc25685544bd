package push

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// follower is the name under which a push keeps its state in the file of its outbox.
const follower = "push"

// Keys of that state: what became of the version at a position, receipts by number, and the rest.
const (
	prefixSent    = "sent:"
	prefixFailed  = "failed:"
	prefixReceipt = "receipt:"
	keyMeta       = "meta"
	keyPaused     = "paused"
)

func positionKey(prefix string, p journal.Position) []byte {
	return binary.BigEndian.AppendUint64([]byte(prefix), uint64(p))
}

// Counts are what a push has done since it began.
type Counts struct {
	Sent      uint64 `json:"sent"`      // versions that the remote server took, or had already
	Failed    uint64 `json:"failed"`    // versions that it refused
	Deleted   uint64 `json:"deleted"`   // withdrawals that it took
	Revoked   uint64 `json:"revoked"`   // withdrawals by a revoked version
	Remaining uint64 `json:"remaining"` // withdrawals that it took in neither way: the version is still there
}

type meta struct {
	URL      string `json:"url"`
	Receipts uint64 `json:"receipts"`           // that were ever kept
	Withdrew string `json:"withdrew,omitempty"` // what became of the latest withdrawal there: one of the Withdrew constants
	Counts
}

// What becomes of withdrawals at a remote server.
const (
	WithdrewDeleted   = "deleted"
	WithdrewRevoked   = "revoked"   // by a revoked version: the server does not delete
	WithdrewRemaining = "remaining" // it does neither
)

// Receipt is what the remote server said about an envelope.
type Receipt struct {
	At        time.Time        `json:"at"`
	Status    string           `json:"status"` // id of the status resource there
	From      journal.Position `json:"from"`   // of the outbox
	To        journal.Position `json:"to"`
	Successes int              `json:"successes"`
	Failures  int              `json:"failures"`
}

// mostReceipts is how many are kept.
const mostReceipts = 500

// Failure is a version that the remote server did not take, or did not let go.
type Failure struct {
	Position journal.Position `json:"position"`
	Object   string           `json:"object"`
	Version  string           `json:"version,omitempty"`
	At       time.Time        `json:"at"`
	Message  string           `json:"message"`
}

// progress is how far a push has come.
type progress struct {
	cursor journal.Position
	turn   uint64
	length journal.Position
	meta
}

func readProgress(s *store.Snapshot) (p progress, err error) {
	p.cursor, p.turn = journal.Position(s.Cursor(follower)), s.Turn(follower)
	if p.length, err = s.Length(); err != nil {
		return p, err
	}
	if text := s.State(follower, keyMeta); text != nil {
		if err := json.Unmarshal(text, &p.meta); err != nil {
			return p, fmt.Errorf("read the state of the push: %w", err)
		}
	}
	return p, nil
}

// State is how far a push has come, as it is shown.
type State struct {
	Position journal.Position `json:"position"`           // of the outbox, up to which everything was dealt with
	Queue    uint64           `json:"queue"`              // entries that follow
	Withdrew string           `json:"withdrew,omitempty"` // what became of the latest withdrawal there: deleted, revoked or remaining
	Paused   *mirror.Pause    `json:"paused,omitempty"`
	Counts
}

// Read reads how far the push of an outbox has come; with details, what failed and the latest receipts, the newest first.
func Read(col *store.Collection, details bool) (st State, failures []Failure, receipts []Receipt, err error) {
	err = col.Snapshot(func(s *store.Snapshot) error {
		p, err := readProgress(s)
		if err != nil {
			return err
		}
		st = State{Position: p.cursor, Queue: uint64(p.length - min(p.cursor, p.length)), Withdrew: p.Withdrew, Counts: p.Counts}
		if text := s.State(follower, keyPaused); text != nil {
			st.Paused = new(mirror.Pause)
			if err := json.Unmarshal(text, st.Paused); err != nil {
				return fmt.Errorf("read whether the push is paused: %w", err)
			}
		}
		if !details {
			return nil
		}
		s.EachState(follower, []byte(prefixFailed), func(_, value []byte) {
			var f Failure
			err = errors.Join(err, json.Unmarshal(value, &f))
			failures = append(failures, f)
		})
		s.EachState(follower, []byte(prefixReceipt), func(_, value []byte) {
			var r Receipt
			err = errors.Join(err, json.Unmarshal(value, &r))
			receipts = append(receipts, r)
		})
		slices.Reverse(receipts)
		return err
	})
	return st, failures, receipts, err
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("write %T: %v", v, err)) // structs of this package can be encoded
	}
	return text
}

// Retry has what failed tried again: what was sent is not sent again.
func Retry(ctx context.Context, col *store.Collection) error {
	return change(ctx, col, func(u *store.FollowerUpdate, p progress) {
		u.Position, u.Clear = 0, [][]byte{[]byte(prefixFailed)}
		p.Failed, p.Remaining = 0, 0
		u.Set = []store.KeyValue{{Key: []byte(keyMeta), Value: mustJSON(p.meta)}}
	})
}

// SetPaused pauses the push of an outbox, or lets it go on: p is nil.
func SetPaused(ctx context.Context, col *store.Collection, pause *mirror.Pause) error {
	return change(ctx, col, func(u *store.FollowerUpdate, _ progress) {
		if pause == nil {
			u.Unset = [][]byte{[]byte(keyPaused)}
		} else {
			u.Set = []store.KeyValue{{Key: []byte(keyPaused), Value: mustJSON(pause)}}
		}
	})
}

// change changes what a push keeps.
func change(ctx context.Context, col *store.Collection, plan func(*store.FollowerUpdate, progress)) error {
	for try := 1; ; try++ {
		u := &store.FollowerUpdate{Name: follower}
		err := col.Snapshot(func(s *store.Snapshot) error {
			p, err := readProgress(s)
			u.Turn, u.Position = p.turn, uint64(p.cursor)
			plan(u, p)
			return err
		})
		if err != nil {
			return err
		}
		if _, err = col.Append(ctx, store.Batch{Follower: u}); errors.Is(err, store.ErrStale) && try < 10 {
			continue
		}
		return err
	}
}
