package push

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// follower is the name under which a push keeps its state in the file of its outbox.
const follower = "push"

// Keys of that state: what became of the version at a position, receipts by number, which of them a version has, and the rest.
const (
	prefixSent    = "sent:"
	prefixFailed  = "failed:"
	prefixReceipt = "receipt:"
	prefixOf      = "of:"
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

// Receipt is what the remote server said about an envelope. It is kept for as long as the outbox is.
type Receipt struct {
	At        time.Time        `json:"at"`
	URL       string           `json:"url,omitempty"`       // of the remote collection
	Status    string           `json:"status"`              // id of the status resource there
	Requested string           `json:"requested,omitempty"` // its request_timestamp
	From      journal.Position `json:"from"`                // of the outbox
	To        journal.Position `json:"to"`
	Successes int              `json:"successes"`
	Failures  int              `json:"failures"`
}

// mostReceipts is how many are shown with an outbox.
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
		for n := p.Receipts; n > 0 && p.Receipts-n < mostReceipts && err == nil; n-- {
			var r Receipt
			var found bool
			if r, found, err = readReceipt(s, n); found {
				receipts = append(receipts, r)
			}
		}
		return err
	})
	return st, failures, receipts, err
}

// readReceipt reads a receipt by its number.
func readReceipt(s *store.Snapshot, number uint64) (r Receipt, found bool, err error) {
	text := s.State(follower, string(positionKey(prefixReceipt, journal.Position(number))))
	if text == nil {
		return r, false, nil
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, false, fmt.Errorf("read receipt %d of the push: %w", number, err)
	}
	return r, true, nil
}

// Acknowledgement is what the remote server said about one version.
type Acknowledgement struct {
	Position journal.Position
	Receipt
	Refused string // why it did not take the version; "": it did
}

// Acknowledgements returns what remote servers said about the versions at some positions of an outbox, as far as they were posted.
func Acknowledgements(col *store.Collection, positions []journal.Position) (list []Acknowledgement, err error) {
	err = col.Snapshot(func(s *store.Snapshot) error {
		for _, at := range positions {
			number := s.State(follower, string(positionKey(prefixOf, at)))
			if len(number) != 8 {
				continue
			}
			r, found, err := readReceipt(s, binary.BigEndian.Uint64(number))
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			a := Acknowledgement{Position: at, Receipt: r}
			if text := s.State(follower, string(positionKey(prefixFailed, at))); text != nil {
				var f Failure
				if err := json.Unmarshal(text, &f); err != nil {
					return fmt.Errorf("read what a push could not send: %w", err)
				}
				a.Refused = f.Message
			}
			list = append(list, a)
		}
		return nil
	})
	return list, err
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
