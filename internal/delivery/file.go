package delivery

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// format is the version of the layout of a file of deliveries that this program reads and writes.
const format = 1

// The buckets of an agreement's deliveries.
var (
	bucketReaders = []byte("readers") // number of a reader, 4 bytes -> record as JSON
	bucketBlocks  = []byte("blocks")  // number of a reader, number of a block, 4 bytes each -> block: see blockHead
	bucketLost    = []byte("lost")    // one key, keyLost -> Lost as JSON
	bucketOpen    = []byte("open")    // number of a delivery, 8 bytes -> openRecord as JSON: begun and not ended
	bucketSeals   = []byte("seals")   // number of a seal, 8 bytes -> Seal as JSON
	bucketMeta    = []byte("meta")    // keyFormat -> format

	buckets = [][]byte{bucketReaders, bucketBlocks, bucketLost, bucketOpen, bucketSeals, bucketMeta}

	keyLost   = []byte("lost")
	keyFormat = []byte("format")
)

// reader is an account that reads in one way, under one filter: what it is given is kept together, what was not finished
// apart from the rest.
type reader struct {
	account, party string
	way            Way
	filter         string
	unfinished     bool
}

// maxFilters bounds under how many filters an account is recorded; what it asks for under more is recorded under
// otherFilters.
const (
	maxFilters   = 32
	otherFilters = "other filters"
)

// anyFilter reports whether the reader's filter does not count against maxFilters.
func (r reader) anyFilter() bool { return r.filter == "" || r.filter == otherFilters }

func (r reader) withoutFilter() reader {
	r.filter = ""
	return r
}

// record is what is kept of a reader beside its blocks.
type record struct {
	Account    string    `json:"account"`
	Party      string    `json:"party,omitempty"`
	Way        Way       `json:"way,omitempty"`
	Filter     string    `json:"filter,omitempty"`
	Unfinished bool      `json:"unfinished,omitempty"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`  // of any poll
	Polls      uint64    `json:"polls"` // with and without objects
	Positions  uint64    `json:"positions"`
	Newest     uint64    `json:"newest"`           // highest position given
	Blocks     uint32    `json:"blocks"`           // the number of the last, or of the next where it is not there
	Sealed     uint32    `json:"sealed,omitempty"` // the number of the first block under no seal
}

