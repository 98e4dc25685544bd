package journal

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// RangeError says that a position or a size does not fit the journal.
type RangeError struct{ Problem string }

func (e *RangeError) Error() string { return e.Problem }

// ProveEntry makes the proof that the entry at p is in the tree of the first size entries (RFC 6962, section 2.1.1). hashes
// reads the tree's stored hashes. Its length is logarithmic in size.
func ProveEntry(p Position, size uint64, hashes tlog.HashReader) ([]tlog.Hash, error) {
	if p == 0 || uint64(p) > size {
		return nil, &RangeError{fmt.Sprintf("the position %d is not among the first %d entries; positions begin at 1", p, size)}
	}
	proof, err := tlog.ProveRecord(int64(size), int64(p)-1, hashes)
	if err != nil {
		return nil, fmt.Errorf("prove entry %d in %d: %w", p, size, err)
	}
	return proof, nil
}

// ProveConsistency makes the proof that the tree of the first from entries is the beginning of that of the first to (RFC
// 6962, section 2.1.2).
func ProveConsistency(from, to uint64, hashes tlog.HashReader) ([]tlog.Hash, error) {
	if from == 0 || from > to {
		return nil, &RangeError{fmt.Sprintf("the sizes %d and %d do not fit: the first is at least 1 and at most the second", from, to)}
	}
	proof, err := tlog.ProveTree(int64(to), int64(from), hashes)
	if err != nil {
		return nil, fmt.Errorf("prove %d entries in %d: %w", from, to, err)
	}
	return proof, nil
}

// ProofError says that a proof does not prove what it should.
type ProofError struct{ Problem string }

func (e *ProofError) Error() string { return "proof: " + e.Problem }

// CheckEntry checks the proof that an entry, by its canonical bytes, is at p in the tree of a checkpoint. The error is a
// *ProofError.
func CheckEntry(entry []byte, p Position, proof []tlog.Hash, in Checkpoint) error {
	if p == 0 || uint64(p) > in.Size {
		return &ProofError{fmt.Sprintf("the position %d is not among the %d entries of the checkpoint", p, in.Size)}
	}
	if tlog.CheckRecord(proof, int64(in.Size), in.Root, int64(p)-1, LeafHash(entry)) != nil {
		return &ProofError{fmt.Sprintf("the entry at %d does not lead to the root hash of the checkpoint of %d entries", p, in.Size)}
	}
	return nil
}

// CheckConsistency checks the proof that a later checkpoint only appended to an earlier one. The error is a *ProofError.
func CheckConsistency(earlier, later Checkpoint, proof []tlog.Hash) error {
	switch {
	case earlier.Size > later.Size:
		return &ProofError{fmt.Sprintf("the journal has %d entries now, but had %d: entries were dropped", later.Size, earlier.Size)}
	case earlier.Size == later.Size && earlier.Root != later.Root:
		return &ProofError{fmt.Sprintf("two checkpoints of %d entries have different root hashes: entries were rewritten", later.Size)}
	case earlier.Size == later.Size:
		return nil
	case earlier.Size == 0 || tlog.CheckTree(proof, int64(later.Size), later.Root, int64(earlier.Size), earlier.Root) != nil:
		return &ProofError{fmt.Sprintf("the journal of %d entries does not begin with the %d entries of the earlier checkpoint: entries were changed, dropped or put in another order", later.Size, earlier.Size)}
	}
	return nil
}
