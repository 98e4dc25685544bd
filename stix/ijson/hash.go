package ijson

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"strings"
)

// Hash returns a hash that is equal for texts of the same JSON value, as [Equal] defines it. The hash is short, so
// callers compare texts with equal hashes. Files hold these hashes, so they must not change.
func Hash(t *Tree) uint64 {
	h := sha256.New()
	hashValue(h, t, t.Root())
	return binary.BigEndian.Uint64(h.Sum(nil))
}

func hashValue(h hash.Hash, t *Tree, i int) {
	n := &t.Nodes[i]
	hashBytes(h, byte(n.Kind), nil)
	switch n.Kind {
	case String:
		hashBytes(h, 's', t.Bytes(i))
	case Number:
		d := NewDecimal(t.Raw(i))
		hashBytes(h, 'n', d.Append(nil))
	case Array:
		for item := range t.Items(i) {
			hashValue(h, t, item)
		}
		hashBytes(h, ']', nil)
	case Object:
		type member struct {
			name  string
			value int
		}
		members := make([]member, 0, n.Count)
		for name, value := range t.Members(i) {
			members = append(members, member{t.Str(name), value})
		}
		slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
		for _, m := range members {
			hashBytes(h, ':', []byte(m.name))
			hashValue(h, t, m.value)
		}
		hashBytes(h, '}', nil)
	}
}

func hashBytes(h hash.Hash, kind byte, b []byte) {
	var head [1 + binary.MaxVarintLen64]byte
	head[0] = kind
	h.Write(head[:1+binary.PutUvarint(head[1:], uint64(len(b)))])
	h.Write(b)
}
