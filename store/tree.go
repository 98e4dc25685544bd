package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/store/journal"
)

// hashesPerChunk is how many of the tree's stored hashes (tlog.StoredHashes) lie in one value, so that the cost of a key
// is shared. Eight such values fill a page of 16 KiB.
const hashesPerChunk = 62

// treeHashes reads the stored hashes of a tree.
type treeHashes struct{ chunks *bolt.Bucket }

// ReadHashes implements tlog.HashReader.
func (r treeHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		chunk := r.chunks.Get(binary.BigEndian.AppendUint64(nil, uint64(index)/hashesPerChunk))
		offset := int(index%hashesPerChunk) * tlog.HashSize
		if index < 0 || offset+tlog.HashSize > len(chunk) {
			return nil, fmt.Errorf("tree hash %d is missing", index)
		}
		copy(hashes[i][:], chunk[offset:])
	}
	return hashes, nil
}

// treeGrowth appends entries' hashes to the tree in one transaction.
type treeGrowth struct {
	kept  treeHashes
	size  int64  // entries in the tree
	base  int64  // index of the first hash in fresh: the start of a chunk
	fresh []byte // hashes of the last chunk and of those to come
}

func growTree(chunks *bolt.Bucket, size uint64) (*treeGrowth, error) {
	count := tlog.StoredHashCount(int64(size))
	g := &treeGrowth{kept: treeHashes{chunks}, size: int64(size), base: count / hashesPerChunk * hashesPerChunk}
	if count > g.base {
		chunk := chunks.Get(binary.BigEndian.AppendUint64(nil, uint64(g.base)/hashesPerChunk))
		if want := int(count-g.base) * tlog.HashSize; len(chunk) != want {
			return nil, fmt.Errorf("the last tree hashes have %d bytes, expected %d", len(chunk), want)
		}
		g.fresh = append(g.fresh, chunk...)
	}
	return g, nil
}

// ReadHashes implements tlog.HashReader over what is kept and what is fresh.
func (g *treeGrowth) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= g.base {
			offset := int(index-g.base) * tlog.HashSize
			if offset+tlog.HashSize > len(g.fresh) {
				return nil, fmt.Errorf("tree hash %d is missing", index)
			}
			copy(hashes[i][:], g.fresh[offset:])
			continue
		}
		kept, err := g.kept.ReadHashes(indexes[i : i+1])
		if err != nil {
			return nil, err
		}
		hashes[i] = kept[0]
	}
	return hashes, nil
}

// add appends the hashes of one entry's canonical bytes.
func (g *treeGrowth) add(entry []byte) error {
	hashes, err := tlog.StoredHashesForRecordHash(g.size, journal.LeafHash(entry), g)
	if err != nil {
		return fmt.Errorf("hash entry %d: %w", g.size+1, err)
	}
	for _, h := range hashes {
		g.fresh = append(g.fresh, h[:]...)
	}
	g.size++
	return nil
}

// keep writes the fresh hashes.
func (g *treeGrowth) keep() error {
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
