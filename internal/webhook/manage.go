package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Draw completes a new webhook: it gets an id and a secret.
func Draw(w store.Webhook, now time.Time) store.Webhook {
	w.ID, w.Secret, w.Created = newID(), NewSecret(), now.UTC().Truncate(time.Second)
	return w
}

// Begin has a webhook tell what happens after a position. It must be called before the webhook is in the registry.
func Begin(ctx context.Context, col *store.Collection, id string, after journal.Position) error {
	return change(ctx, col, id, func(st *state) (*Attempt, error) {
		st.cursor = after
		return nil, nil
	})
}

// Forget drops the state of a webhook that was removed.
func Forget(ctx context.Context, col *store.Collection, id string) error {
	for try := 1; ; try++ {
		u := &store.FollowerUpdate{Name: followerName(id), Clear: [][]byte{nil}}
		if err := col.Snapshot(func(s *store.Snapshot) error { u.Turn, u.Position = s.Turn(u.Name), s.Cursor(u.Name); return nil }); err != nil {
			return err
		}
		_, err := col.Append(ctx, store.Batch{Follower: u})
		if errors.Is(err, store.ErrStale) && try < 10 {
			continue
		}
		return err
	}
}

// PositionError says that a journal is shorter than a position.
type PositionError struct{ Length journal.Position }

func (e *PositionError) Error() string {
	return fmt.Sprintf("the journal has %d entries, so none after that", e.Length)
}

// Replay has a webhook tell again what happened after a position, under new ids, and begins again one that has ended.
func Replay(ctx context.Context, col *store.Collection, id string, after journal.Position) error {
	return change(ctx, col, id, func(st *state) (*Attempt, error) {
		if after > st.length {
			return nil, &PositionError{st.length}
		}
		st.cursor, st.pending, st.End = after, nil, nil
		st.Round++
		return nil, nil
	})
}

// Replayed has a running service notice a replay at once.
func (s *Service) Replayed(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runners[id]; r != nil {
		r.notify()
	}
}

// Test sends a message that tells nothing, once.
func (s *Service) Test(ctx context.Context, w store.Webhook) (Attempt, error) {
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return Attempt{}, ctx.Err()
	}
	now := s.config.Now().UTC().Truncate(time.Millisecond)
	a, _ := s.send(ctx, w, "msg_test_"+newID(), mustJSON(Message{Type: TypeTest, Timestamp: now, Data: Data{Agreement: w.Agreement}}))
	return a, ctx.Err()
}

// State is how far a webhook has come.
type State struct {
	Position journal.Position `json:"position"` // up to which everything was told
	Behind   uint64           `json:"behind"`   // entries that follow
	Failing  time.Time        `json:"failing_since,omitzero"`
	Attempts int              `json:"attempts,omitempty"` // of the message that is on its way
	Error    string           `json:"error,omitempty"`    // why the last of them failed
	End      *End             `json:"end,omitempty"`
}

// Read reads how far a webhook has come, and with log its attempts, the newest first.
func Read(col *store.Collection, id string, log bool) (st State, attempts []Attempt, err error) {
	err = col.Snapshot(func(s *store.Snapshot) error {
		kept, err := readState(s, id)
		if err != nil {
			return err
		}
		st = State{Position: kept.cursor, Behind: uint64(kept.length - min(kept.cursor, kept.length)), End: kept.End}
		if p := kept.pending; p != nil {
			st.Failing, st.Attempts, st.Error = p.Since, p.Attempts, p.Last
		}
		if log {
			attempts, err = readLog(s, id)
		}
		return err
	})
	return st, attempts, err
}
