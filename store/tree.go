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
			hashes[i], err = r.made(level, n)
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

// made hashes the entries below a node.
func (r treeHashes) made(level int, n int64) (tlog.Hash, error) {
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

// treeGrowth appends entries to the tree in one transaction.
type treeGrowth struct {
	kept   treeHashes
	size   int64       // entries in the tree
	open   []tlog.Hash // leaves of the last group, which is not full
	base   int64       // index, in the tree of groups, of the first hash in fresh: the start of a chunk
	fresh  []byte      // hashes of the last chunk and of those to come
	chunks bool        // something is to be kept
}

func growTree(chunks, entries *bolt.Bucket, size uint64) (*treeGrowth, error) {
	groups := int64(size) / groupEntries
	count := tlog.StoredHashCount(groups)
	g := &treeGrowth{kept: treeHashes{chunks, entries}, size: int64(size), base: count / hashesPerChunk * hashesPerChunk}
	if count > g.base {
		chunk := chunks.Get(binary.BigEndian.AppendUint64(nil, uint64(g.base)/hashesPerChunk))
		if want := int(count-g.base) * tlog.HashSize; len(chunk) != want {
			return nil, fmt.Errorf("the last tree hashes have %d bytes, expected %d", len(chunk), want)
		}
		g.fresh = append(g.fresh, chunk...)
	}
	for n := groups * groupEntries; n < g.size; n++ {
		h, err := g.kept.made(0, n)
		if err != nil {
			return nil, err
		}
		g.open = append(g.open, h)
	}
	return g, nil
}

// groupHashes reads the tree of groups, kept and fresh; it implements tlog.HashReader.
type groupHashes struct{ *treeGrowth }

func (g groupHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < g.base {
			var err error
			if hashes[i], err = g.kept.stored(index); err != nil {
				return nil, err
			}
			continue
		}
		offset := int(index-g.base) * tlog.HashSize
		if offset+tlog.HashSize > len(g.fresh) {
			return nil, fmt.Errorf("tree hash %d is missing", index)
		}
		copy(hashes[i][:], g.fresh[offset:])
	}
	return hashes, nil
}

// add appends an entry's canonical bytes to the tree.
func (g *treeGrowth) add(entry []byte) error {
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
		g.fresh = append(g.fresh, h[:]...)
	}
	g.open, g.chunks = g.open[:0], true
	return nil
}

// keep writes the fresh hashes.
func (g *treeGrowth) keep() error {
	if !g.chunks {
		return nil
	}
	const size = hashesPerChunk * tlog.HashSize
	for chunk, rest := uint64(g.base)/hashesPerChunk, g.fresh; len(rest) > 0; chunk++ {
		n := min(size, len(rest))
		if err := g.kept.chunks.Put(binary.BigEndian.AppendUint64(nil, chunk), rest[:n:n]); err != nil {
			return fmt.Errorf("keep tree hashes: %w", err)
		}
		rest = rest[n:]
	}
	return nil
}

// head is the tree's root, once its hashes are kept and its entries written. It is stored too, so that a check covers
// the entries behind the last full group.
func (g *treeGrowth) head() (tlog.Hash, error) { return tlog.TreeHash(g.size, g.kept) }

// readHead computes the root of a tree of size entries.
func readHead(tx *bolt.Tx, size uint64) (tlog.Hash, error) {
	return tlog.TreeHash(int64(size), treeHashes{tx.Bucket(bucketHashes), tx.Bucket(bucketJournal)})
}
