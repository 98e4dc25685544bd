package audit

import (
	"errors"
	"fmt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// ServerJournal stands for the server's own journal where an agreement is named. No agreement has this name.
const ServerJournal agreement.Name = ""

// ServerView is what a caller may see of the server's own journal: operators all of it, others its signed head and proofs of
// consistency, which witnesses and verifiers need.
type ServerView struct {
	Source
	operator bool
}

// Server returns the view of a caller on the server's own journal.
func (s Source) Server(caller agreement.Caller) *ServerView {
	return &ServerView{Source: s, operator: caller.Operator}
}

// ErrOperators is the error about what only operators may see.
var ErrOperators = errors.New("the server's own journal is for operators; every account has its signed head")

// Checkpoint returns the signed head of the journal.
func (v *ServerView) Checkpoint() ([]byte, error) {
	k, err := v.Store.Keys("")
	if err != nil {
		return nil, err
	}
	return k.ServerCheckpoint(v.Store)
}

// Cosigned returns the newest head of the journal that witnesses have cosigned; without witnesses, that of now.
func (v *ServerView) Cosigned() ([]byte, error) {
	signed, _, err := v.cosignedHead(0)
	return signed, err
}

// Size returns how many entries the journal has.
func (v *ServerView) Size() (uint64, error) {
	size, _, err := v.Store.AdminHead()
	return size, err
}

// ProveConsistency proves that the journal's first to entries begin with the first from.
func (v *ServerView) ProveConsistency(from, to uint64) (Proof, error) {
	if err := hasEntries(v.Size, to); err != nil {
		return Proof{}, err
	}
	hashes, err := journal.ProveConsistency(from, to, v.Store.ServerHashes())
	return Proof{From: from, To: to, Hashes: proofHashes(hashes)}, rangeRefused(err)
}

// ProveEntry proves that the entry at a position is among the journal's first size.
func (v *ServerView) ProveEntry(p journal.Position, size uint64) (Proof, error) {
	if !v.operator {
		return Proof{}, ErrOperators
	}
	return v.prove(p, size)
}

func (v *ServerView) prove(p journal.Position, size uint64) (Proof, error) {
	if err := hasEntries(v.Size, size); err != nil {
		return Proof{}, err
	}
	hashes, err := journal.ProveEntry(p, size, v.Store.ServerHashes())
	return Proof{Entry: p, Size: size, Hashes: proofHashes(hashes)}, rangeRefused(err)
}

// Entries returns the canonical bytes of at most limit entries after a position.
func (v *ServerView) Entries(after journal.Position, limit int) (RawEntries, error) {
	page := RawEntries{Entries: []RawEntry{}}
	if !v.operator {
		return page, ErrOperators
	}
	var err error
	if page.Size, err = v.Size(); err != nil {
		return page, err
	}
	err = v.Store.AdminEntries(after+1, limit, func(p journal.Position, _ journal.Entry, raw []byte) bool {
		page.Entries = append(page.Entries, RawEntry{p, raw})
		return true
	})
	if n := len(page.Entries); n > 0 {
		page.More = uint64(page.Entries[n-1].Position) < page.Size
	}
	return page, err
}

// Entry returns the canonical bytes of one entry.
func (v *ServerView) Entry(p journal.Position) (RawEntry, error) {
	if !v.operator {
		return RawEntry{}, ErrOperators
	}
	_, raw, err := v.Store.ServerEntry(p)
	if errors.Is(err, store.ErrNoEntry) {
		err = notFound("the server's journal has no entry at position %d", p)
	}
	return RawEntry{p, raw}, err
}

// History tells a page of the journal.
func (v *ServerView) History(after journal.Position, limit int) (History, error) {
	page, err := v.Entries(after, limit)
	if err != nil {
		return History{}, err
	}
	h := History{Entries: []Record{}, More: page.More}
	for _, one := range page.Entries {
		e, err := journal.ParseEntry(one.Bytes)
		if err != nil {
			return History{}, fmt.Errorf("read entry %d of the server: %w", one.Position, err)
		}
		h.Entries = append(h.Entries, RecordOf(one.Position, e))
		h.Next = one.Position
	}
	if !h.More {
		h.Next = 0
	}
	return h, nil
}

// Logged is the entry of the server's own journal that holds a head of an agreement's journal, with what proves it.
type Logged struct {
	Position   journal.Position `json:"position"`   // in the server's journal
	Entry      []byte           `json:"entry"`      // canonical bytes
	Proof      Proof            `json:"proof"`      // that the entry is under the checkpoint
	Checkpoint string           `json:"checkpoint"` // of the server's journal, cosigned if it has witnesses
}

// Logged returns the newest head of the agreement's journal that the server's own journal holds.
func (v *View) Logged() (Logged, error) {
	heads, err := v.Store.RecordedHeads()
	if err != nil {
		return Logged{}, err
	}
	head, ok := heads[v.col.ID()]
	if !ok {
		return Logged{}, notFound("the server's journal has no head of %s yet", v.Agreement())
	}
	_, raw, err := v.Store.ServerEntry(head.Position)
	if err != nil {
		return Logged{}, err
	}
	signed, size, err := v.cosignedHead(uint64(head.Position))
	if err != nil {
		return Logged{}, err
	}
	server := &ServerView{Source: v.Source}
	proof, err := server.prove(head.Position, size)
	return Logged{head.Position, raw, proof, string(signed)}, err
}

// cosignedHead returns the newest head of the server's journal that witnesses have cosigned, if it covers an entry, else that of
// now.
func (s Source) cosignedHead(covers uint64) (signed []byte, size uint64, err error) {
	if s.Cosigned != nil {
		if signed := s.Cosigned(); signed != nil {
			if c, err := journal.ReadCheckpoint(signed); err == nil && c.Size >= covers {
				return signed, c.Size, nil
			}
		}
	}
	signed, err = (&ServerView{Source: s}).Checkpoint()
	if err != nil {
		return nil, 0, err
	}
	c, err := journal.ReadCheckpoint(signed)
	return signed, c.Size, err
}

func hasEntries(size func() (uint64, error), wanted uint64) error {
	now, err := size()
	if err == nil && wanted > now {
		err = badQuery("the journal has %d entries, fewer than %d", now, wanted)
	}
	return err
}
