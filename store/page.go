package store

import (
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// Page answers a query with the objects themselves, appended to dst. It copies each text once, out of the memory map and
// inside one transaction. The page's Body is dst with what was appended, and does not share memory with the store.
func (c *Collection) Page(q Query, dst []byte) (Page, error) {
	page := Page{Body: dst}
	start := len(dst)
	err := c.query(q, &page, true, func(r record, _ uint64) bool {
		if page.Count == 0 {
			page.Body = append(page.Body, r.text...)
			return true
		}
		if q.MaxBytes > 0 && len(page.Body)-start+1+len(r.text) > q.MaxBytes {
			return false
		}
		page.Body = append(append(page.Body, ','), r.text...)
		return true
	})
	if err != nil {
		return Page{}, fmt.Errorf("page of collection %s: %w", c.id, err)
	}
	return page, nil
}

// usualRecord is the usual length of an object's identifier and version, in bytes.
const usualRecord = 80

// Records answers a query with one record a version; the page's Body stays empty. MaxBytes does not apply.
func (c *Collection) Records(q Query) ([]Record, Page, error) {
	var page Page
	var records []Record
	var texts []byte // of all records, which share one string: two allocations each would be most of the work
	var ends []int   // in texts, of the identifier and the version of each
	err := c.query(q, &page, false, func(r record, added uint64) bool {
		if records == nil {
			records = make([]Record, 0, cap(page.Positions))
			ends = make([]int, 0, 2*cap(page.Positions))
			texts = make([]byte, 0, usualRecord*cap(page.Positions))
		}
		texts = append(texts, r.id...)
		ends = append(ends, len(texts))
		texts = r.appendVersion(texts, added)
		ends = append(ends, len(texts))
		records = append(records, Record{Spec: r.form.spec(), Added: timeOf(added), Position: r.position})
		return true
	})
	if err != nil {
		return nil, Page{}, fmt.Errorf("records of collection %s: %w", c.id, err)
	}
	all, start := string(texts), 0
	for i := range records {
		middle, end := ends[2*i], ends[2*i+1]
		records[i].ID, records[i].Version = stix.ID(all[start:middle]), all[middle:end]
		start = end
	}
	return records, page, nil
}

// query walks what a query selects and fills in the page. take is called for each version; false means that it is not
// part of this page. texts says whether the texts are wanted too.
func (c *Collection) query(q Query, page *Page, texts bool, take func(r record, added uint64) bool) error {
	if c.nothingAfter(q) {
		return nil
	}
	return c.view(func(tx *bolt.Tx) error {
		in := &readTx{tx: tx, collection: c}
		if err := known(in, q, page); err != nil {
			return err
		}
		return in.query(q, page, texts, take)
	})
}

// query is Collection.query within a transaction, without what is known of an identifier.
func (r *readTx) query(q Query, page *Page, texts bool, take func(r record, added uint64) bool) error {
	limit := max(q.Limit, 1)
	s, err := newMerge(r, q)
	if err != nil {
		return err
	}
	var first uint64
	for s.next() {
		if page.Count == limit {
			page.More = true
			break
		}
		found, err := s.record()
		if err != nil {
			return err
		}
		if page.Count == 0 {
			if err := growPage(r, q, page, limit, texts); err != nil {
				return err
			}
		}
		if !take(found, s.added) {
			page.More = true
			break
		}
		if page.Count == 0 {
			first = s.added
		}
		page.Count++
		page.Positions = append(page.Positions, found.position)
		page.Last = timeOf(s.added)
	}
	if page.Count > 0 {
		page.First = timeOf(first)
	}
	return nil
}

// growPage makes the page large enough for what it will probably hold, so that it is not copied as it grows.
func growPage(in *readTx, q Query, page *Page, limit int, texts bool) error {
	f, err := in.stats()
	if err != nil || f.versions == 0 {
		return err
	}
	const most = 128 // a poll that finds little should not take much; beyond, growing is cheap beside the rest
	n := int(min(uint64(limit), f.versions, most))
	if len(q.IDs) > 0 {
		n = min(n, 2*len(q.IDs)+len(q.Versions.Exact))
	}
	page.Positions = make([]journal.Position, 0, n)
	if !texts {
		return nil
	}
	bytes := n * int(f.bytes/f.versions+1)
	if q.MaxBytes > 0 {
		bytes = min(bytes, q.MaxBytes)
	}
	page.Body = slices.Grow(page.Body, bytes)
	return nil
}

// known reports, when exactly one identifier is asked for, whether it and the versions asked for are stored at all.
func known(in *readTx, q Query, page *Page) error {
	if len(q.IDs) != 1 {
		return nil
	}
	at := in.find(q.IDs[0])
	if page.KnownID = at.k != nil; !page.KnownID {
		return nil
	}
	if wantedBy(q).keywords {
		page.KnownVersion = true
		return nil
	}
	page.KnownVersion = slices.ContainsFunc(q.Versions.Exact, func(instant stix.Instant) bool {
		vs, err := versionsAt(in.versionKeys(), at.key, instant)
		return err == nil && len(vs) > 0
	})
	return nil
}
