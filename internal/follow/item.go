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

// run is what a chunk has from some position on.
type run struct {
	*chunk
	rest []*item
}

func (c *chunk) after(from journal.Position) run { return run{c, c.items[from-c.from:]} }

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

// read returns the entries of a source from a position on, as many as fit in a batch of so many entries and bytes, or as
// others have read before.
func (c *chunks) read(source *store.Collection, from journal.Position, entries, size int) (run, error) {
	stats, err := source.Stats()
	if err != nil {
		return run{}, err
	}
	length := journal.Position(stats.Entries)
	for _, k := range c.of(source.ID()) {
		if k.chunk == nil && k.from == from { // somebody is reading it
			<-k.ready
			k = c.find(k.ready)
		}
		if k.has(from, length) {
			return k.chunk.after(from), nil
		}
	}
	ready := make(chan struct{})
	c.mu.Lock()
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
	if err != nil {
		return run{}, err
	}
	return got.after(from), nil
}

// has says whether a chunk that has been read has what follows from a position on, in a journal of a length: something
// of a whole chunk, or what there is to the journal's end.
func (k *keptChunk) has(from, length journal.Position) bool {
	if k.err != nil || k.chunk == nil || from < k.from || k.length > length {
		return false
	}
	end := k.from + journal.Position(len(k.chunk.items))
	return k.chunk.whole && from < end || !k.chunk.whole && from <= end && k.length == length
}

// of lists what is kept of a source.
func (c *chunks) of(source uuid.UUID) (list []keptChunk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kept {
		if k.source == source {
			list = append(list, k)
		}
	}
	return list
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
