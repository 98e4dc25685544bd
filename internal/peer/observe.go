package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Sight is a head that a server shows of a journal.
type Sight struct {
	URL       string         // of the collection that a mirror here follows; "" where a mirror elsewhere gives the head
	Agreement agreement.Name // its name there
	Account   string         // that gives the head
	Party     string         // of that account

	Keys   audit.KeyList
	Signed []byte

	// Prove asks for the proof that a journal of to entries begins with one of from.
	Prove func(from, to uint64) (audit.Proof, error)
}

// ErrTooMany says that an account has given heads of as many journals as it may.
var ErrTooMany = fmt.Errorf("this account has given heads of %d journals, as many as it may", mostGiven)

// known is what is kept of a peer when a head is shown.
type known struct {
	record
	there        bool
	newest, base journal.Checkpoint // the newest head, and the one before it
	head, before audit.PeerHead     // the same, as they are kept
	others       int                // peers whose heads the same account gave
}

func recall(col *store.Collection, id ID, account string) (k known, err error) {
	err = col.Snapshot(func(s *store.Snapshot) (err error) {
		if k.record, k.there, err = read(s, id); err != nil {
			return err
		}
		if !k.there {
			s.EachState(follower, []byte(prefixPeer), func(_, value []byte) {
				var r record
				if json.Unmarshal(value, &r) == nil && account != "" && r.Account == account {
					k.others++
				}
			})
			return nil
		}
		if k.head, err = readHead(s, id, k.Number); err != nil {
			return err
		}
		if k.newest, err = journal.ReadCheckpoint([]byte(k.head.Signed)); err != nil {
			return err
		}
		if k.Number > 1 && k.head.Key == "" {
			if k.before, err = readHead(s, id, k.Number-1); err == nil {
				k.base, err = journal.ReadCheckpoint([]byte(k.before.Signed))
			}
		}
		return err
	})
	return k, err
}

// Observe holds a head against what is kept of the peer, and keeps it. The first one counts on the word of the server. A
// *audit.HistoryError says that the server contradicts what it signed before, which is kept, too; any other error that nothing was
// proved.
func Observe(ctx context.Context, col *store.Collection, id ID, seen Sight, now time.Time) (size uint64, err error) {
	now = now.UTC().Truncate(time.Millisecond)
	if size := len(seen.Signed) + len(strings.Join(seen.Keys.Successions, "")); size > mostText || len(seen.Keys.Key) > mostText {
		return 0, fmt.Errorf("the head and its keys have %d bytes, expected %d at most", size, mostText)
	}
	for try := 1; ; try++ {
		k, err := recall(col, id, seen.Account)
		if err != nil {
			return 0, err
		}
		if k.others >= mostGiven {
			return 0, ErrTooMany
		}
		raced := false
		size, err := k.observe(seen, now, func(plan func(*store.Snapshot, *record, *store.FollowerUpdate) error) error {
			return change(ctx, col, func(s *store.Snapshot) (*store.FollowerUpdate, error) {
				r, there, err := read(s, id)
				if raced = err == nil && (there != k.there || r.Number != k.Number || len(r.Breaks) != len(k.Breaks)); err != nil || raced {
					return nil, err
				}
				u := &store.FollowerUpdate{}
				if err := plan(s, &r, u); err != nil {
					return nil, err
				}
				return u, set(u, id.key(), r)
			})
		}, id)
		if !raced || try == 5 {
			return size, err
		}
	}
}

// keeping keeps what plan changes of a record.
type keeping func(plan func(*store.Snapshot, *record, *store.FollowerUpdate) error) error

