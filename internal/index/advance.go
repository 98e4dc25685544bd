package index

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// advance reads the next entries of a journal into the index. The new state is in the same batch as its effects.
func (x *Index) advance(db *pebble.DB, col *store.Collection, r *reader) (more bool, err error) {
	s, err := x.load(db, col)
	if err != nil {
		return false, err
	}
	a := &advancing{index: x, db: db, batch: db.NewBatch(), col: col, reader: r, state: s, postings: make(map[string][]uint16), freed: make(map[string]*roaring.Bitmap), found: make(map[journal.Position]added)}
	defer func() { a.batch.Close() }()
	r.under(x.secret)
	a.live = s.live.Clone()
	n, err := a.read()
	if err != nil {
		return false, err
	}
	if n == 0 {
		x.setState(col.ID(), s)
		return false, nil
	}
	if err := a.objects(); err != nil {
		return false, err
	}
	if err := a.write(); err != nil {
		return false, err
	}
	x.moveFacets(s.number, s.cursor, a.state.cursor, a.postings)
	x.setState(col.ID(), a.state)
	return n == step, nil
}

// added is what an entry says of a version.
type added struct {
	tlp   stix.TLP
	party string
}

// advancing is one step of the index in one agreement.
type advancing struct {
	index *Index
	db    *pebble.DB
	batch *pebble.Batch
	col   *store.Collection
	state state

	reader *reader

	ids      []stix.ID // whose versions came or went
	found    map[journal.Position]added
	postings map[string][]uint16        // by the key of the bitmap
	freed    map[string]*roaring.Bitmap // what is left under an address that versions have lost
	live     *roaring.Bitmap
	chunks   map[uint32]bool // of live, that have changed
}

// read collects the objects that the next entries speak of.
func (a *advancing) read() (n int, err error) {
	seen := make(map[stix.ID]bool)
	var day uint32
	var last []byte
	err = a.col.Entries(journal.Position(a.state.cursor+1), step, func(p journal.Position, e journal.Entry, raw []byte) bool {
		n++
		a.state.cursor = uint64(p)
		last = append(last[:0], raw...)
		switch e.Kind {
		case journal.Terms, journal.Admin:
			return true
		case journal.Added:
			a.found[p] = added{stix.TLP(e.TLP), e.Party}
			if d := uint32(e.At.Unix() / 86400); d != day {
				day = d
				if err = a.mark(day, p); err != nil {
					return false
				}
			}
		}
		if id := stix.ID(e.Object); !seen[id] {
			seen[id] = true
			a.ids = append(a.ids, id)
		}
		return true
	})
	if n > 0 {
		a.state.digest = sha256.Sum256(last)
	}
	return n, err
}

// mark keeps the first position of a day.
func (a *advancing) mark(day uint32, p journal.Position) error {
	k := dayKey(a.state.number, day)
	if kept, err := get(a.db, k); kept != nil || err != nil {
		return err
	}
	return a.batch.Set(k, binary.BigEndian.AppendUint64(nil, uint64(p)), nil)
}

// most identifiers in one query of the store.
const mostIDs = 250

