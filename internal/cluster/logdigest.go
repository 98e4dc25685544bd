package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"go.etcd.io/raft/v3"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
)

// A follower compares the entries that it was given with those that voters have, by digests of parts of the log.

const (
	digestBytes   = 32 << 20 // of entries in one digest
	digestsAtOnce = 2        // that a node makes
)

// digestAnswer is the digest of a part of the log.
type digestAnswer struct {
	Until  uint64 `json:"until"` // the last entry of it
	Digest string `json:"digest,omitempty"`
	Begins uint64 `json:"begins,omitempty"` // instead: where the log begins, which is later than the part
}

// digestLog returns the SHA-256 of what the log has behind a place, up to another one, or so many bytes.
func digestLog(log *raftlog.Log, after, until uint64, most int) (a digestAnswer, err error) {
	a.Until = after
	h := sha256.New()
	for size := 0; a.Until < until && size < most; {
		entries, err := log.Entries(a.Until+1, until+1, maxMessage)
		if errors.Is(err, raft.ErrCompacted) {
			first, err := log.FirstIndex()
			return digestAnswer{Begins: max(first, after+2)}, err
		} else if err != nil {
			return digestAnswer{}, err
		}
		for _, e := range entries {
			var head []byte
			for _, n := range []uint64{e.GetIndex(), e.GetTerm(), uint64(e.GetType()), uint64(len(e.GetData()))} {
				head = binary.BigEndian.AppendUint64(head, n)
			}
			h.Write(head)
			h.Write(e.GetData())
			size += len(e.GetData())
			if a.Until = e.GetIndex(); size >= most {
				break
			}
		}
	}
	a.Digest = hex.EncodeToString(h.Sum(nil))
	return a, nil
}

// serveDigest serves the digest of a part of the log.
func (n *Node) serveDigest(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseUint(r.FormValue("after"), 10, 64)
	var until uint64
	if err == nil {
		until, err = strconv.ParseUint(r.FormValue("until"), 10, 64)
	}
	if err != nil {
		http.Error(w, "after and until are places in the log", http.StatusBadRequest)
		return
	}
	if err := n.part(); err != nil {
		later503(w, err)
		return
	}
	select {
	case n.digests <- struct{}{}:
		defer func() { <-n.digests }()
	case <-r.Context().Done():
		return
	}
	until = min(until, n.now.Load().handed)
	if until <= after {
		http.Error(w, fmt.Sprintf("the log of this node has nothing behind %d", after), http.StatusConflict)
		return
	}
	a, err := digestLog(n.log, after, until, digestBytes)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	json.NewEncoder(w).Encode(a)
}

func (s *source) digest(ctx context.Context, to Member, after, until uint64) (a digestAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, headWait)
	defer cancel()
	q := url.Values{"after": {strconv.FormatUint(after, 10)}, "until": {strconv.FormatUint(until, 10)}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(to, logPath+"digest", q), nil)
	if err != nil {
		return a, err
	}
	err = s.document(to, r, 4<<10, &a)
	if err == nil && a.Begins == 0 && (a.Until <= after || a.Until > until) {
		err = fmt.Errorf("%w: a digest up to %d", errEntries, a.Until)
	}
	return a, err
}

// crossLog compares the entries that were given since the last time with those of a voter. It goes on until all are compared, or
// something differs.
func (f *following) crossLog(ctx context.Context, voter Member) error {
	if err := f.crossEnd(ctx, voter); err != nil {
		return err
	}
	for ctx.Err() == nil && f.node.now.Load().lost == nil {
		after, gave := f.trust.verified()
		from, _ := f.source.current()
		first, err := f.node.log.FirstIndex()
		if err != nil {
			return err
		}
		until, err := f.node.log.LastIndex() // also what was not handed out: this node may not be able to
		if err != nil {
			return err
		}
		if after = max(after, first-1); after >= until {
			return nil
		}
		there, err := f.source.digest(ctx, voter, after, until)
		if err != nil {
			return fmt.Errorf("ask %s for a digest of the log: %w", voter.Name, err)
		}
		if there.Begins > 0 { // it has dropped what this node still keeps
			if err := f.trust.advance(min(until, there.Begins-1), 0, gave); err != nil {
				return err
			}
			continue
		}
		own, err := digestLog(f.node.log, after, there.Until, int(^uint(0)>>1))
		if err != nil || own.Begins > 0 {
			return err
		}
		if own.Digest != there.Digest {
			return f.judgeLog(fmt.Sprintf("between %d and %d", after, there.Until), own.Digest, func(m Member) (string, error) {
				a, err := f.source.digest(ctx, m, after, there.Until)
				if err == nil && a.Until != there.Until {
					err = fmt.Errorf("%s does not have all of it", m.Name)
				}
				return a.Digest, err
			})
		}
		only := uint64(0) // has given what is not compared yet
		if there.Until >= until {
			only = from.ID
		}
		if err := f.trust.advance(there.Until, only, gave); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// crossEnd compares how far this node's log goes with how far the log is committed, as a majority tells a voter: nothing is behind that.
func (f *following) crossEnd(ctx context.Context, voter Member) error {
	last, err := f.node.log.LastIndex()
	if err != nil {
		return err
	}
	say := func(m Member) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		place, err := f.source.committed(ctx, m, 0)
		return strconv.FormatBool(place >= last), err
	}
	if one, err := say(voter); err != nil || one == "true" {
		return nil // without a majority none can tell
	}
	return f.judgeLog(fmt.Sprintf("before %d, where theirs ends", last), "true", say)
}

// judgeLog asks all voters something about the log of which one says something else than this node. If they contradict this node, what
// it was given was made up: it fetches all files anew, and does not ask those again who gave it.
func (f *following) judgeLog(where, own string, say func(Member) (string, error)) error {
	voters := f.trust.voters()
	votes, by := map[string]int{}, map[string][]uint64{}
	for _, m := range voters {
		if one, err := say(m); err == nil {
			votes[one]++
			by[one] = append(by[one], m.ID)
		}
	}
	right, _ := decide(votes, len(voters))
	switch right {
	case own:
		return nil
	case "":
		return fmt.Errorf("the voters that answer have different logs %s", where)
	}
	names, err := f.trust.distrust(f.node.members.Load(), by[right])
	if err != nil {
		return err
	}
	f.lose(fmt.Errorf("the log that %s gave this node differs from the voters' %s: it is not believed any more, and all files are fetched anew", names, where), 0)
	return nil
}
