package store

import (
	"encoding/binary"
	"errors"

	bolt "go.etcd.io/bbolt"
)

// stats are counted as the data changes, so that neither a start nor a page has to count.
type stats struct {
	objects, versions, bytes, entries uint64
	lastAt                            uint64 // time of the newest entry: the next one is later
	lastAdded                         uint64 // newest date_added ever given
	classes                           [classes]uint64
}

func (f *stats) append(dst []byte) []byte {
	for _, n := range [...]uint64{f.objects, f.versions, f.bytes, f.entries, f.lastAt, f.lastAdded} {
		dst = binary.AppendUvarint(dst, n)
	}
	for c, n := range f.classes {
		if n > 0 {
			dst = append(dst, byte(c))
			dst = binary.AppendUvarint(dst, n)
		}
	}
	return dst
}

var errStats = errors.New("the stats are damaged")

func parseStats(b []byte) (stats, error) {
	var f stats
	for _, p := range [...]*uint64{&f.objects, &f.versions, &f.bytes, &f.entries, &f.lastAt, &f.lastAdded} {
		n, used := binary.Uvarint(b)
		if used <= 0 {
			return stats{}, errStats
		}
		*p, b = n, b[used:]
	}
	for len(b) > 0 {
		n, used := binary.Uvarint(b[1:])
		if used <= 0 || int(b[0]) >= classes {
			return stats{}, errStats
		}
		f.classes[b[0]], b = n, b[1+used:]
	}
	return f, nil
}

func readStats(tx *bolt.Tx) (stats, error) {
	return parseStats(tx.Bucket(bucketMeta).Get(keyStats))
}

// everyVersion reports whether a query's keywords select every version there is.
func (f *stats) everyVersion(w wanted) bool {
	for c, n := range f.classes {
		if n > 0 && !w.selects(class(c)) {
			return false
		}
	}
	return w.keywords
}
