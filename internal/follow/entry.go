package follow

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// entry is one entry of a source's journal with the object it added, parsed. Entries are shared and must not be changed.
type entry struct {
	position journal.Position
	recorded journal.Entry
	object   stix.Object // of an Added entry
	present  bool        // the object's text is still stored
	at       string      // Added: the version's instant as a key that sorts like versions
	key      string      // Added: see versionKey

	// Derived from the object alone, the same for every target.
	facts      *store.Facts
	needs      []stix.ID // see needs
	references []stix.ID // see references

	judged entryJudgements
}

// id returns the object that the entry is about.
func (e *entry) id() stix.ID { return stix.ID(e.recorded.Object) }

// readEntry reads one entry and the object it added. The result owns its memory.
func readEntry(l *store.Snapshot, p journal.Position) (*entry, error) {
	rec, err := l.Entry(p)
	if err != nil {
		return nil, err
	}
	e := &entry{position: p, recorded: rec}
	if rec.Kind != journal.Added {
		return e, nil
	}
	text, err := l.Text(p, rec)
	if err != nil {
		return nil, err
	}
	e.at, e.key = instantKey(rec), versionKey(rec)
	if text == nil {
		return e, nil
	}
	tree := new(ijson.Tree)
	if err := tree.Parse(bytes.Clone(text), ijson.Limits{Depth: 1 << 20}); err != nil {
		return nil, fmt.Errorf("read the object added at %d: %w", p, err)
	}
	e.object, e.present = stix.FromTree(tree), true
	if facts, err := store.FactsOf(e.object); err == nil { // otherwise adding it reports the error
		e.facts = &facts
	}
	e.needs, e.references = needs(e.object), references(e.object)
	return e, nil
}

// instantKey orders an added version among those of its object: by version, or by when it was added.
func instantKey(rec journal.Entry) string {
	if rec.Version != "" {
		if in, err := stix.ParseInstant(rec.Version); err == nil {
			return string(in.AppendKey(nil))
		}
	}
	return string(stix.InstantOf(rec.At).AppendKey(nil))
}

// chunk is a run of entries of a source.
type chunk struct {
	from    journal.Position
	entries []*entry
	bytes   int
	whole   bool // it ends because it is full, not because the journal ends
}

// tail is a chunk from some position on.
type tail struct {
	*chunk
	rest []*entry
}

func (c *chunk) after(from journal.Position) tail { return tail{c, c.entries[from-c.from:]} }

// chunkCache keeps the chunks read last, so that forty targets that read one source parse it once. Chunks that overlap share entries:
// targets that are apart, or that follow a journal while it grows, share what they have in common.
type chunkCache struct {
	mu   sync.Mutex
	kept []keptChunk
}

type keptChunk struct {
	source *store.Collection
	ready  chan struct{} // closed when chunk and err are set
	chunk  *chunk
	err    error
	from   journal.Position
	length journal.Position // of the journal when it was read
}

// The cache is bounded by the bytes of the texts in it, as if none were shared, and keeps one chunk at least.
const (
	mostChunks     = 48
	mostChunkBytes = 12 << 20
)

// read returns the entries of a source from a position on: as many as fit in a batch of that many entries and bytes, or
// what the cache has.
func (c *chunkCache) read(source *store.Collection, from journal.Position, entries, size int) (tail, error) {
	stats, err := source.Stats()
	if err != nil {
		return tail{}, err
	}
	length := journal.Position(stats.Entries)
	kept := c.of(source)
	for _, k := range kept {
		if k.chunk == nil && k.from == from { // another target is reading it
			<-k.ready
			k = c.find(k.ready)
		}
		if k.has(from, length) {
			return k.chunk.after(from), nil
		}
	}
	ready := make(chan struct{})
	c.mu.Lock()
	c.makeRoom()
	c.kept = append(c.kept, keptChunk{source: source, ready: ready, from: from, length: length})
	c.mu.Unlock()
	got, err := readChunkWith(source, from, entries, size, func(p journal.Position) *entry { return entryIn(kept, p) })
	c.mu.Lock()
	for i := range c.kept {
		if c.kept[i].ready == ready {
			c.kept[i].chunk, c.kept[i].err = got, err
		}
	}
	c.mu.Unlock()
	close(ready)
	if err != nil {
		return tail{}, err
	}
	return got.after(from), nil
}

// makeRoom drops the oldest chunks until there is room for another; mu is held.
func (c *chunkCache) makeRoom() {
	bytes := 0
	for i := range c.kept {
		if k := &c.kept[i]; k.chunk != nil {
			bytes += k.chunk.bytes
		}
	}
	drop := 0
	for drop < len(c.kept) && (len(c.kept)-drop >= mostChunks || bytes > mostChunkBytes) {
		if k := &c.kept[drop]; k.chunk != nil {
			bytes -= k.chunk.bytes
		}
		drop++
	}
	c.kept = append(c.kept[:0], c.kept[drop:]...)
}

// entryIn returns an entry that some chunk has; nil if none does.
func entryIn(kept []keptChunk, p journal.Position) *entry {
	for i := len(kept) - 1; i >= 0; i-- {
		if k := &kept[i]; k.chunk != nil && p >= k.chunk.from && p < k.chunk.from+journal.Position(len(k.chunk.entries)) {
			return k.chunk.entries[p-k.chunk.from]
		}
	}
	return nil
}

// has reports whether a chunk answers a read from a position on in a journal of a length: a full chunk with some entries
// left, or one that reaches the journal's end.
func (k *keptChunk) has(from, length journal.Position) bool {
	if k.err != nil || k.chunk == nil || from < k.from || k.length > length {
		return false
	}
	end := k.from + journal.Position(len(k.chunk.entries))
	return k.chunk.whole && from < end || !k.chunk.whole && from <= end && k.length == length
}

// of lists the chunks kept of a source.
func (c *chunkCache) of(source *store.Collection) (list []keptChunk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kept {
		if k.source == source {
			list = append(list, k)
		}
	}
	return list
}

func (c *chunkCache) find(ready chan struct{}) keptChunk {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kept {
		if k.ready == ready {
			return k
		}
	}
	return keptChunk{}
}

// forget empties the cache: deleted objects must not stay in memory.
func (c *chunkCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = nil
}

func readChunk(source *store.Collection, from journal.Position, entries, size int) (*chunk, error) {
	return readChunkWith(source, from, entries, size, func(journal.Position) *entry { return nil })
}

// readChunkWith is like readChunk where some entries have been read before.
func readChunkWith(source *store.Collection, from journal.Position, entries, size int, known func(journal.Position) *entry) (*chunk, error) {
	c := &chunk{from: from}
	err := source.Snapshot(func(l *store.Snapshot) error {
		length, err := l.Length()
		if err != nil {
			return err
		}
		for p := from; p <= length; p++ {
			if len(c.entries) >= entries || c.bytes >= size {
				c.whole = true
				return nil
			}
			e := known(p)
			if e != nil && e.present { // it may have been deleted since
				text, err := l.Text(p, e.recorded)
				if err != nil {
					return err
				}
				if text == nil {
					e = nil
				}
			}
			if e == nil {
				if e, err = readEntry(l, p); err != nil {
					return err
				}
			}
			if e.present {
				c.bytes += len(e.object.Raw())
			}
			c.entries = append(c.entries, e)
		}
		return nil
	})
	return c, err
}
