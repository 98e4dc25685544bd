package admin

import (
	"net/http"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// KeyList are the keys with which a server signs and signed heads.
type KeyList struct {
	Name        string   `json:"name"`
	Key         string   `json:"key"`                   // verifier key of today's
	Retired     []string `json:"retired,omitempty"`     // verifier keys, oldest first
	Successions []string `json:"successions,omitempty"` // signed notes in which keys name their successors
}

func (a *API) keys(*http.Request) (any, error) { return a.keyList() }

func (a *API) keyList() (KeyList, error) {
	k, err := a.Store.Keys("")
	if err != nil {
		return KeyList{}, err
	}
	list := KeyList{Name: k.Name(), Key: k.Key()}
	for _, signed := range k.Successions() {
		key, _, err := journal.ParseSuccession(signed)
		if err != nil {
			return KeyList{}, err
		}
		list.Retired = append(list.Retired, key)
		list.Successions = append(list.Successions, string(signed))
	}
	return list, nil
}

func (a *API) rotateKey(*http.Request) (any, error) {
	k, err := a.Store.Keys("")
	if err == nil {
		err = k.Rotate()
	}
	if err != nil {
		return nil, err
	}
	return a.keyList()
}

// checkpoint serves the signed head of an agreement's journal.
func (a *API) checkpoint(r *http.Request) (any, error) {
	u, err := a.audit(r)
	if err != nil {
		return nil, err
	}
	k, err := a.Store.Keys("")
	if err != nil {
		return nil, err
	}
	signed, err := k.Checkpoint(u.col)
	if err != nil {
		return nil, err
	}
	return plain{"text/plain; charset=utf-8", signed}, nil
}

// Proof is a proof as it is served: that an entry is in a tree, or that a tree begins with an earlier one.
type Proof struct {
	Entry  journal.Position `json:"entry,omitempty"`
	Size   uint64           `json:"size,omitempty"`
	From   uint64           `json:"from,omitempty"`
	To     uint64           `json:"to,omitempty"`
	Hashes []tlog.Hash      `json:"hashes"`
}

// proof serves proofs of inclusion (entry, size) and of consistency (from, to); size and to are the journal's own when
// they are left out.
func (a *API) proof(r *http.Request) (any, error) {
	u, err := a.audit(r)
	if err != nil {
		return nil, err
	}
	values, err := parameters(r, "entry", "size", "from", "to")
	if err != nil {
		return nil, err
	}
	inclusion, consistency := values.Has("entry"), values.Has("from")
	if inclusion == consistency || inclusion && values.Has("to") || consistency && values.Has("size") {
		return nil, badQuery("a proof is asked for with entry and size, or with from and to")
	}
	now, _, err := u.col.Head()
	if err != nil {
		return nil, err
	}
	if inclusion {
		return a.proveEntry(u, values.Get, now)
	}
	from, err := number(values, "from", 0)
	if err != nil {
		return nil, err
	}
	to, err := number(values, "to", now)
	if err != nil {
		return nil, err
	}
	if to > now {
		return nil, badQuery("the journal has %d entries, fewer than %d", now, to)
	}
	hashes, err := journal.ProveConsistency(from, to, u.col.Hashes())
	return Proof{From: from, To: to, Hashes: proofHashes(hashes)}, rangeRefused(err)
}

func (a *API) proveEntry(u audited, get func(string) string, now uint64) (any, error) {
	values := map[string][]string{"entry": {get("entry")}, "size": {get("size")}}
	p, err := number(values, "entry", 0)
	if err != nil {
		return nil, err
	}
	size, err := number(values, "size", now)
	if err != nil {
		return nil, err
	}
	if size > now {
		return nil, badQuery("the journal has %d entries, fewer than %d", now, size)
	}
	if p == 0 || p > size {
		return nil, badQuery("the position %d is not among the first %d entries; positions begin at 1", p, size)
	}
	if _, _, err := u.entry(journal.Position(p)); err != nil {
		return nil, err
	}
	hashes, err := journal.ProveEntry(journal.Position(p), size, u.col.Hashes())
	return Proof{Entry: journal.Position(p), Size: size, Hashes: proofHashes(hashes)}, rangeRefused(err)
}

// proofHashes is a list that is never null in JSON.
func proofHashes(h []tlog.Hash) []tlog.Hash {
	if h == nil {
		return []tlog.Hash{}
	}
	return h
}

// RawEntry is an entry as it is hashed.
type RawEntry struct {
	Position journal.Position `json:"position"`
	Bytes    []byte           `json:"bytes"` // canonical, base64 in JSON
}

// RawEntries is a page of a journal.
type RawEntries struct {
	Entries []RawEntry `json:"entries"`
	Size    uint64     `json:"size"` // entries in the journal
	More    bool       `json:"more"`
}

// entries serves the canonical bytes of entries, for who wants to verify them.
func (a *API) entries(r *http.Request) (any, error) {
	u, err := a.audit(r)
	if err != nil {
		return nil, err
	}
	if err := u.all("the whole journal"); err != nil {
		return nil, err
	}
	values, err := parameters(r, "after", "limit")
	if err != nil {
		return nil, err
	}
	after, limit, err := rows(values)
	if err != nil {
		return nil, err
	}
	answer := RawEntries{Entries: []RawEntry{}}
	if answer.Size, _, err = u.col.Head(); err != nil {
		return nil, err
	}
	err = u.col.Entries(after+1, limit, func(p journal.Position, _ journal.Entry, raw []byte) bool {
		if uint64(p) > answer.Size {
			return false
		}
		answer.Entries = append(answer.Entries, RawEntry{p, append([]byte(nil), raw...)})
		return true
	})
	if n := len(answer.Entries); n > 0 {
		answer.More = uint64(answer.Entries[n-1].Position) < answer.Size
	}
	return answer, err
}

// asked is the entry that a request is about.
type asked struct {
	audited
	position journal.Position
	entry    journal.Entry
	raw      []byte
}

// entryAsked finds the entry that a request names, as far as the caller may see it.
func (a *API) entryAsked(r *http.Request) (asked, error) {
	u, err := a.audit(r)
	if err != nil {
		return asked{}, err
	}
	values, err := parameters(r, "entry")
	if err != nil {
		return asked{}, err
	}
	n, err := number(values, "entry", 0)
	if err != nil {
		return asked{}, err
	}
	p := journal.Position(n)
	e, raw, err := u.entry(p)
	return asked{u, p, e, raw}, err
}

// rawEntry serves the canonical bytes of one entry, to a producer if it is about what its party added.
func (a *API) rawEntry(r *http.Request) (any, error) {
	q, err := a.entryAsked(r)
	if err != nil {
		return nil, err
	}
	return RawEntry{q.position, q.raw}, nil
}

// content serves the text of the version that was added at a position, to who may read objects or added it.
func (a *API) content(r *http.Request) (any, error) {
	q, err := a.entryAsked(r)
	if err != nil {
		return nil, err
	}
	caller := callerOf(r)
	if caller.Party == "" || q.entry.Party != string(caller.Party) {
		if err := agreement.Permit(q.col.Agreement(), caller, agreement.Read, a.Now()); err != nil {
			return nil, err
		}
	}
	text, ok, err := q.col.ObjectAt(q.position)
	if err == nil && !ok {
		err = notFound("what the entry %d added is no longer there, or it added nothing", q.position)
	}
	if err != nil {
		return nil, err
	}
	return plain{"application/json", text}, nil
}
