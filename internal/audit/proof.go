package audit

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/store/journal"
)

// Proof proves that an entry is in a tree, or that a tree begins with an earlier one.
type Proof struct {
	Entry  journal.Position `json:"entry,omitempty"`
	Size   uint64           `json:"size,omitempty"`
	From   uint64           `json:"from,omitempty"`
	To     uint64           `json:"to,omitempty"`
	Hashes []tlog.Hash      `json:"hashes"`
}

// Checkpoint returns the signed head of the journal.
func (v *View) Checkpoint() ([]byte, error) {
	k, err := v.Store.Keys("")
	if err != nil {
		return nil, err
	}
	return k.Checkpoint(v.col)
}

// Size returns how many entries the journal has.
func (v *View) Size() (uint64, error) {
	size, _, err := v.col.Head()
	return size, err
}

// ProveConsistency proves that the journal's first to entries begin with the first from.
func (v *View) ProveConsistency(from, to uint64) (Proof, error) {
	if err := hasEntries(v.Size, to); err != nil {
		return Proof{}, err
	}
	hashes, err := journal.ProveConsistency(from, to, v.col.Hashes())
	return Proof{From: from, To: to, Hashes: proofHashes(hashes)}, rangeRefused(err)
}

// ProveEntry proves that the entry at a position is among the journal's first size.
func (v *View) ProveEntry(p journal.Position, size uint64) (Proof, error) {
	if err := hasEntries(v.Size, size); err != nil {
		return Proof{}, err
	}
	if p == 0 || uint64(p) > size {
		return Proof{}, badQuery("the position %d is not among the first %d entries; positions begin at 1", p, size)
	}
	if _, _, err := v.entry(p); err != nil {
		return Proof{}, err
	}
	hashes, err := journal.ProveEntry(p, size, v.col.Hashes())
	return Proof{Entry: p, Size: size, Hashes: proofHashes(hashes)}, rangeRefused(err)
}

// proofHashes makes a list that is never null in JSON.
func proofHashes(h []tlog.Hash) []tlog.Hash {
	if h == nil {
		return []tlog.Hash{}
	}
	return h
}
