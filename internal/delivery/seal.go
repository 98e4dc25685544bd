package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/store/journal"
)

// A Seal is the digest of a stretch of an agreement's deliveries: of all blocks that were written since the seal before. Blocks
// under a seal do not change. The digest is entered in the server's journal, so that whoever holds a later head of that journal
// can tell a record of deliveries that was changed afterwards.
type Seal struct {
	Number  uint64         `json:"-"` // from 1
	At      time.Time      `json:"at"`
	Digest  journal.Digest `json:"digest"`
	Before  journal.Digest `json:"before"` // of the seal before; zero for the first
	Lost    uint64         `json:"lost"`   // deliveries that could not be noted until then
	Blocks  []sealedBlocks `json:"blocks"`
	Entered bool           `json:"entered"` // in the server's journal
}

// sealedBlocks is a reader and its blocks under a seal: from one number up to, not including, another.
type sealedBlocks struct {
	Reader uint32 `json:"reader"`
	From   uint32 `json:"from"`
	To     uint32 `json:"to"`
}

// Seal seals what was delivered of a collection since its last seal, if that is from before due or there is none and something was
// delivered before due. It calls enter with each seal that is not known to be in the server's journal, also those of an earlier
// process; a crash between the two may make it call enter twice for one.
func (l *Log) Seal(ctx context.Context, collection uuid.UUID, now, due time.Time, enter func(Seal) error) error {
	l.write()
	l.writing.Lock()
	defer l.writing.Unlock()
	if _, err := os.Stat(filepath.Join(l.dir, fileName(collection))); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f, err := l.file(collection)
	if err == nil && f == nil {
		return nil
	}
	if err == nil {
		err = f.seal(collection, now, due)
	}
	if err == nil {
		err = f.enterSeals(ctx, enter)
	}
	if err != nil {
		return fmt.Errorf("seal deliveries of collection %s: %w", collection, err)
	}
	return nil
}

// seal adds a seal, if there is something to seal.
func (f *file) seal(collection uuid.UUID, now, due time.Time) error {
	if fresh, err := f.sealable(due); err != nil || !fresh {
		return err
	}
	return f.db.Update(func(tx *bolt.Tx) error {
		number, last, err := lastSeal(tx)
		if err != nil {
			return err
		}
		s := Seal{Number: number + 1, At: now.UTC().Truncate(time.Second), Before: last.Digest}
		if s.Lost, err = lostPolls(tx); err != nil {
			return err
		}
		readers, blocks := tx.Bucket(bucketReaders), tx.Bucket(bucketBlocks)
		closed := map[uint32][]byte{}
		err = readers.ForEach(func(k, v []byte) error {
			r, number, err := parseReader(k, v)
			if err != nil {
				return err
			}
			to := r.unsealedEnd(blocks, number)
			if to == r.Sealed {
				return nil
			}
			s.Blocks = append(s.Blocks, sealedBlocks{number, r.Sealed, to})
			r.Sealed, r.Blocks = to, to
			closed[number], err = json.Marshal(r)
			return err
		})
		if err != nil || len(s.Blocks) == 0 {
			return err
		}
		for number, value := range closed {
			if err := readers.Put(binary.BigEndian.AppendUint32(nil, number), value); err != nil {
				return err
			}
		}
		if s.Digest, err = s.digest(tx, collection); err != nil {
			return err
		}
		return putSeal(tx, s)
	})
}

// sealable reports whether the last seal is from before due, or there is none and the first delivery is from before due.
func (f *file) sealable(due time.Time) (fresh bool, err error) {
	err = f.db.View(func(tx *bolt.Tx) error {
		number, last, err := lastSeal(tx)
		if err != nil || number > 0 {
			fresh = last.At.Before(due)
			return err
		}
		return tx.Bucket(bucketReaders).ForEach(func(k, v []byte) error {
			r, _, err := parseReader(k, v)
			fresh = fresh || r.First.Before(due)
			return err
		})
	})
	return fresh, err
}

// enterSeals calls enter with each seal that is not entered, and marks it.
func (f *file) enterSeals(ctx context.Context, enter func(Seal) error) error {
	var open []Seal
	err := f.db.View(func(tx *bolt.Tx) error {
		c := sealsOf(tx)
		for s, err := c.last(); s.Number > 0 && !s.Entered; s, err = c.previous() {
			if err != nil {
				return err
			}
			open = append(open, s)
		}
		return nil
	})
	for i := len(open) - 1; i >= 0 && err == nil; i-- {
		if err = ctx.Err(); err != nil {
			break
		}
		if err = enter(open[i]); err == nil {
			open[i].Entered = true
			err = f.db.Update(func(tx *bolt.Tx) error { return putSeal(tx, open[i]) })
		}
	}
	return err
}

