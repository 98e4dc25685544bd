package journal

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is the tree over the first entries of a journal, kept in memory: the hashes that tlog stores, some 64 bytes for each
// entry. The zero Tree is empty. It is not safe for concurrent use.
type Tree struct {
	size   int64
	hashes []tlog.Hash
}

// TreeOf returns the tree over entries, by their canonical bytes.
func TreeOf(entries [][]byte) *Tree {
	t := new(Tree)
	for _, entry := range entries {
		t.Add(LeafHash(entry))
	}
	return t
}

// Add appends the leaf of an entry, see [LeafHash].
func (t *Tree) Add(leaf tlog.Hash) {
	hashes, err := tlog.StoredHashesForRecordHash(t.size, leaf, t)
	if err != nil {
		panic(err) // it has every hash of the leaves before
	}
	t.hashes = append(t.hashes, hashes...)
	t.size++
}

// Size returns the number of entries.
func (t *Tree) Size() uint64 { return uint64(t.size) }

// Root returns the root hash of the tree over the first size entries.
func (t *Tree) Root(size uint64) (tlog.Hash, error) {
	if size > t.Size() {
		return tlog.Hash{}, &RangeError{fmt.Sprintf("the tree has %d entries, not %d", t.size, size)}
	}
	return tlog.TreeHash(int64(size), t)
}

// ReadHashes implements tlog.HashReader.
func (t *Tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		if n < 0 || n >= int64(len(t.hashes)) {
			return nil, &RangeError{fmt.Sprintf("the tree has no hash %d", n)}
		}
		list[i] = t.hashes[n]
	}
	return list, nil
}
