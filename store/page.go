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
	err := c.answer(q, &page, true, func(r record, _ uint64) bool {
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

// Records answers a query with one record a version; the page's Body stays empty. MaxBytes does not apply.
func (c *Collection) Records(q Query) ([]Record, Page, error) {
	var page Page
	var records []Record
	err := c.answer(q, &page, false, func(r record, added uint64) bool {
		if records == nil {
			records = make([]Record, 0, cap(page.Positions))
		}
		records = append(records, Record{
			ID: stix.ID(r.id), Version: r.versionText(added), Spec: r.form.spec(), Added: timeOf(added), Position: r.position,
		})
		return true
	})
	if err != nil {
		return nil, Page{}, fmt.Errorf("records of collection %s: %w", c.id, err)
	}
	return records, page, nil
}

// answer walks what a query selects and fills in the page. take is called for each version; false means that it is not
// part of this page. texts says whether the texts are wanted too.
func (c *Collection) answer(q Query, page *Page, texts bool, take func(r record, added uint64) bool) error {
	limit := max(q.Limit, 1)
	return c.view(func(tx *bolt.Tx) error {
		if err := known(tx, q, page); err != nil {
			return err
		}
		s, err := choose(tx, q)
		if err != nil {
			return err
		}
		if err := makeRoom(tx, q, page, limit, texts); err != nil {
			return err
		}
		var first uint64
		for s.next() {
			if page.Count == limit {
				page.More = true
				break
			}
			r, err := s.record()
			if err != nil {
				return err
			}
			if !take(r, s.added) {
				page.More = true
				break
			}
			if page.Count == 0 {
				first = s.added
			}
			page.Count++
			page.Positions = append(page.Positions, r.position)
			page.Last = timeOf(s.added)
		}
		if page.Count > 0 {
			page.First = timeOf(first)
		}
		return nil
	})
}

// makeRoom makes the page large enough for what it probably gets, so that it is not copied as it grows.
func makeRoom(tx *bolt.Tx, q Query, page *Page, limit int, texts bool) error {
	f, err := readFigures(tx)
	if err != nil || f.versions == 0 {
		return err
	}
	const most = 1000 // beyond, growing is cheap beside the rest
	n := int(min(uint64(limit), f.versions, most))
	if len(q.IDs) > 0 && !q.Versions.All {
		n = min(n, 2*len(q.IDs)+len(q.Versions.Exact))
	}
	page.Positions = make([]journal.Position, 0, n)
	if !texts || page.Body != nil {
		return nil
	}
	bytes := n * int(f.bytes/f.versions+1)
	if q.MaxBytes > 0 {
		bytes = min(bytes, q.MaxBytes)
	}
	page.Body = make([]byte, 0, bytes)
	return nil
}

// known answers, when exactly one identifier is asked for, whether it and the versions asked for are here at all.
func known(tx *bolt.Tx, q Query, page *Page) error {
	if len(q.IDs) != 1 {
		return nil
	}
	id, ok := idKeyOf(tx, q.IDs[0])
	if !ok {
		return nil
	}
	c := tx.Bucket(bucketVersions).Cursor()
	k, _ := c.Seek(id)
	if _, page.KnownID = cutPrefix(k, id); !page.KnownID {
		return nil
	}
	if wantedBy(q).keywords {
		page.KnownVersion = true
		return nil
	}
	at := func(in stix.Instant) bool {
		vs, err := versionsAt(c, id, in)
		return err == nil && len(vs) > 0
	}
	page.KnownVersion = slices.ContainsFunc(q.Versions.Exact, at)
	return nil
}
