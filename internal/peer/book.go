package peer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store"
)

// follower is the name under which peers are kept in the file of an agreement.
const follower = "peers"

// Keys of that state: a peer by its id, and its heads by the id and a number.
const (
	prefixPeer = "peer:"
	prefixHead = "head:"
)

// Bounds of what is kept.
const (
	mostHeads  = 2000     // of a peer; the first and the newest stay
	mostBreaks = 20       // of a peer; the first and the newest stay
	mostGiven  = 16       // peers whose heads one account gave
	mostText   = 64 << 10 // bytes of a head with its notes of succession

	// A head replaces the one before, unless that is older than the one before it by as much.
	sparse = time.Hour
)

// ID identifies a peer among those of an agreement.
type ID [16]byte

// Followed identifies the collection that a mirror follows, by the source that entries name.
func Followed(source uuid.UUID) ID { return ID(source) }

// Given identifies a journal whose heads an account gives.
func Given(account, origin string) (id ID) {
	sum := sha256.Sum256([]byte("given\x00" + account + "\x00" + origin))
	copy(id[:], sum[:])
	return id
}

// record is what is kept of a peer, without its heads.
type record struct {
	audit.Peer
	Count  int    `json:"count"`  // heads that are kept
	Number uint64 `json:"number"` // of the newest head
}

func (id ID) key() []byte { return append([]byte(prefixPeer), id[:]...) }

func (id ID) heads() []byte { return append([]byte(prefixHead), id[:]...) }

func (id ID) head(number uint64) []byte { return binary.BigEndian.AppendUint64(id.heads(), number) }

// read reads the record of a peer; ok is false if there is none.
func read(s *store.Snapshot, id ID) (r record, ok bool, err error) {
	text := s.State(follower, string(id.key()))
	if text == nil {
		return r, false, nil
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, false, fmt.Errorf("read what is kept of the peer %s: %w", hex.EncodeToString(id[:]), err)
	}
	return r, true, nil
}

// readHead reads one of a peer's heads.
func readHead(s *store.Snapshot, id ID, number uint64) (h audit.PeerHead, err error) {
	text := s.State(follower, string(id.head(number)))
	if text == nil {
		return h, fmt.Errorf("the head %d of the peer %s is missing", number, hex.EncodeToString(id[:]))
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("read a head of the peer %s: %w", hex.EncodeToString(id[:]), err)
	}
	return h, nil
}

// Get returns what is kept of a peer, without its heads; ok is false if nothing is.
func Get(col *store.Collection, id ID) (p audit.Peer, ok bool, err error) {
	err = col.Snapshot(func(s *store.Snapshot) error {
		r, there, err := read(s, id)
		p, ok = r.Peer, there
		return err
	})
	return p, ok, err
}

// List returns what is kept of all peers of an agreement; with heads, their heads too.
func List(col *store.Collection, heads bool) (list []audit.Peer, err error) {
	err = col.Snapshot(func(s *store.Snapshot) (failed error) {
		s.EachState(follower, []byte(prefixPeer), func(rest, value []byte) {
			var r record
			if err := json.Unmarshal(value, &r); err != nil || len(rest) != len(ID{}) {
				failed = errors.Join(failed, fmt.Errorf("read what is kept of a peer: %w", err))
				return
			}
			if heads {
				s.EachState(follower, ID(rest).heads(), func(_, value []byte) {
					var h audit.PeerHead
					failed = errors.Join(failed, json.Unmarshal(value, &h))
					r.Heads = append(r.Heads, h)
				})
			}
			list = append(list, r.Peer)
		})
		return failed
	})
	return list, err
}

// change changes what is kept of a peer, in one transaction. plan returns nil to keep nothing; it is called again when something
// else was kept meanwhile.
func change(ctx context.Context, col *store.Collection, plan func(*store.Snapshot) (*store.FollowerUpdate, error)) error {
	for try := 1; ; try++ {
		var u *store.FollowerUpdate
		err := col.Snapshot(func(s *store.Snapshot) (err error) {
			if u, err = plan(s); u != nil {
				u.Name, u.Turn = follower, s.Turn(follower)
			}
			return err
		})
		if err != nil || u == nil {
			return err
		}
		if _, err = col.Append(ctx, store.Batch{Follower: u}); errors.Is(err, store.ErrStale) && try < 10 {
			continue
		}
		return err
	}
}

func set(u *store.FollowerUpdate, key []byte, value any) error {
	text, err := json.Marshal(value)
	u.Set = append(u.Set, store.KeyValue{Key: key, Value: text})
	return err
}

// keepHead keeps a head as the newest. base and proofs: see Observe.
func (r *record) keepHead(s *store.Snapshot, u *store.FollowerUpdate, id ID, h audit.PeerHead, replace bool) error {
	if !replace {
		r.Number++
		r.Count++
	}
	if r.Count > mostHeads { // the second oldest goes: the first says since when, and each was verified when it came
		var numbers []uint64
		s.EachState(follower, id.heads(), func(rest, _ []byte) { numbers = append(numbers, binary.BigEndian.Uint64(rest)) })
		if len(numbers) > 1 {
			slices.Sort(numbers)
			u.Unset = append(u.Unset, id.head(numbers[1]))
			r.Count--
		}
	}
	return set(u, id.head(r.Number), h)
}
