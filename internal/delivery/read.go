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
	Position journal.Position `json:"position"`
	Account  string           `json:"account"`
	Party    string           `json:"party,omitempty"`
	Filter   string           `json:"filter,omitempty"`
	First    time.Time        `json:"first"`
	Last     time.Time        `json:"last"`
	Times    uint64           `json:"times"`
}

// received returns who was given which of some positions, which are in order.
func (f *file) received(positions []journal.Position) (list []Receipt, err error) {
	if len(positions) == 0 {
		return nil, nil
	}
	err = f.db.View(func(tx *bolt.Tx) error {
		for key, number := range f.readers {
			found, err := receipts(tx, key, number, positions)
			if err != nil {
				return err
			}
			list = append(list, found...)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Receipt) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), a.First.Compare(b.First), strings.Compare(a.Account, b.Account), strings.Compare(a.Filter, b.Filter))
	})
	return list, err
}

// receipts returns which of some positions a reader was given.
func receipts(tx *bolt.Tx, key reader, number uint32, positions []journal.Position) (list []Receipt, err error) {
	low, high := uint64(positions[0]), uint64(positions[len(positions)-1])
	found := map[journal.Position]*Receipt{}
	visit := func(at uint64, r run) {
		i, _ := slices.BinarySearch(positions, journal.Position(r.start))
		for ; i < len(positions) && uint64(positions[i]) < r.start+r.length; i++ {
			receipt := found[positions[i]]
			if receipt == nil {
				receipt = &Receipt{Position: positions[i], Account: key.account, Party: key.party, Filter: key.filter, First: time.Unix(int64(at), 0).UTC()}
				found[positions[i]] = receipt
			}
			receipt.Times++
			receipt.Last = time.Unix(int64(at), 0).UTC()
		}
	}
	err = eachBlock(tx, number, func(b []byte) error {
		h, err := readBlockHeader(b)
		if err != nil || h.high < low || h.low > high {
			return err
		}
		return eachRun(b, visit)
	})
	for _, receipt := range found {
		list = append(list, *receipt)
	}
	return list, err
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

// Consumer is an account that reads under a filter, and how far it has come.
type Consumer struct {
	Account   string           `json:"account"`
	Party     string           `json:"party,omitempty"`
	Filter    string           `json:"filter,omitempty"`
	First     time.Time        `json:"first"`
	LastPoll  time.Time        `json:"last_poll"`
	Polls     uint64           `json:"polls"`
	Positions uint64           `json:"positions"` // versions given, counted each time
	Newest    journal.Position `json:"newest"`    // highest position given
}

func (f *file) consumers() (list []Consumer, lost Lost, err error) {
	err = f.db.View(func(tx *bolt.Tx) error {
		if v := tx.Bucket(bucketLost).Get(keyLost); v != nil {
			if err := json.Unmarshal(v, &lost); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketReaders).ForEach(func(_, v []byte) error {
			var r record
			if err := json.Unmarshal(v, &r); err != nil {
				return err
			}
			list = append(list, Consumer{Account: r.Account, Party: r.Party, Filter: r.Filter, First: r.First.UTC(),
				LastPoll: r.Last.UTC(), Polls: r.Polls, Positions: r.Positions, Newest: journal.Position(r.Newest)})
			return nil
		})
	})
	slices.SortFunc(list, func(a, b Consumer) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Party, b.Party), strings.Compare(a.Filter, b.Filter))
	})
	return list, lost, err
}
