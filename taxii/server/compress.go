package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"

	"github.com/accord-taxii/accord/internal/lru"
	"github.com/accord-taxii/accord/store/journal"
)

const (
	// leastCompressed is the smallest body that is compressed: a smaller one fits into one packet anyway.
	leastCompressed = 1400

	// compressedBytes bounds the compressed pages that are kept. A typical page of 100 objects takes some 20 kB.
	compressedBytes = 32 << 20
)

var (
	gzipCoding = []string{"gzip"}
	varyCoding = []string{"Accept-Encoding"}
)

// takesGzip reports whether the Accept-Encoding header lines ask for gzip (RFC 9110, section 12.5.3). A header that names no
// coding gets the plain text, as that section allows.
func takesGzip(lines []string) bool {
	named, any := -1.0, -1.0 // the weights given to gzip and to *
	for _, line := range lines {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			coding, parameters, _ := strings.Cut(item, ";")
			weight := 1.0
			if q, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(parameters, " ", "")), "q="); ok {
				n, err := strconv.ParseFloat(q, 64)
				if err != nil {
					n = 0
				}
				weight = n
			}
			switch coding = strings.TrimSpace(coding); {
			case strings.EqualFold(coding, "gzip"), strings.EqualFold(coding, "x-gzip"):
				named = weight
			case coding == "*":
				any = weight
			}
		}
	}
	return named > 0 || named < 0 && any > 0
}

// compressors keeps the tables of compressors, some hundred kilobytes each, between requests.
var compressors = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one of the package's own
	}
	return w
}}

// compress compresses body at the fastest level, some 100 MB/s, and returns it in memory of its own.
func compress(body []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(body)/4 + 64)
	w := compressors.Get().(*gzip.Writer)
	w.Reset(&out)
	w.Write(body) // into memory, which does not fail
	w.Close()
	compressors.Put(w)
	return out.Bytes()
}

// pageID identifies the content of a page. Pages with the same id have the same bytes.
type pageID [sha256.Size]byte

// pageOf identifies a page of objects: a position names one version, whose text never changes, and tail is what follows
// the last of them. Hashing that is fifty times faster than hashing the page.
func pageOf(collection uuid.UUID, positions []journal.Position, tail []byte) pageID {
	b := make([]byte, 0, 1024)
	b = append(append(b, 'o'), collection[:]...)
	b = binary.AppendUvarint(b, uint64(len(positions)))
	for _, p := range positions {
		b = binary.BigEndian.AppendUint64(b, uint64(p))
	}
	return sha256.Sum256(append(b, tail...))
}

// compressedPages keeps compressed pages. It knows no rights: a caller has been permitted the same page uncompressed a
// moment ago, and no page holds what was deleted.
type compressedPages struct{ pages *lru.Cache[pageID, []byte] }

func newCompressedPages(most int) *compressedPages {
	return &compressedPages{lru.New[pageID, []byte](most, most/8)}
}

// get returns a page compressed: a kept one, or body.
func (p *compressedPages) get(id pageID, body []byte) []byte {
	if kept, ok := p.pages.Get(id); ok {
		return kept
	}
	compressed := bytes.Clone(compress(body)) // without the room it grew into
	return p.pages.Put(id, compressed, len(compressed))
}
