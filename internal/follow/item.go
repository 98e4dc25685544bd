package follow

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// item is one entry of a source's journal with the object that it added, parsed. Items are shared: nobody changes them.
type item struct {
	position journal.Position
	entry    journal.Entry
	object   stix.Object // of an Added entry
	present  bool        // the object's text is still there
	at       string      // of an Added entry: the version's instant as a key, whose order is that of versions
	key      string      // of an Added entry: see versionKey

	// What follows from the object alone, the same for every target.
	facts      *store.Facts
	needs      []stix.ID // see needs
	references []stix.ID // see references
}

// id is the object that an entry is about.
func (it *item) id() stix.ID { return stix.ID(it.entry.Object) }

// readItem reads one entry and what it added. The item owns its memory.
func readItem(l *store.Look, p journal.Position) (*item, error) {
	e, err := l.Entry(p)
	if err != nil {
		return nil, err
	}
	it := &item{position: p, entry: e}
	if e.Kind != journal.Added {
		return it, nil
	}
	text, err := l.Text(p, e)
	if err != nil {
		return nil, err
	}
	it.at, it.key = instantKey(e), versionKey(e)
	if text == nil {
		return it, nil
	}
	tree := new(ijson.Tree)
	if err := tree.Parse(bytes.Clone(text), ijson.Limits{Depth: 1 << 20}); err != nil {
		return nil, fmt.Errorf("read the object added at %d: %w", p, err)
	}
	it.object, it.present = stix.FromTree(tree), true
	if facts, err := store.FactsOf(it.object); err == nil { // else the store says so when it is asked to add it
		it.facts = &facts
	}
	it.needs, it.references = needs(it.object), references(it.object)
	return it, nil
}

// instantKey is the place of an added version among its object's: by its version, else by when it was added.
func instantKey(e journal.Entry) string {
	if e.Version != "" {
		if in, err := stix.ParseInstant(e.Version); err == nil {
			return string(in.AppendKey(nil))
		}
	}
	return string(stix.InstantOf(e.At).AppendKey(nil))
}

// chunk is a run of entries of a source.
type chunk struct {
	from  journal.Position
	items []*item
	bytes int
	whole bool // it ended because it was full, not because the journal did

	mu     sync.Mutex
	passed map[string]passed // guarded by mu; see passedUnder
}

// chunks remembers the newest runs that were read, so that forty targets that read one source parse it once.
type chunks struct {
	mu   sync.Mutex
	kept []keptChunk
}

type keptChunk struct {
	source uuid.UUID
	ready  chan struct{} // closed when chunk and err are set
	chunk  *chunk
	err    error
	from   journal.Position
	length journal.Position // of the journal when it was read
}

// mostChunks bounds how many are kept, and so the memory: a chunk holds a few megabytes.
const mostChunks = 6

// read returns the entries of a source from a position on, as many as fit in a batch.
func (c *chunks) read(source *store.Collection, from journal.Position, entries, size int) (*chunk, error) {
	var length journal.Position
	stats, err := source.Stats()
	if err != nil {
		return nil, err
	}
	length = journal.Position(stats.Entries)
	c.mu.Lock()
	for i := range c.kept {
		k := c.kept[i]
		if k.source == source.ID() && k.from == from && k.length <= length {
			c.mu.Unlock()
			<-k.ready
			k = c.find(k.ready)
			if k.err == nil && k.chunk != nil && (k.chunk.whole || k.length == length) {
				return k.chunk, nil
			}
			c.mu.Lock()
			break
		}
	}
	ready := make(chan struct{})
	if len(c.kept) == mostChunks {
		c.kept = append(c.kept[:0], c.kept[1:]...)
	}
	c.kept = append(c.kept, keptChunk{source: source.ID(), ready: ready, from: from, length: length})
	c.mu.Unlock()
	got, err := readChunk(source, from, entries, size)
	c.mu.Lock()
	for i := range c.kept {
		if c.kept[i].ready == ready {
			c.kept[i].chunk, c.kept[i].err = got, err
		}
	}
	c.mu.Unlock()
	close(ready)
	return got, err
}

func (c *chunks) find(ready chan struct{}) keptChunk {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kept {
		if k.ready == ready {
			return k
		}
	}
	return keptChunk{}
}

// forget drops what is kept: deleted objects do not stay in memory.
func (c *chunks) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = nil
}

func readChunk(source *store.Collection, from journal.Position, entries, size int) (*chunk, error) {
	c := &chunk{from: from}
	err := source.Look(func(l *store.Look) error {
		length, err := l.Length()
		if err != nil {
			return err
		}
		for p := from; p <= length; p++ {
			if len(c.items) >= entries || c.bytes >= size {
				c.whole = true
				return nil
			}
			it, err := readItem(l, p)
			if err != nil {
				return err
			}
			if it.present {
				c.bytes += len(it.object.Raw())
			}
			c.items = append(c.items, it)
		}
		return nil
	})
	return c, err
}
