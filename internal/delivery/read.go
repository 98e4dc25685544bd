package delivery

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/store/journal"
)

// Receipt says that a reader was given the version at a position.
type Receipt struct {
	Position   journal.Position `json:"position"`
	Account    string           `json:"account"`
	Party      string           `json:"party,omitempty"`
	Way        Way              `json:"way,omitempty"` // none: a page of TAXII
	Filter     string           `json:"filter,omitempty"`
	First      time.Time        `json:"first"`
	Last       time.Time        `json:"last"`
	Times      uint64           `json:"times"`                // begun
	Unfinished uint64           `json:"unfinished,omitempty"` // of them: it may have been given a part only, or nothing
}

// received returns who was given which of some positions, which are in order: by position, then by account.
func (f *file) received(positions []journal.Position) (list []Receipt, err error) {
	if len(positions) == 0 {
		return nil, nil
	}
	r := receipts{positions: positions, found: map[receiptKey]*Receipt{}}
	err = f.db.View(func(tx *bolt.Tx) error {
		for key, number := range f.readers {
			if err := r.reader(tx, key, number); err != nil {
				return err
			}
		}
		return eachOpen(tx, func(_ uint64, o openRecord) error {
			return eachRun(o.Block, r.visit(reader{o.Account, o.Party, o.Way, o.Filter, true}))
		})
	})
	for _, receipt := range r.found {
		list = append(list, *receipt)
	}
	slices.SortFunc(list, func(a, b Receipt) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), strings.Compare(a.Account, b.Account), strings.Compare(a.Party, b.Party),
			strings.Compare(string(a.Way), string(b.Way)), strings.Compare(a.Filter, b.Filter))
	})
	return list, err
}

// receipts collects who was given which of some positions.
type receipts struct {
	positions []journal.Position
	found     map[receiptKey]*Receipt
}

type receiptKey struct {
	reader   reader // finished
	position journal.Position
}

// reader collects what a reader was given.
func (r *receipts) reader(tx *bolt.Tx, key reader, number uint32) error {
	low, high := uint64(r.positions[0]), uint64(r.positions[len(r.positions)-1])
	visit := r.visit(key)
	return eachBlock(tx, number, func(b []byte) error {
		h, err := readBlockHeader(b)
		if err != nil || h.high < low || h.low > high {
			return err
		}
		return eachRun(b, visit)
	})
}

// visit returns a function that takes in a run that a reader was given.
func (r *receipts) visit(key reader) func(at uint64, given run) {
	unfinished := key.unfinished
	key.unfinished = false
	return func(seconds uint64, given run) {
		at := time.Unix(int64(seconds), 0).UTC()
		i, _ := slices.BinarySearch(r.positions, journal.Position(given.start))
		for ; i < len(r.positions) && uint64(r.positions[i]) < given.start+given.length; i++ {
			k := receiptKey{key, r.positions[i]}
			receipt := r.found[k]
			if receipt == nil {
				receipt = &Receipt{Position: k.position, Account: key.account, Party: key.party, Way: key.way, Filter: key.filter, First: at, Last: at}
				r.found[k] = receipt
			}
			receipt.Times++
			if unfinished {
				receipt.Unfinished++
			}
			if at.Before(receipt.First) {
				receipt.First = at
			}
			if at.After(receipt.Last) {
				receipt.Last = at
			}
		}
	}
}

func eachBlock(tx *bolt.Tx, number uint32, visit func([]byte) error) error {
	prefix := binary.BigEndian.AppendUint32(nil, number)
	c := tx.Bucket(bucketBlocks).Cursor()
	for k, b := c.Seek(prefix); len(k) == 8 && string(k[:4]) == string(prefix); k, b = c.Next() {
		if err := visit(b); err != nil {
			return fmt.Errorf("reader %d, block %x: %w", number, k[4:], err)
		}
	}
	return nil
}

// Consumer is an account that reads in one way under a filter, and how far it has come.
type Consumer struct {
	Account    string           `json:"account"`
	Party      string           `json:"party,omitempty"`
	Way        Way              `json:"way,omitempty"` // none: pages of TAXII
	Filter     string           `json:"filter,omitempty"`
	First      time.Time        `json:"first"`
	LastPoll   time.Time        `json:"last_poll"`
	Polls      uint64           `json:"polls"`
	Positions  uint64           `json:"positions"`            // versions given, counted each time
	Newest     journal.Position `json:"newest"`               // highest position given
	Unfinished uint64           `json:"unfinished,omitempty"` // polls whose answer was begun and not finished
}

// add takes in what was recorded of the same reader. What was not finished brings it no further.
func (c *Consumer) add(r record) {
	if c.Polls == 0 || r.First.Before(c.First) {
		c.First = r.First.UTC()
	}
	if r.Last.After(c.LastPoll) {
		c.LastPoll = r.Last.UTC()
	}
	c.Polls += r.Polls
	if r.Unfinished {
		c.Unfinished += r.Polls
		return
	}
	c.Positions += r.Positions
	c.Newest = max(c.Newest, journal.Position(r.Newest))
}

func (f *file) consumers() (list []Consumer, lost Lost, err error) {
	found := map[reader]*Consumer{}
	add := func(r record) {
		key := r.key()
		key.unfinished = false
		c := found[key]
		if c == nil {
			c = &Consumer{Account: r.Account, Party: r.Party, Way: r.Way, Filter: r.Filter}
			found[key] = c
		}
		c.add(r)
	}
	err = f.db.View(func(tx *bolt.Tx) error {
		if v := tx.Bucket(bucketLost).Get(keyLost); v != nil {
			if err := json.Unmarshal(v, &lost); err != nil {
				return err
			}
		}
		err := tx.Bucket(bucketReaders).ForEach(func(_, v []byte) error {
			var r record
			if err := json.Unmarshal(v, &r); err != nil {
				return err
			}
			add(r)
			return nil
		})
		if err != nil {
			return err
		}
		return eachOpen(tx, func(_ uint64, o openRecord) error {
			add(record{Account: o.Account, Party: o.Party, Way: o.Way, Filter: o.Filter, Unfinished: true, First: o.At, Last: o.At, Polls: 1, Positions: o.Positions})
			return nil
		})
	})
	for _, c := range found {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Consumer) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Party, b.Party), strings.Compare(string(a.Way), string(b.Way)), strings.Compare(a.Filter, b.Filter))
	})
	return list, lost, err
}
