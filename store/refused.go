package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
	"github.com/accord-taxii/accord/store/journal"
)

// refusedFormat is the first format in which refused objects are kept.
const refusedFormat = 4

// How much is kept of what one party was refused in one agreement. The oldest make room for newer ones.
const (
	MostRefused      = 1000
	MostRefusedBytes = 16 << 20 // of texts and messages
	MostRefusedText  = 1 << 20  // of one object; a larger one is not kept
)

// RefusedKey names a refused object that is kept: the same text of the same party is kept once.
type RefusedKey [16]byte

func (k RefusedKey) String() string { return hex.EncodeToString(k[:]) }

// ParseRefusedKey reads what String wrote.
func ParseRefusedKey(text string) (k RefusedKey, ok bool) {
	n, err := hex.Decode(k[:], []byte(text[:min(len(text), 2*len(k))]))
	return k, err == nil && n == len(k) && len(text) == 2*len(k)
}

func refusedKey(party agreement.PartyName, digest journal.Digest) (k RefusedKey) {
	sum := sha256.Sum256(append(append([]byte(party), 0), digest[:]...))
	copy(k[:], sum[:])
	return k
}

// RefusalDraft makes a submission keep what is refused of it: Objects, and those of its changes that the store itself
// refuses. What a submission adds is kept no longer.
type RefusalDraft struct {
	Objects []RefusedObject

	// As is whose they are, when the batch is not a party's.
	As agreement.PartyName
}

// RefusedObject is an object that was refused, and why.
type RefusedObject struct {
	Text    []byte `json:"-"`
	ID      string `json:"id"`      // as the status names it
	Version string `json:"version"` // the same
	Rule    string `json:"rule,omitempty"`
	Message string `json:"message,omitempty"`

	// Outcome, when its Kind is set, is why the store refused the object, which has passed everything else.
	Outcome Outcome `json:"outcome"`
}

// KeptRefusal is a refused object that is kept.
type KeptRefusal struct {
	RefusedObject
	Key     RefusedKey            `json:"-"`
	At      time.Time             `json:"at"` // when it was refused first
	Account agreement.AccountName `json:"account"`
	Party   agreement.PartyName   `json:"party"`
	Size    int                   `json:"size"` // of its text, in bytes
	Place   []byte                `json:"-"`    // in the order of Collection.Refused
}

// What is kept under a RefusedKey is: the length of the header as uvarint, the header as JSON, the text compressed, and a
// checksum. Its place is the length of the party's name as a byte, the name, the time as 8 bytes and the key; under that are
// the bytes that count, as uvarint, and a checksum.

func refusedPlace(party agreement.PartyName, at uint64, key RefusedKey) []byte {
	return append(binary.BigEndian.AppendUint64(refusedParty(party), at), key[:]...)
}

// refusedParty is the prefix of the places of a party.
func refusedParty(party agreement.PartyName) []byte {
	return append([]byte{byte(len(party))}, party...)
}

// placeEnd is the length of what follows the party in a place.
const placeEnd = 8 + len(RefusedKey{})

// parsePlace returns the party's prefix, the time and the key of a place.
func parsePlace(place []byte) (party []byte, at uint64, key RefusedKey, ok bool) {
	n := len(place) - placeEnd
	if n < 1 || int(place[0]) != n-1 {
		return nil, 0, key, false
	}
	copy(key[:], place[n+8:])
	return place[:n], binary.BigEndian.Uint64(place[n:]), key, true
}