// Seals returns the digest of every seal of a collection, the oldest first, after reading what is under each: the error names the
// first that does not fit.
func (l *Log) Seals(collection uuid.UUID) (list []journal.Digest, err error) {
	l.write()
	l.writing.Lock()
	defer l.writing.Unlock()
	f, err := l.file(collection)
	if err != nil || f == nil {
		return nil, err
	}
	err = f.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketSeals)
		if b == nil {
			return nil // a file of an older version, opened for reading
		}
		var before journal.Digest
		return b.ForEach(func(k, v []byte) error {
			s, err := parseSeal(k, v)
			if err != nil {
				return err
			}
			digest, err := s.digest(tx, collection)
			if err != nil {
				return fmt.Errorf("the deliveries sealed on %s: %w", s.At.Format(time.RFC3339), err)
			}
			if digest != s.Digest || s.Before != before || s.Number != uint64(len(list))+1 {
				return fmt.Errorf("the deliveries sealed on %s were changed afterwards", s.At.Format(time.RFC3339))
			}
			before, list = digest, append(list, digest)
			return nil
		})
	})
	return list, err
}

// digest computes the digest of what is under a seal. Decision 16 says of what.
func (s *Seal) digest(tx *bolt.Tx, collection uuid.UUID) (d journal.Digest, err error) {
	h := sha256.New()
	h.Write([]byte("accord deliveries 1\n"))
	h.Write(collection[:])
	h.Write(s.Before[:])
	writeNumber(h, uint64(s.At.Unix()))
	writeNumber(h, s.Lost)
	for _, one := range s.Blocks {
		key := binary.BigEndian.AppendUint32(nil, one.Reader)
		r, _, err := parseReader(key, tx.Bucket(bucketReaders).Get(key))
		if err != nil {
			return d, err
		}
		unfinished := uint64(0)
		if r.Unfinished {
			unfinished = 1
		}
		writeNumber(h, uint64(one.Reader))
		for _, text := range []string{r.Account, r.Party, string(r.Way), r.Filter} {
			writeText(h, []byte(text))
		}
		writeNumber(h, unfinished)
		writeNumber(h, uint64(one.From))
		writeNumber(h, uint64(one.To))
		for n := one.From; n < one.To; n++ {
			block := tx.Bucket(bucketBlocks).Get(binary.BigEndian.AppendUint32(key[:4:4], n))
			if block == nil {
				return d, fmt.Errorf("block %d of the reader %d is missing", n, one.Reader)
			}
			writeText(h, block)
		}
	}
	h.Sum(d[:0])
	return d, nil
}

func writeNumber(h hash.Hash, n uint64) { h.Write(binary.BigEndian.AppendUint64(nil, n)) }

func writeText(h hash.Hash, text []byte) {
	writeNumber(h, uint64(len(text)))
	h.Write(text)
}

// unsealedEnd returns the number after the reader's last block.
func (r *record) unsealedEnd(blocks *bolt.Bucket, number uint32) uint32 {
	if blocks.Get(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, number), r.Blocks)) == nil {
		return r.Blocks
	}
	return r.Blocks + 1
}

func parseReader(k, v []byte) (r record, number uint32, err error) {
	if len(k) != 4 || json.Unmarshal(v, &r) != nil {
		return r, 0, fmt.Errorf("the reader %x is damaged", k)
	}
	return r, binary.BigEndian.Uint32(k), nil
}

func lostPolls(tx *bolt.Tx) (uint64, error) {
	v := tx.Bucket(bucketLost).Get(keyLost)
	if v == nil {
		return 0, nil
	}
	var l Lost
	err := json.Unmarshal(v, &l)
	return l.Polls, err
}

func parseSeal(k, v []byte) (s Seal, err error) {
	if len(k) != 8 || json.Unmarshal(v, &s) != nil {
		return s, fmt.Errorf("the seal %x is damaged", k)
	}
	s.Number = binary.BigEndian.Uint64(k)
	return s, nil
}

func putSeal(tx *bolt.Tx, s Seal) error {
	value, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketSeals).Put(binary.BigEndian.AppendUint64(nil, s.Number), value)
}

// lastSeal returns the last seal and its number, 0 for none.
func lastSeal(tx *bolt.Tx) (uint64, Seal, error) {
	c := sealsOf(tx)
	s, err := c.last()
	return s.Number, s, err
}

// sealCursor goes through seals; one with the number 0 is the end.
type sealCursor struct{ c *bolt.Cursor }

func sealsOf(tx *bolt.Tx) sealCursor { return sealCursor{tx.Bucket(bucketSeals).Cursor()} }

func (c sealCursor) last() (Seal, error)     { return sealAt(c.c.Last()) }
func (c sealCursor) previous() (Seal, error) { return sealAt(c.c.Prev()) }

func sealAt(k, v []byte) (Seal, error) {
	if k == nil {
		return Seal{}, nil
	}
	return parseSeal(k, v)
}