// objects brings the index to what the store holds of the objects now.
func (a *advancing) objects() error {
	a.chunks = make(map[uint32]bool)
	for ids := range slices.Chunk(a.ids, mostIDs) {
		records, _, err := a.col.Records(store.Query{IDs: ids, Versions: store.Versions{Last: true}, Limit: 4 * len(ids)})
		if err != nil {
			return err
		}
		last := make(map[stix.ID]journal.Position, len(records))
		for _, r := range records {
			last[r.ID] = max(last[r.ID], r.Position)
		}
		for _, id := range ids {
			if err := a.object(id, last[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// object puts the version at a position in the place of the one that was live; 0 is none.
func (a *advancing) object(id stix.ID, now journal.Position) error {
	if uint64(now) > 1<<32-1 {
		return fmt.Errorf("position %d is more than the search index holds", now)
	}
	k := objectKey(a.state.number, a.index.secret.hash(fieldValue, string(id)))
	kept, err := get(a.db, k)
	if err != nil {
		return err
	}
	var before uint32
	if len(kept) == 4 {
		before = binary.BigEndian.Uint32(kept)
	}
	if before == uint32(now) {
		return nil
	}
	if before != 0 {
		if err := a.retire(before); err != nil {
			return err
		}
	}
	if now == 0 {
		return a.batch.Delete(k, nil)
	}
	text, ok, err := a.col.ObjectAt(now)
	if err != nil {
		return err
	}
	if !ok { // removed since: the entry that says so is ahead
		return a.batch.Delete(k, nil)
	}
	if err := a.enter(now, text); err != nil {
		return err
	}
	return a.batch.Set(k, binary.BigEndian.AppendUint32(nil, uint32(now)), nil)
}

// retire takes a version out: it is not live, and its addresses go.
func (a *advancing) retire(p uint32) error {
	a.live.Remove(p)
	a.chunks[p>>chunkBits] = true
	own := ownKey(a.state.number, p)
	kept, err := get(a.db, own)
	if err != nil || kept == nil {
		return err
	}
	for len(kept) >= len(addressKey{}) {
		k := withChunk(addressTermKey(a.state.number, addressKey(kept[:17])), p>>chunkBits)
		kept = kept[17:]
		rest, read := a.freed[string(k)]
		if !read {
			of, err := get(a.db, k)
			if err != nil {
				return err
			}
			if of == nil {
				continue
			}
			rest = roaring.New()
			if err := orBitmap(rest, 0, of); err != nil {
				return err
			}
			a.freed[string(k)] = rest
		}
		rest.Remove(p & (1<<chunkBits - 1))
	}
	return a.batch.Delete(own, nil)
}

// enter adds a version's terms.
func (a *advancing) enter(p journal.Position, text []byte) error {
	if err := a.reader.tree.Parse(text, ijson.Limits{}); err != nil {
		return nil // what is stored was parsed when it came: there is nothing to find in what no longer can be
	}
	of, ok := a.found[p]
	if !ok {
		e, _, err := a.col.Entry(p)
		if err != nil {
			return err
		}
		of = added{stix.TLP(e.TLP), e.Party}
	}
	doc := a.reader.read(stix.FromTree(&a.reader.tree), of.tlp, of.party)
	n, chunk, low := a.state.number, uint32(p)>>chunkBits, uint16(p)
	for _, t := range doc.terms {
		k := string(withChunk(termKey(n, t), chunk))
		a.postings[k] = append(a.postings[k], low)
		if facets[t.field] {
			if err := a.batch.Set(facetKey(n, t), nil, nil); err != nil {
				return err
			}
		}
	}
	if len(doc.addresses) > 0 {
		own := make([]byte, 0, 17*len(doc.addresses))
		for _, address := range doc.addresses {
			own = append(own, address[:]...)
			a.state.spans[address[16]/64] |= 1 << (address[16] % 64)
			k := string(withChunk(addressTermKey(n, address), chunk))
			a.postings[k] = append(a.postings[k], low)
		}
		if err := a.batch.Set(ownKey(n, uint32(p)), own, nil); err != nil {
			return err
		}
	}
	a.live.Add(uint32(p))
	a.chunks[chunk] = true
	return nil
}

// write commits the step.
func (a *advancing) write() error {
	var value []byte
	var err error
	for k, rest := range a.freed { // before what is added under the same address
		if rest.IsEmpty() {
			err = a.batch.Delete([]byte(k), nil)
		} else if value, err = appendBitmap(value[:0], rest); err == nil {
			err = a.batch.Set([]byte(k), value, nil)
		}
		if err != nil {
			return err
		}
	}
	for k, lows := range a.postings {
		b := roaring.New()
		for _, low := range lows {
			b.Add(uint32(low))
		}
		if value, err = appendBitmap(value[:0], b); err != nil {
			return err
		}
		if err := a.batch.Merge([]byte(k), value, nil); err != nil {
			return err
		}
	}
	for chunk := range a.chunks {
		if value, err = appendBitmap(value[:0], chunkOf(a.live, chunk)); err != nil {
			return err
		}
		if err := a.batch.Set(liveKey(a.state.number, chunk), value, nil); err != nil {
			return err
		}
	}
	a.state.live = a.live
	if err := a.batch.Set(stateKey(a.state.number), a.state.encode(), nil); err != nil {
		return err
	}
	return a.batch.Commit(pebble.NoSync)
}

// chunkOf is the part of a bitmap that lies in a chunk, counted from its beginning.
func chunkOf(b *roaring.Bitmap, chunk uint32) *roaring.Bitmap {
	part := roaring.New()
	it := b.Iterator()
	for it.AdvanceIfNeeded(chunk << chunkBits); it.HasNext(); {
		p := it.Next()
		if p>>chunkBits != chunk {
			break
		}
		part.Add(p & (1<<chunkBits - 1))
	}
	return part
}
