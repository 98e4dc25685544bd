package store

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/store/journal"
)

// deliveryFormat is the version of the layout of a file of deliveries that this program reads and writes.
const deliveryFormat = 1

// The buckets of an agreement's deliveries.
var (
	bucketReaders = []byte("readers") // number of a reader, 4 bytes -> readerRecord as JSON
	bucketBlocks  = []byte("blocks")  // number of a reader, number of a block, 4 bytes each -> block: see blockHead
	bucketLost    = []byte("lost")    // one key, lostKey -> Lost as JSON
	lostKey       = []byte("lost")

	bucketDeliveryMeta = []byte("meta") // keyFormat -> deliveryFormat

	deliveryBuckets = [][]byte{bucketReaders, bucketBlocks, bucketLost, bucketDeliveryMeta}
)

// reader is an account that reads under a filter: what it is given is kept together.
type reader struct{ account, party, filter string }

// readerRecord is what is kept of a reader beside its blocks.
type readerRecord struct {
	Account   string    `json:"account"`
	Party     string    `json:"party,omitempty"`
	Filter    string    `json:"filter,omitempty"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`  // of any poll
	Polls     uint64    `json:"polls"` // with and without objects
	Positions uint64    `json:"positions"`
	Newest    uint64    `json:"newest"` // highest position given
	Blocks    uint32    `json:"blocks"`
}

// Lost says what could not be noted.
type Lost struct {
	Polls uint64    `json:"polls"`
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
}

// deliveryFile is the deliveries of one agreement, open.
type deliveryFile struct {
	db      *soundFile
	readers map[reader]uint32
}

// openDeliveryFile opens a file of deliveries. For reading only, one that does not exist is nil.
func openDeliveryFile(path string, readOnly bool) (*deliveryFile, error) {
	if _, err := os.Stat(path); readOnly && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	db, err := openWhole(path, &bolt.Options{ReadOnly: readOnly, Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := &deliveryFile{db: db, readers: map[reader]uint32{}}
	if err := db.load(f.load, deliveryBuckets...); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return f, nil
}

func (f *deliveryFile) load(tx *bolt.Tx) error {
	if err := knownDeliveryFormat(tx); err != nil {
		return err
	}
	if tx.Writable() {
		for _, name := range deliveryBuckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		if err := tx.Bucket(bucketDeliveryMeta).Put(keyFormat, binary.BigEndian.AppendUint64(nil, deliveryFormat)); err != nil {
			return err
		}
	}
	readers := tx.Bucket(bucketReaders)
	if readers == nil {
		return errors.New("it has no readers bucket: it is no file of deliveries")
	}
	return readers.ForEach(func(k, v []byte) error {
		var r readerRecord
		if err := json.Unmarshal(v, &r); err != nil || len(k) != 4 {
			return fmt.Errorf("the reader %x is damaged", k)
		}
		f.readers[reader{r.Account, r.Party, r.Filter}] = binary.BigEndian.Uint32(k)
		return nil
	})
}

// knownDeliveryFormat refuses a file of a format that this program does not know. Those of the first release name none.
func knownDeliveryFormat(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketDeliveryMeta)
	if meta == nil {
		return nil
	}
	_, err := formatIn(meta, deliveryFormat)
	return err
}

// keep writes what was noted since the last time.
func (f *deliveryFile) keep(noted *notedFile) error {
	fresh := map[reader]uint32{}
	err := guard(func() error {
		return f.db.Update(func(tx *bolt.Tx) error {
			clear(fresh)
			for who, n := range noted.readers {
				if err := f.keepReader(tx, who, n, fresh); err != nil {
					return err
				}
			}
			return keepLost(tx, noted.lost)
		})
	})
	if err != nil {
		return err
	}
	for who, number := range fresh {
		f.readers[who] = number
	}
	return nil
}

func (f *deliveryFile) keepReader(tx *bolt.Tx, who reader, n *notedReader, fresh map[reader]uint32) error {
	readers, blocks := tx.Bucket(bucketReaders), tx.Bucket(bucketBlocks)
	number, known := f.readers[who]
	var r readerRecord
	if known {
		if err := json.Unmarshal(readers.Get(binary.BigEndian.AppendUint32(nil, number)), &r); err != nil {
			return fmt.Errorf("reader %d: %w", number, err)
		}
	} else {
		next, err := readers.NextSequence()
		if err != nil {
			return err
		}
		number = uint32(next)
		fresh[who] = number
		r = readerRecord{Account: who.account, Party: who.party, Filter: who.filter, First: n.first}
	}
	key := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, number), r.Blocks)
	block := slices.Clone(blocks.Get(key))
	for _, p := range n.pages {
		if len(block) >= blockFull {
			if err := blocks.Put(slices.Clone(key), block); err != nil {
				return err
			}
			r.Blocks++
			binary.BigEndian.PutUint32(key[4:], r.Blocks)
			block = nil
		}
		var err error
		if block, err = appendPage(block, p); err != nil {
			// The damaged block stays for whoever wants to look at it.
			r.Blocks++
			binary.BigEndian.PutUint32(key[4:], r.Blocks)
			if block, err = appendPage(nil, p); err != nil {
				return err
			}
		}
	}
	if len(n.pages) > 0 {
		if err := blocks.Put(key, block); err != nil {
			return err
		}
	}
	r.Last, r.Polls, r.Positions = n.last, r.Polls+n.polls, r.Positions+n.positions
	r.Newest = max(r.Newest, n.newest)
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return readers.Put(binary.BigEndian.AppendUint32(nil, number), value)
}

