package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"strconv"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
)

// sameContent reports whether two texts are of the same object: the same JSON value, whatever its spelling.
func sameContent(a, b []byte) bool { return bytes.Equal(a, b) || ijson.Equal(a, b) }

// contentHash is the same for texts of the same content, so that among the versions of an object without `modified`
// and `created` the one with that content is found without reading them all. It is short: texts with one hash are
// compared.
func contentHash(t *ijson.Tree) uint64 {
	h := sha256.New()
	hashValue(h, t, t.Root())
	return binary.BigEndian.Uint64(h.Sum(nil))
}

func hashValue(h hash.Hash, t *ijson.Tree, i int) {
	n := &t.Nodes[i]
	hashBytes(h, byte(n.Kind), nil)
	switch n.Kind {
	case ijson.String:
		hashBytes(h, 's', t.Bytes(i))
	case ijson.Number:
		hashBytes(h, 'n', []byte(plainNumber(string(t.Raw(i)))))
	case ijson.Array:
		for item := range t.Items(i) {
			hashValue(h, t, item)
		}
		hashBytes(h, ']', nil)
	case ijson.Object:
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

// plainNumber spells a JSON number in one way: its digits without zeros at either end, "e", and the power of ten. An
// exponent beyond reckoning leaves it as it is.
func plainNumber(spelled string) string {
	s, negative := strings.CutPrefix(spelled, "-")
	var exponent int64
	if e := strings.IndexAny(s, "eE"); e >= 0 {
		n, err := strconv.ParseInt(s[e+1:], 10, 62)
		if err != nil {
			return spelled
		}
		s, exponent = s[:e], n
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	exponent += int64(len(digits) - len(short) - len(fraction))
	if negative {
		short = "-" + short
	}
	return short + "e" + strconv.FormatInt(exponent, 10)
}