// Lost is what could not be noted.
type Lost struct {
	Polls uint64    `json:"polls"`
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`

	// Silent are the nodes of the cluster that did not answer: what they gave is not in the answer. It is kept in no file.
	Silent []string `json:"silent,omitempty"`
}

func (r *record) key() reader { return reader{r.Account, r.Party, r.Way, r.Filter, r.Unfinished} }

// file is the deliveries of one agreement, open.
type file struct {
	db      *verifiedbolt.DB
	readers map[reader]uint32
	filters map[reader]int // how many filters each reader without its filter has
}

// openFile opens a file of deliveries. For reading only, one that does not exist is nil.
func openFile(path string, readOnly bool) (*file, error) {
	if _, err := os.Stat(path); readOnly && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	db, err := verifiedbolt.Open(path, &bolt.Options{ReadOnly: readOnly, Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := &file{db: db, readers: map[reader]uint32{}, filters: map[reader]int{}}
	if err := db.Load(f.load, buckets...); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	if !readOnly {
		if err := f.recover(); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
		}
	}
	return f, nil
}

func (f *file) load(tx *bolt.Tx) error {
	if err := verifyFormat(tx); err != nil {
		return err
	}
	if tx.Writable() {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		if err := tx.Bucket(bucketMeta).Put(keyFormat, binary.BigEndian.AppendUint64(nil, format)); err != nil {
			return err
		}
	}
	readers := tx.Bucket(bucketReaders)
	if readers == nil {
		return errors.New("it has no readers bucket: it is not a file of deliveries")
	}
	return readers.ForEach(func(k, v []byte) error {
		var r record
		if err := json.Unmarshal(v, &r); err != nil || len(k) != 4 {
			return fmt.Errorf("the reader %x is damaged", k)
		}
		f.know(r.key(), binary.BigEndian.Uint32(k))
		return nil
	})
}

// know adds a reader.
func (f *file) know(key reader, number uint32) {
	f.readers[key] = number
	if !key.anyFilter() {
		f.filters[key.withoutFilter()]++
	}
}

// verifyFormat refuses a file of a format that this program does not know. The first ones name none.
func verifyFormat(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return nil
	}
	v := meta.Get(keyFormat)
	if len(v) != 8 {
		return errors.New("its meta bucket names no format: it is damaged, or not a file of deliveries")
	}
	if n := binary.BigEndian.Uint64(v); n == 0 || n > format {
		return fmt.Errorf("it has the format %d, this program reads the formats 1 to %d: use the version of Accord that wrote it, or a newer one", n, format)
	}
	return nil
}

// write writes what was noted since the last time.
func (f *file) write(noted *pendingFile) error {
	fresh := map[reader]uint32{}
	err := f.db.Update(func(tx *bolt.Tx) error {
		for key, n := range noted.readers {
			if err := f.writeReader(tx, key, n, fresh); err != nil {
				return err
			}
		}
		if err := writeOpen(tx, noted); err != nil {
			return err
		}
		return writeLost(tx, noted.lost)
	})
	if err != nil {
		return err
	}
	for key, number := range fresh {
		f.know(key, number)
	}
	return nil
}

func (f *file) writeReader(tx *bolt.Tx, key reader, n *pendingReader, fresh map[reader]uint32) error {
	readers := tx.Bucket(bucketReaders)
	key = f.fold(key, fresh)
	number, known := f.readers[key]
	if !known {
		number, known = fresh[key]
	}
	var r record
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
		fresh[key] = number
		r = record{Account: key.account, Party: key.party, Way: key.way, Filter: key.filter, Unfinished: key.unfinished, First: n.first}
	}
	if err := r.addPages(tx.Bucket(bucketBlocks), number, n.pages); err != nil {
		return err
	}
	if r.Last.Before(n.last) {
		r.Last = n.last
	}
	r.Polls, r.Positions = r.Polls+n.polls, r.Positions+n.positions
	r.Newest = max(r.Newest, n.newest)
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return readers.Put(binary.BigEndian.AppendUint32(nil, number), value)
}

// fold returns the reader as it is recorded: an account that uses too many filters has no further ones.
func (f *file) fold(key reader, fresh map[reader]uint32) reader {
	if _, known := f.readers[key]; known || key.anyFilter() {
		return key
	}
	account := key.withoutFilter()
	n := f.filters[account]
	for other := range fresh {
		if other == key {
			return key
		}
		if !other.anyFilter() && other.withoutFilter() == account {
			n++
		}
	}
	if n >= maxFilters {
		key.filter = otherFilters
	}
	return key
}

// addPages adds pages to a reader's last block, and begins new ones.
func (r *record) addPages(blocks *bolt.Bucket, number uint32, pages []page) error {
	if len(pages) == 0 {
		return nil
	}
	key := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, number), r.Blocks)
	next := func() {
		r.Blocks++
		binary.BigEndian.PutUint32(key[4:], r.Blocks)
	}
	block := slices.Clone(blocks.Get(key))
	for _, p := range pages {
		if len(block) >= blockFull {
			if err := blocks.Put(slices.Clone(key), block); err != nil {
				return err
			}
			next()
			block = nil
		}
		var err error
		if block, err = appendPage(block, p); err != nil {
			next() // the damaged block stays, as evidence
			if block, err = appendPage(nil, p); err != nil {
				return err
			}
		}
	}
	return blocks.Put(key, block)
}

func writeLost(tx *bolt.Tx, more Lost) error {
	if more.Polls == 0 {
		return nil
	}
	b := tx.Bucket(bucketLost)
	var l Lost
	if v := b.Get(keyLost); v != nil {
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
	return b.Put(keyLost, value)
}