// keepRefused keeps what was refused of a batch, and drops what it added.
func (a *applier) keepRefused(b *preparedBatch, outcomes []Outcome, now uint64) error {
	by := b.actor
	if b.refused.As != "" {
		by.Party = b.refused.As
	}
	party := by.Party
	if party == "" || len(party) > 255 {
		return nil
	}
	prefix := refusedParty(party)
	place, _ := a.refusedAge.Cursor().Seek(prefix)
	empty := !bytes.HasPrefix(place, prefix)
	keeps, deletes := len(b.refused.Objects) > 0, false
	for i := range b.changes {
		ch := &b.changes[i]
		if ch.Add == nil {
			continue
		}
		switch outcomes[i].Kind {
		case Added, Already, Corrected:
			if empty {
				continue
			}
			dropped, err := a.dropObject(refusedKey(party, ch.digest))
			if err != nil {
				return err
			}
			deletes = deletes || dropped
		case Conflict, NotOwner, NotCreator, Barred:
			keeps = true
			o := &ch.Add.Object
			err := a.keepObject(refusedKey(party, ch.digest), by, now, RefusedObject{Text: o.Raw(), ID: string(o.ID), Version: o.Version, Outcome: outcomes[i]})
			if err != nil {
				return err
			}
		}
	}
	for _, o := range b.refused.Objects {
		if err := a.keepObject(refusedKey(party, sha256.Sum256(o.Text)), by, now, o); err != nil {
			return err
		}
	}
	if keeps {
		dropped, err := a.boundRefused(party)
		if err != nil {
			return err
		}
		deletes = deletes || dropped
	}
	if deletes {
		return markDeletion(a.meta)
	}
	return nil
}

// keepObject keeps an object. One that is kept already keeps its time and its sender: it is not kept the longer for being
// sent again, and an operator who tries it again did not send it.
func (a *applier) keepObject(key RefusedKey, by Actor, now uint64, o RefusedObject) error {
	if len(o.Text) > MostRefusedText {
		return nil
	}
	if old, err := readRefused(a.refused, key); err != nil {
		return err
	} else if old != nil {
		now, by.Account = uint64(old.At.UnixMicro()), old.Account
	}
	kept := KeptRefusal{RefusedObject: o, At: timeOf(now), Account: by.Account, Party: by.Party, Size: len(o.Text)}
	header, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("keep a refused object: %w", err)
	}
	enc, err := statusEncoder()
	if err != nil {
		return fmt.Errorf("keep a refused object: %w", err)
	}
	value := append(binary.AppendUvarint(nil, uint64(len(header))), header...)
	value = enc.EncodeAll(o.Text, value)
	place := refusedPlace(by.Party, now, key)
	size := binary.AppendUvarint(nil, uint64(len(header)+len(o.Text)))
	if err := errors.Join(a.refused.Put(key[:], withChecksum(key[:], value)), a.refusedAge.Put(place, withChecksum(place, size))); err != nil {
		return fmt.Errorf("keep a refused object: %w", err)
	}
	return nil
}

// dropObject drops an object, if it is kept.
func (a *applier) dropObject(key RefusedKey) (dropped bool, err error) {
	old, err := readRefused(a.refused, key)
	if err != nil || old == nil {
		return false, err
	}
	place := refusedPlace(old.Party, uint64(old.At.UnixMicro()), key)
	if err := errors.Join(a.refused.Delete(key[:]), a.refusedAge.Delete(place)); err != nil {
		return false, fmt.Errorf("drop the refused object %s: %w", key, err)
	}
	return true, nil
}

// boundRefused drops the oldest of what is kept for a party, until the rest is within the bounds.
func (a *applier) boundRefused(party agreement.PartyName) (dropped bool, err error) {
	prefix := refusedParty(party)
	var places [][]byte
	var sizes []uint64
	total := uint64(0)
	c := a.refusedAge.Cursor()
	for place, v := c.Seek(prefix); bytes.HasPrefix(place, prefix); place, v = c.Next() {
		size, err := verifyChecksum(place, v)
		if err != nil {
			return false, err
		}
		n, _ := binary.Uvarint(size)
		places, sizes, total = append(places, bytes.Clone(place)), append(sizes, n), total+n
	}
	for i := 0; i < len(places) && (len(places)-i > MostRefused || total > MostRefusedBytes); i++ {
		place := places[i]
		if err := errors.Join(a.refusedAge.Delete(place), a.refused.Delete(place[len(place)-len(RefusedKey{}):])); err != nil {
			return false, fmt.Errorf("make room for refused objects: %w", err)
		}
		total -= sizes[i]
		dropped = true
	}
	return dropped, nil
}

