package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/store/journal"
)

// The hashes of a tree are stored from the nodes over 8 entries upwards; those below are made from the entries when they
// are asked for, which is cheap and takes an eighth of the room. The stored nodes are a tree of their own, whose leaves
// are groups of 8 entries: tlog numbers them, and they lie in that order, hashesPerChunk in one value.
const (
	groupLevel     = 3
	groupEntries   = 1 << groupLevel
	hashesPerChunk = 62
)

// treeHashes reads the hashes of the tree over a journal.
type treeHashes struct{ chunks, journal *bolt.Bucket }

// ReadHashes implements tlog.HashReader.
func (r treeHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		var err error
		if level >= groupLevel {
			hashes[i], err = r.stored(tlog.StoredHashIndex(level-groupLevel, n))
		} else {
			hashes[i], err = r.computed(level, n)
		}
		if err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// stored reads a hash of the tree of groups.
func (r treeHashes) stored(index int64) (h tlog.Hash, err error) {
	chunk := r.chunks.Get(binary.BigEndian.AppendUint64(nil, uint64(index)/hashesPerChunk))
	offset := int(index%hashesPerChunk) * tlog.HashSize
	if offset+tlog.HashSize > len(chunk) {
		return h, fmt.Errorf("tree hash %d is missing", index)
	}
	copy(h[:], chunk[offset:])
	return h, nil
}

// computed hashes the entries below a node.
func (r treeHashes) computed(level int, n int64) (tlog.Hash, error) {
	leaves := make([]tlog.Hash, 1<<level)
	for i := range leaves {
		p := journal.Position(n<<level + int64(i) + 1)
		b := r.journal.Get(positionKey(p))
		if b == nil {
			return tlog.Hash{}, fmt.Errorf("entry %d is missing", p)
		}
		leaves[i] = journal.LeafHash(b)
	}
	return nodeOver(leaves), nil
}

// nodeOver is the hash of the node over a power of two of leaves.
func nodeOver(leaves []tlog.Hash) tlog.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	half := len(leaves) / 2
	return tlog.NodeHash(nodeOver(leaves[:half]), nodeOver(leaves[half:]))
}

// treeAppender appends entries to the tree in one transaction.
type treeAppender struct {
	stored  treeHashes
	size    int64       // entries in the tree
	open    []tlog.Hash // leaves of the last group, which is not full
	base    int64       // index, in the tree of groups, of the first hash in fresh: the start of a chunk
	unsaved []byte      // hashes of the last chunk and of those to come
	chunks  bool        // something is to be kept
}

func newTreeAppender(chunks, entries *bolt.Bucket, size uint64) (*treeAppender, error) {
	groups := int64(size) / groupEntries
	count := tlog.StoredHashCount(groups)
	g := &treeAppender{stored: treeHashes{chunks, entries}, size: int64(size), base: count / hashesPerChunk * hashesPerChunk}
	if count > g.base {
		chunk := chunks.Get(binary.BigEndian.AppendUint64(nil, uint64(g.base)/hashesPerChunk))
		if want := int(count-g.base) * tlog.HashSize; len(chunk) != want {
			return nil, fmt.Errorf("the last tree hashes have %d bytes, expected %d", len(chunk), want)
		}
		g.unsaved = append(g.unsaved, chunk...)
	}
	for n := groups * groupEntries; n < g.size; n++ {
		h, err := g.stored.computed(0, n)
		if err != nil {
			return nil, err
		}
		g.open = append(g.open, h)
	}
	return g, nil
}

// groupHashes reads the tree of groups, stored and unsaved; it implements tlog.HashReader.
type groupHashes struct{ *treeAppender }

func (g groupHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < g.base {
			var err error
			if hashes[i], err = g.stored.stored(index); err != nil {
				return nil, err
			}
			continue
		}
		offset := int(index-g.base) * tlog.HashSize
		if offset+tlog.HashSize > len(g.unsaved) {
			return nil, fmt.Errorf("tree hash %d is missing", index)
		}
		copy(hashes[i][:], g.unsaved[offset:])
	}
	return hashes, nil
}

// add appends an entry's canonical bytes to the tree.
func (g *treeAppender) add(entry []byte) error {
	g.open = append(g.open, journal.LeafHash(entry))
	g.size++
	if len(g.open) < groupEntries {
		return nil
	}
	hashes, err := tlog.StoredHashesForRecordHash(g.size/groupEntries-1, nodeOver(g.open), groupHashes{g})
	if err != nil {
		return fmt.Errorf("hash entry %d: %w", g.size, err)
	}
	for _, h := range hashes {
		g.unsaved = append(g.unsaved, h[:]...)
	}
	g.open, g.chunks = g.open[:0], true
	return nil
}

// put writes the unsaved hashes.
func (g *treeAppender) put() error {
	if !g.chunks {
		return nil
	}
	const size = hashesPerChunk * tlog.HashSize
	for chunk, rest := uint64(g.base)/hashesPerChunk, g.unsaved; len(rest) > 0; chunk++ {
		n := min(size, len(rest))
		if err := g.stored.chunks.Put(binary.BigEndian.AppendUint64(nil, chunk), rest[:n:n]); err != nil {
			return fmt.Errorf("keep tree hashes: %w", err)
		}
		rest = rest[n:]
	}
	return nil
}

// root returns the tree's root, once its hashes and entries are written. It is stored too, so that a check covers
// the entries behind the last full group.
func (g *treeAppender) root() (tlog.Hash, error) { return tlog.TreeHash(g.size, g.stored) }

// readRoot computes the root of a tree of size entries.
func readRoot(tx *bolt.Tx, size uint64) (tlog.Hash, error) {
	return tlog.TreeHash(int64(size), treeHashes{tx.Bucket(bucketHashes), tx.Bucket(bucketJournal)})
}
