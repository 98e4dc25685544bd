package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// StatusLifetime is how long a status resource is kept (TAXII 2.1, section 4.3, asks for a day: T-045).
const StatusLifetime = 30 * 24 * time.Hour

// A kept status is: time as 8 bytes, length of the account's name as uvarint, the name, the same of the party, and the
// body compressed, then 4 bytes of a checksum over all of it. The body is the byte statusBody, the draft's length as uvarint,
// the draft, and for each outcome its kind, its position and its time as uvarints, and its version with its length. With the
// byte statusCounted there is, behind the draft, for each kind of outcome the kind and their number as uvarint. Before format 3
// the body is the finished text.
const (
	statusBody    = 1
	statusCounted = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maxStatus bounds the body of a status that is read, in bytes: the decoder makes room for as many as the text claims to
// be before it looks further. A draft has less than 8 MiB, with outcomes of the objects in it less than 16; one of an earlier program,
// of a hundred thousand objects, takes some 25.
const maxStatus = 64 << 20

// forgetBatch is how many statuses one transaction drops.
const forgetBatch = 1000

// The coders are made on first use: a decoder costs memory.
var (
	statusEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	})
	statusDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxStatus))
	})
)

func (t *buckets) putStatus(s *StatusDraft, by Actor, now uint64, outcomes []Outcome) error {
	id, body := s.ID, appendStatusBody(make([]byte, 0, len(s.Text)+16), s, outcomes)
	enc, err := statusEncoder()
	if err != nil {
		return fmt.Errorf("keep status %s: %w", id, err)
	}
	b := binary.BigEndian.AppendUint64(nil, now)
	for _, name := range [...]string{string(by.Account), string(by.Party)} {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
	}
	b = enc.EncodeAll(body, b)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	err = t.statuses.Put(id[:], b)
	if err == nil {
		err = t.statusAge.Put(append(binary.BigEndian.AppendUint64(nil, now), id[:]...), nil)
	}
	if err != nil {
		return fmt.Errorf("keep status %s: %w", id, err)
	}
	return nil
}

var errStatus = errors.New("the status is damaged")

func appendStatusBody(dst []byte, s *StatusDraft, outcomes []Outcome) []byte {
	format := byte(statusBody)
	if s.Counted {
		format = statusCounted
	}
	dst = append(dst, format)
	dst = append(binary.AppendUvarint(dst, uint64(len(s.Text))), s.Text...)
	if s.Counted {
		var counts [256]uint64
		for _, o := range outcomes {
			counts[o.Kind]++
		}
		for kind, n := range counts {
			if n > 0 {
				dst = binary.AppendUvarint(append(dst, byte(kind)), n)
			}
		}
		return dst
	}
	for _, o := range outcomes {
		dst = append(dst, byte(o.Kind))
		dst = binary.AppendUvarint(dst, uint64(o.Position))
		at := uint64(0)
		if !o.At.IsZero() {
			at = uint64(o.At.UnixMicro())
		}
		dst = binary.AppendUvarint(dst, at)
		dst = append(binary.AppendUvarint(dst, uint64(len(o.Version))), o.Version...)
	}
	return dst
}

func parseStatusBody(b []byte) (kept KeptStatus, err error) {
	if len(b) == 0 || b[0] != statusBody && b[0] != statusCounted {
		return KeptStatus{Draft: b}, nil
	}
	counted := b[0] == statusCounted
	b = b[1:]
	number := func() (n uint64) {
		n, used := binary.Uvarint(b)
		if used <= 0 {
			err, b = errStatus, nil
			return 0
		}
		b = b[used:]
		return n
	}
	text := func() (t []byte) {
		n := number()
		if n > uint64(len(b)) {
			err, b = errStatus, nil
			return nil
		}
		t, b = b[:n:n], b[n:]
		return t
	}
	kept.Draft = text()
	for counted && len(b) > 0 && err == nil {
		kind := OutcomeKind(b[0])
		b = b[1:]
		if kept.Counts == nil {
			kept.Counts = make(map[OutcomeKind]uint64)
		}
		kept.Counts[kind] += number()
	}
	for len(b) > 0 && err == nil {
		o := Outcome{Kind: OutcomeKind(b[0])}
		b = b[1:]
		o.Position = journal.Position(number())
		if at := number(); at > 0 {
			o.At = timeOf(at)
		}
		o.Version = string(text())
		kept.Outcomes = append(kept.Outcomes, o)
	}
	return kept, err
}

