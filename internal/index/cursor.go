package index

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/accord-taxii/accord/store/journal"
)

// A cursor's bytes: form, date_added in microseconds, collection, position, the first bytes of the query's digest, and a
// checksum of all before it.
const (
	cursorForm   = 1
	cursorLength = 1 + 8 + 16 + 8 + 8 + 4
)

// digest stands for everything in a query that decides which results there are.
func (q Query) digest() [8]byte {
	q.Limit, q.Next, q.Facets = 0, "", false
	text, _ := json.Marshal(q) // it holds nothing that cannot be written
	sum := sha256.Sum256(text)
	return [8]byte(sum[:8])
}

func (c cursor) encode(q Query) string {
	b := make([]byte, 0, cursorLength)
	b = append(b, cursorForm)
	b = binary.BigEndian.AppendUint64(b, uint64(c.added.UnixMicro()))
	b = append(b, c.collection[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.position))
	d := q.digest()
	b = append(b, d[:]...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads a query's next; nil when it has none.
func parseCursor(text string, q Query) (*cursor, error) {
	if text == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != cursorLength || b[0] != cursorForm ||
		binary.BigEndian.Uint32(b[cursorLength-4:]) != crc32.ChecksumIEEE(b[:cursorLength-4]) {
		return nil, fmt.Errorf("%w: next is not a value that an answer gave", ErrQuery)
	}
	if [8]byte(b[33:41]) != q.digest() {
		return nil, fmt.Errorf("%w: next belongs to a search for something else", ErrQuery)
	}
	c := &cursor{added: time.UnixMicro(int64(binary.BigEndian.Uint64(b[1:]))).UTC(), position: journal.Position(binary.BigEndian.Uint64(b[25:]))}
	copy(c.collection[:], b[9:25])
	return c, nil
}