// observe is Observe for what is known now.
func (k *known) observe(seen Sight, now time.Time, keep keeping, id ID) (size uint64, err error) {
	keys := seen.Keys
	keys.Successions = append(slices.Clone(k.Successions), keys.Successions...)
	slices.Sort(keys.Successions)
	keys.Successions = slices.Compact(keys.Successions)
	var trusted []string
	if k.there {
		trusted = []string{k.Key}
	}
	shown, err := audit.OpenShown(seen.Agreement, trusted, keys, seen.Signed)
	head := audit.PeerHead{Signed: string(seen.Signed), Seen: now}
	if err == nil && !k.there {
		head.Key = seen.Keys.Key
		return shown.Head.Size, keep(func(s *store.Snapshot, r *record, u *store.FollowerUpdate) error {
			r.Peer = audit.Peer{Origin: shown.Head.Origin, URL: seen.URL, Agreement: seen.Agreement, Account: seen.Account, Party: seen.Party,
				Key: seen.Keys.Key, Successions: keys.Successions, Size: shown.Head.Size, Began: now, Proved: now}
			return r.keepHead(s, u, id, head, false)
		})
	}
	replace := k.there && k.before.Signed != "" && k.head.Seen.Sub(k.before.Seen) < sparse
	if err == nil {
		head.Proof, err = audit.Continues(k.newest, shown.Head, seen.Prove)
	}
	if err == nil && replace && shown.Head.Size > k.newest.Size {
		proof, fromBase := audit.Continues(k.base, shown.Head, seen.Prove)
		var contradiction *audit.HistoryError
		switch {
		case fromBase == nil:
			head.Proof = proof
		case errors.As(fromBase, &contradiction):
			err = fromBase
		default:
			replace = false // a proof from there is not to be had: both heads stay
		}
	}
	var contradiction *audit.HistoryError
	switch {
	case errors.As(err, &contradiction):
		return 0, errors.Join(err, k.contradict(seen, contradiction, now, keep))
	case err != nil:
		return 0, err
	case shown.Head.Size == k.newest.Size && now.Sub(k.Proved) < sparse && slices.Equal(keys.Successions, k.Successions):
		return k.Size, nil // nothing is new, and a transaction an hour says that it is so
	}
	return shown.Head.Size, keep(func(s *store.Snapshot, r *record, u *store.FollowerUpdate) error {
		r.Proved, r.Successions, r.Agreement = now, keys.Successions, seen.Agreement
		if shown.Head.Size == k.newest.Size {
			return nil
		}
		r.Size = shown.Head.Size
		return r.keepHead(s, u, id, head, replace)
	})
}

// contradict keeps that a server contradicts what it signed, once for each way until an operator accepts it. What the server has not
// signed with any key of its own proves nothing, and is not kept.
func (k *known) contradict(seen Sight, c *audit.HistoryError, now time.Time, keep keeping) error {
	if slices.ContainsFunc(k.Breaks, func(b audit.PeerBreak) bool { return b.Kind == c.Kind && b.Accepted.IsZero() }) {
		return nil
	}
	if _, err := audit.OpenShown(seen.Agreement, nil, seen.Keys, seen.Signed); err != nil {
		return fmt.Errorf("nor by a key that its server names: %w", err)
	}
	return keep(func(_ *store.Snapshot, r *record, _ *store.FollowerUpdate) error {
		r.Breaks = append(r.Breaks, audit.PeerBreak{At: now, Kind: c.Kind, Problem: c.Problem, Kept: k.head.Signed, Shown: string(seen.Signed), Key: seen.Keys.Key})
		if len(r.Breaks) > mostBreaks {
			r.Breaks = slices.Delete(r.Breaks, 1, 2)
		}
		return nil
	})
}

// ErrNoBreak says that nothing of a peer is there to be accepted.
var ErrNoBreak = errors.New("its server has not contradicted what it signed")

// Accept accepts the contradictions of a peer: its history begins anew with the head that it showed at the last of them. What was
// kept before stays.
func Accept(ctx context.Context, col *store.Collection, id ID, by string, now time.Time) (p audit.Peer, err error) {
	now = now.UTC().Truncate(time.Millisecond)
	err = change(ctx, col, func(s *store.Snapshot) (*store.FollowerUpdate, error) {
		r, _, err := read(s, id)
		if err != nil {
			return nil, err
		}
		var last *audit.PeerBreak
		for i := range r.Breaks {
			if b := &r.Breaks[i]; b.Accepted.IsZero() {
				b.Accepted, b.By, last = now, by, b
			}
		}
		if last == nil {
			return nil, ErrNoBreak
		}
		head, err := journal.ReadCheckpoint([]byte(last.Shown))
		if err != nil {
			return nil, err
		}
		r.Origin, r.Key, r.Size, r.Proved = head.Origin, last.Key, head.Size, now
		u := &store.FollowerUpdate{}
		if err := r.keepHead(s, u, id, audit.PeerHead{Signed: last.Shown, Seen: last.At, Key: last.Key}, false); err != nil {
			return nil, err
		}
		p = r.Peer
		return u, set(u, id.key(), r)
	})
	return p, err
}
