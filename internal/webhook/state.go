package webhook

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// pending is a message that is on its way. It is kept before it is sent for the first time, so that it has one id and one text
// however often it is sent.
type pending struct {
	ID       string           `json:"id"`
	From     journal.Position `json:"from"`
	To       journal.Position `json:"to"`
	Body     string           `json:"body"`
	Attempts int              `json:"attempts,omitempty"`
	Since    time.Time        `json:"since,omitzero"` // the first attempt that failed
	Last     string           `json:"last,omitempty"` // why the last one did
}

// End says that a webhook has ended: nothing is sent until it is replayed.
type End struct {
	Cause string    `json:"cause"` // Gone or Failed
	At    time.Time `json:"at"`
}

// The causes of an end.
const (
	Gone   = "gone"   // the receiver answered 410
	Failed = "failed" // no attempt of three days succeeded
)

// Attempt is a line of a webhook's log.
type Attempt struct {
	At      time.Time        `json:"at"`
	Message string           `json:"message"`
	From    journal.Position `json:"from,omitempty"`
	To      journal.Position `json:"to,omitempty"`
	Attempt int              `json:"attempt"`          // from 1
	Status  int              `json:"status,omitempty"` // of the answer
	Error   string           `json:"error,omitempty"`  // why it failed
	Millis  int64            `json:"milliseconds"`
}

// OK reports whether the receiver took the message.
func (a Attempt) OK() bool { return a.Error == "" }

// mostLog is how many attempts are kept of a webhook.
const mostLog = 200

// Keys of a webhook's state in the file of its agreement.
const (
	keyPending = "pending"
	keyMeta    = "meta"
	prefixLog  = "log:"
)

// meta is what a webhook remembers beside its cursor.
type meta struct {
	Round    uint64 `json:"round,omitempty"`    // replays: the same positions are other messages then
	Attempts uint64 `json:"attempts,omitempty"` // that are, or were, in the log
	End      *End   `json:"end,omitempty"`
}

// state is a webhook's state.
type state struct {
	cursor  journal.Position // everything up to here was told
	turn    uint64
	length  journal.Position // of the journal
	pending *pending
	meta
}

func followerName(id string) string { return "webhook:" + id }

func logKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte(prefixLog), n) }

func readState(s *store.Snapshot, id string) (st state, err error) {
	name := followerName(id)
	st.cursor, st.turn = journal.Position(s.Cursor(name)), s.Turn(name)
	if st.length, err = s.Length(); err != nil {
		return state{}, err
	}
	if text := s.State(name, keyMeta); text != nil {
		if err := json.Unmarshal(text, &st.meta); err != nil {
			return state{}, fmt.Errorf("read the state of the webhook %s: %w", id, err)
		}
	}
	if text := s.State(name, keyPending); text != nil {
		st.pending = new(pending)
		if err := json.Unmarshal(text, st.pending); err != nil {
			return state{}, fmt.Errorf("read the message of the webhook %s: %w", id, err)
		}
	}
	return st, nil
}

// readLog returns the attempts that are kept, the newest first.
func readLog(s *store.Snapshot, id string) (list []Attempt, err error) {
	s.EachState(followerName(id), []byte(prefixLog), func(_, value []byte) {
		var a Attempt
		err = errors.Join(err, json.Unmarshal(value, &a))
		list = append(list, a)
	})
	slices.Reverse(list)
	return list, err
}

// change changes a webhook's state: what plan makes of it is kept, together with an attempt if plan returns one. If the state
// changes meanwhile, plan is asked again.
func change(ctx context.Context, col *store.Collection, id string, plan func(*state) (*Attempt, error)) error {
	for try := 1; ; try++ {
		var st state
		err := col.Snapshot(func(s *store.Snapshot) (err error) {
			st, err = readState(s, id)
			return err
		})
		if err != nil {
			return err
		}
		turn := st.turn
		attempt, err := plan(&st)
		if err != nil {
			return err
		}
		update := &store.FollowerUpdate{Name: followerName(id), Turn: turn, Position: uint64(st.cursor)}
		if attempt != nil {
			st.Attempts++
			update.Set = append(update.Set, store.KeyValue{Key: logKey(st.Attempts), Value: mustJSON(attempt)})
			if st.Attempts > mostLog {
				update.Unset = append(update.Unset, logKey(st.Attempts-mostLog))
			}
		}
		update.Set = append(update.Set, store.KeyValue{Key: []byte(keyMeta), Value: mustJSON(st.meta)})
		if st.pending != nil {
			update.Set = append(update.Set, store.KeyValue{Key: []byte(keyPending), Value: mustJSON(st.pending)})
		} else {
			update.Unset = append(update.Unset, []byte(keyPending))
		}
		_, err = col.Append(ctx, store.Batch{Follower: update})
		if errors.Is(err, store.ErrStale) && try < 10 {
			continue
		}
		return err
	}
}

// mustJSON encodes structs of this package, which can be encoded.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("write %T: %v", v, err))
	}
	return text
}