func parseStatus(b []byte) (body []byte, by Actor, err error) {
	end := len(b) - 4
	if end < 8 || binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return nil, Actor{}, errStatus
	}
	b = b[8:end]
	var names [2]string
	for i := range names {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return nil, Actor{}, errStatus
		}
		names[i], b = string(b[used:used+int(n)]), b[used+int(n):]
	}
	dec, err := statusDecoder()
	if err != nil {
		return nil, Actor{}, err
	}
	if body, err = dec.DecodeAll(b, nil); err != nil {
		return nil, Actor{}, fmt.Errorf("%w: %w", errStatus, err)
	}
	return body, Actor{agreement.AccountName(names[0]), agreement.PartyName(names[1])}, nil
}

// KeptStatus is a status resource as it is kept. It has neither outcomes nor counts if a program before format 3 kept it: its draft
// is the finished text.
type KeptStatus struct {
	Draft    []byte
	Outcomes []Outcome              // of the batch's changes, in order
	Counts   map[OutcomeKind]uint64 // instead, of a draft that was Counted
	By       Actor                  // its submitter
}

// Status returns a status resource. One that is missing although it was kept lately is damage: a key with a wrong bit.
func (c *Collection) Status(id uuid.UUID) (kept KeptStatus, ok bool, err error) {
	err = c.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketStatuses).Get(id[:])
		if ok = b != nil; !ok && keptLately(tx, id) {
			return errStatus
		}
		if !ok {
			return nil
		}
		body, by, err := parseStatus(b)
		if err == nil {
			kept, err = parseStatusBody(body)
		}
		kept.By = by
		return err
	})
	if err != nil {
		return KeptStatus{}, false, fmt.Errorf("read status %s: %w", id, err)
	}
	return kept, ok, nil
}

// statusesLooked is how many statuses are looked through for one that is missing, the latest first.
const statusesLooked = 1000

// keptLately reports whether a status is among the latest by age.
func keptLately(tx *bolt.Tx, id uuid.UUID) bool {
	c := tx.Bucket(bucketStatusAge).Cursor()
	k, _ := c.Last()
	for n := 0; len(k) == 24 && n < statusesLooked; n++ {
		if bytes.Equal(k[8:], id[:]) {
			return true
		}
		k, _ = c.Prev()
	}
	return false
}

// ForgetStatuses drops statuses older than before, a bounded number in one transaction, and returns how many.
func (c *Collection) ForgetStatuses(ctx context.Context, before time.Time) (int, error) {
	forgotten := 0
	for {
		if err := ctx.Err(); err != nil {
			return forgotten, err
		}
		n := 0
		err := c.update(func(tx *bolt.Tx) (err error) {
			n, err = forgetStatuses(tx, microseconds(before))
			return err
		})
		if err != nil {
			return forgotten, fmt.Errorf("forget statuses of collection %s: %w", c.id, err)
		}
		forgotten += n
		if n < forgetBatch {
			return forgotten, nil
		}
	}
}

func forgetStatuses(tx *bolt.Tx, before uint64) (int, error) {
	statuses, ages := tx.Bucket(bucketStatuses), tx.Bucket(bucketStatusAge)
	var old [][]byte
	c := ages.Cursor()
	for k, _ := c.First(); len(k) == 24 && binary.BigEndian.Uint64(k) < before && len(old) < forgetBatch; k, _ = c.Next() {
		old = append(old, append([]byte(nil), k...))
	}
	for _, k := range old {
		if err := errors.Join(ages.Delete(k), statuses.Delete(k[8:])); err != nil {
			return 0, err
		}
	}
	if len(old) > 0 {
		return len(old), markDeletion(tx.Bucket(bucketMeta))
	}
	return 0, nil
}
