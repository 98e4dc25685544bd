package delivery

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// row is a delivery that was begun and has not ended, on its way into the file.
type row struct {
	number    uint64
	key       reader
	at        time.Time
	positions uint64
	page      page
}

// openRecord is a row as it is kept.
type openRecord struct {
	Account   string    `json:"account"`
	Party     string    `json:"party,omitempty"`
	Way       Way       `json:"way,omitempty"`
	Filter    string    `json:"filter,omitempty"`
	At        time.Time `json:"at"`
	Positions uint64    `json:"positions"`
	Block     []byte    `json:"block"` // see blockHead
}

// writeOpen writes the deliveries that were begun, and removes those that have ended.
func writeOpen(tx *bolt.Tx, noted *pendingFile) error {
	b := tx.Bucket(bucketOpen)
	for _, r := range noted.begun {
		block, err := appendPage(nil, r.page)
		if err != nil {
			return err
		}
		value, err := json.Marshal(openRecord{r.key.account, r.key.party, r.key.way, r.key.filter, r.at, r.positions, block})
		if err == nil {
			err = b.Put(binary.BigEndian.AppendUint64(nil, r.number), value)
		}
		if err != nil {
			return err
		}
	}
	for _, number := range noted.ended {
		if err := b.Delete(binary.BigEndian.AppendUint64(nil, number)); err != nil {
			return err
		}
	}
	return nil
}

// eachOpen calls visit with every delivery that was begun and has not ended.
func eachOpen(tx *bolt.Tx, visit func(number uint64, r openRecord) error) error {
	b := tx.Bucket(bucketOpen)
	if b == nil {
		return nil // a file of an older version, opened for reading
	}
	return b.ForEach(func(k, v []byte) error {
		var r openRecord
		if err := json.Unmarshal(v, &r); err != nil {
			return fmt.Errorf("the delivery in progress %x: %w", k, err)
		}
		if len(k) != 8 {
			return fmt.Errorf("the delivery in progress %x has no number", k)
		}
		return visit(binary.BigEndian.Uint64(k), r)
	})
}

// recover records the deliveries that were in progress when the last process ended as not finished.
func (f *file) recover() error {
	noted := &pendingFile{readers: map[reader]*pendingReader{}}
	err := f.db.View(func(tx *bolt.Tx) error {
		return eachOpen(tx, func(number uint64, r openRecord) error {
			p, err := onlyPage(r.Block)
			if err != nil {
				return err
			}
			key := reader{r.Account, r.Party, r.Way, r.Filter, true}
			n := noted.readers[key]
			if n == nil {
				n = &pendingReader{first: r.At}
				noted.readers[key] = n
			}
			n.last = r.At
			n.polls++
			n.positions += r.Positions
			n.newest = max(n.newest, p.end-1)
			n.add(p)
			noted.ended = append(noted.ended, number)
			return nil
		})
	})
	if err != nil || len(noted.ended) == 0 {
		return err
	}
	return f.write(noted)
}