func keepLost(tx *bolt.Tx, more Lost) error {
	if more.Polls == 0 {
		return nil
	}
	b := tx.Bucket(bucketLost)
	var l Lost
	if v := b.Get(lostKey); v != nil {
		if err := json.Unmarshal(v, &l); err != nil {
			return err
		}
	}
	if l.Polls == 0 {
		l.First = more.First
	}
	l.Polls, l.Last = l.Polls+more.Polls, more.Last
	value, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return b.Put(lostKey, value)
}

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

// received finds who was given which of some positions, which are in order.
func (f *deliveryFile) received(positions []journal.Position) (list []Receipt, err error) {
	if len(positions) == 0 {
		return nil, nil
	}
	low, high := uint64(positions[0]), uint64(positions[len(positions)-1])
	err = guard(func() error {
		return f.db.View(func(tx *bolt.Tx) error {
			for who, number := range f.readers {
				found := map[journal.Position]*Receipt{}
				visit := func(at uint64, r positionRun) {
					i, _ := slices.BinarySearch(positions, journal.Position(r.start))
					for ; i < len(positions) && uint64(positions[i]) < r.start+r.length; i++ {
						receipt := found[positions[i]]
						if receipt == nil {
							receipt = &Receipt{Position: positions[i], Account: who.account, Party: who.party, Filter: who.filter, First: time.Unix(int64(at), 0).UTC()}
							found[positions[i]] = receipt
						}
						receipt.Times++
						receipt.Last = time.Unix(int64(at), 0).UTC()
					}
				}
				if err := eachBlock(tx, number, func(b []byte) error {
					h, err := readBlockHeader(b)
					if err != nil || h.high < low || h.low > high {
						return err
					}
					return eachRun(b, visit)
				}); err != nil {
					return err
				}
				for _, receipt := range found {
					list = append(list, *receipt)
				}
			}
			return nil
		})
	})
	slices.SortFunc(list, func(a, b Receipt) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), a.First.Compare(b.First), strings.Compare(a.Account, b.Account), strings.Compare(a.Filter, b.Filter))
	})
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

func (f *deliveryFile) consumers() (list []Consumer, lost Lost, err error) {
	err = guard(func() error {
		return f.db.View(func(tx *bolt.Tx) error {
			if v := tx.Bucket(bucketLost).Get(lostKey); v != nil {
				if err := json.Unmarshal(v, &lost); err != nil {
					return err
				}
			}
			return tx.Bucket(bucketReaders).ForEach(func(_, v []byte) error {
				var r readerRecord
				if err := json.Unmarshal(v, &r); err != nil {
					return err
				}
				list = append(list, Consumer{Account: r.Account, Party: r.Party, Filter: r.Filter, First: r.First.UTC(),
					LastPoll: r.Last.UTC(), Polls: r.Polls, Positions: r.Positions, Newest: journal.Position(r.Newest)})
				return nil
			})
		})
	})
	slices.SortFunc(list, func(a, b Consumer) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Party, b.Party), strings.Compare(a.Filter, b.Filter))
	})
	return list, lost, err
}
