package audit_test

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// storedHashes are the stored hashes of the tree over entries.
func storedHashes(t *testing.T, raws [][]byte) tlog.HashReader {
	t.Helper()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		list := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			list[i] = stored[index]
		}
		return list, nil
	})
	for i, raw := range raws {
		more, err := tlog.StoredHashes(int64(i), raw, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
	}
	return reader
}

func treeHash(size int, hashes tlog.HashReader) (tlog.Hash, error) {
	return tlog.TreeHash(int64(size), hashes)
}