var errRefusedObject = fmt.Errorf("%w: a refused object that is kept", verifiedbolt.ErrDamaged)

// readRefused reads what is kept under a key without its text, nil if nothing is.
func readRefused(b *bolt.Bucket, key RefusedKey) (*KeptRefusal, error) {
	kept, _, err := parseRefused(key, b.Get(key[:]))
	return kept, err
}

func parseRefused(key RefusedKey, value []byte) (kept *KeptRefusal, packed []byte, err error) {
	value, err = verifyChecksum(key[:], value)
	if err != nil || value == nil {
		return nil, nil, err
	}
	n, used := binary.Uvarint(value)
	if used <= 0 || n > uint64(len(value)-used) {
		return nil, nil, errRefusedObject
	}
	header, packed := value[used:used+int(n)], value[used+int(n):]
	kept = &KeptRefusal{Key: key}
	if err := json.Unmarshal(header, kept); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errRefusedObject, err)
	}
	return kept, packed, nil
}

// Refused visits the refused objects that are kept for a party, or for all of them if party is "", and were refused first
// at or after a moment: by party, then the oldest first, without their texts. It begins after the place of an earlier visit,
// or at the beginning, and ends when visit returns false.
func (c *Collection) Refused(party agreement.PartyName, since time.Time, after []byte, visit func(KeptRefusal) bool) error {
	err := c.view(func(tx *bolt.Tx) error {
		ages, refused := tx.Bucket(bucketRefusedAge), tx.Bucket(bucketRefused)
		if ages == nil || refused == nil {
			return nil // a file of an older format
		}
		var prefix []byte
		if party != "" {
			prefix = refusedParty(party)
		}
		cursor := ages.Cursor()
		start := prefix
		if bytes.Compare(after, start) > 0 {
			start = after
		}
		for place, _ := cursor.Seek(start); place != nil && bytes.HasPrefix(place, prefix); place, _ = cursor.Next() {
			_, at, key, ok := parsePlace(place)
			if !ok {
				return errRefusedObject
			}
			if bytes.Equal(place, after) || timeOf(at).Before(since) {
				continue
			}
			kept, err := readRefused(refused, key)
			if err != nil {
				return err
			}
			if kept == nil {
				return errRefusedObject
			}
			kept.Place = bytes.Clone(place)
			if !visit(*kept) {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read refused objects: %w", err)
	}
	return nil
}

// RefusedObject returns the refused object under a key, with its text.
func (c *Collection) RefusedObject(key RefusedKey) (kept KeptRefusal, ok bool, err error) {
	err = c.view(func(tx *bolt.Tx) error {
		refused := tx.Bucket(bucketRefused)
		if refused == nil {
			return nil
		}
		found, packed, err := parseRefused(key, refused.Get(key[:]))
		if err != nil || found == nil {
			return err
		}
		dec, err := statusDecoder()
		if err != nil {
			return err
		}
		if found.Text, err = dec.DecodeAll(packed, nil); err != nil {
			return fmt.Errorf("%w: %w", errRefusedObject, err)
		}
		kept, ok = *found, true
		return nil
	})
	if err != nil {
		return KeptRefusal{}, false, fmt.Errorf("read the refused object %s: %w", key, err)
	}
	return kept, ok, nil
}

// ForgetRefused drops refused objects that were refused first before a moment, a bounded number, and returns how many.
func (c *Collection) ForgetRefused(ctx context.Context, before time.Time) (int, error) {
	before = timeOf(microseconds(before))
	var old [][]byte
	err := c.view(func(tx *bolt.Tx) (err error) {
		old, err = oldRefused(tx, microseconds(before))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget refused objects of collection %s: %w", c.id, err)
	}
	if len(old) == 0 {
		return 0, ctx.Err()
	}
	r, err := c.Append(ctx, Batch{Changes: []Change{{Forget: &Forgetting{before}}}})
	if err != nil {
		return 0, fmt.Errorf("forget refused objects: %w", err)
	}
	return r.Outcomes[0].Dropped, nil
}

// forgetRefused drops old refused objects.
func (a *applier) forgetRefused(f *Forgetting) error {
	old, err := oldRefused(a.tx, microseconds(f.Before))
	if err != nil {
		return err
	}
	for _, place := range old {
		if err := errors.Join(a.refusedAge.Delete(place), a.refused.Delete(place[len(place)-len(RefusedKey{}):])); err != nil {
			return fmt.Errorf("forget refused objects: %w", err)
		}
	}
	*a.out = Outcome{Kind: Forgotten, Dropped: len(old)}
	if len(old) == 0 {
		return nil
	}
	return markDeletion(a.meta)
}

// oldRefused returns the places of objects that were refused first before a moment, a bounded number.
func oldRefused(tx *bolt.Tx, before uint64) ([][]byte, error) {
	ages := tx.Bucket(bucketRefusedAge)
	if ages == nil {
		return nil, nil // read-only, of an older format
	}
	var old [][]byte
	c := ages.Cursor()
	place, _ := c.First()
	for place != nil && len(old) < forgetBatch {
		party, at, _, ok := parsePlace(place)
		if !ok {
			return nil, errRefusedObject
		}
		if at < before {
			old = append(old, bytes.Clone(place))
			place, _ = c.Next()
			continue
		}
		place, _ = c.Seek(binary.BigEndian.AppendUint64(bytes.Clone(party), ^uint64(0))) // the next party
	}
	return old, nil
}

// refused checks that each refused object can be read and is found by its place, and no other place leads to one.
func (k *checking) refused() error {
	ages, refused := k.tx.Bucket(bucketRefusedAge), k.tx.Bucket(bucketRefused)
	if ages == nil || refused == nil {
		return nil // a file of an older format: see layout
	}
	count := 0
	c := refused.Cursor()
	for key, b := c.First(); key != nil; key, b = c.Next() {
		if err := k.step(); err != nil {
			return err
		}
		count++
		var name RefusedKey
		if copy(name[:], key); len(key) != len(name) {
			k.fault("a refused object has the key %x", key)
			continue
		}
		kept, _, err := parseRefused(name, b)
		if err != nil {
			k.fault("the refused object %x: %v", key, err)
			continue
		}
		place := refusedPlace(kept.Party, uint64(kept.At.UnixMicro()), name)
		if size, err := verifyChecksum(place, ages.Get(place)); err != nil || size == nil {
			k.fault("the refused object %x is not listed by its age", key)
		}
	}
	if n := countKeys(ages); n != count {
		k.fault("%d refused objects are listed by age, but %d are kept", n, count)
	}
	return nil
}

// forgetHalfRefused drops refused objects that are there by half, after only a part of them could be read.
func forgetHalfRefused(tx *bolt.Tx) error {
	ages, refused := tx.Bucket(bucketRefusedAge), tx.Bucket(bucketRefused)
	listed := map[RefusedKey]bool{}
	var strayPlaces, strayKeys [][]byte
	err := ages.ForEach(func(place, v []byte) error {
		_, _, key, ok := parsePlace(place)
		size, damaged := verifyChecksum(place, v)
		kept, unreadable := readRefused(refused, key)
		if !ok || damaged != nil || size == nil || unreadable != nil || kept == nil {
			strayPlaces = append(strayPlaces, bytes.Clone(place))
			return nil
		}
		listed[key] = true
		return nil
	})
	err = errors.Join(err, refused.ForEach(func(key, _ []byte) error {
		var k RefusedKey
		if copy(k[:], key); len(key) != len(k) || !listed[k] {
			strayKeys = append(strayKeys, bytes.Clone(key))
		}
		return nil
	}))
	for _, place := range strayPlaces {
		err = errors.Join(err, ages.Delete(place))
	}
	for _, key := range strayKeys {
		err = errors.Join(err, refused.Delete(key))
	}
	return err
}
