package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/store/journal"
)

// registryMessage is a change of accord.db as the log carries it: documents as they will be, and the words of their entries.
type registryMessage struct {
	id       uuid.UUID
	clock    uint64 // of the proposer, in microseconds since 1970
	revision uint64 // that it was planned on: entries of accord.db's journal; 0 before a rehearsal: the present one
	by       Actor
	records  []registryRecord
	created  *preparedChange // the first terms of a new agreement, which the only record lists
}

// registryRecord is one change, with the entry that records it. Without a bucket it is an entry alone: of an act, or of the head of
// an agreement's journal.
type registryRecord struct {
	bucket, key          string
	document             []byte
	remove               bool
	subject, act, reason string
	head                 journal.Source // the journal, and how many entries it has
	root                 journal.Digest // of its tree; without a head, of a stretch of deliveries
	before               journal.Digest // of the stretch before
}

// registryBuckets are those that records may change.
var registryBuckets = [][]byte{bucketServer, bucketRoots, bucketParties, bucketAccounts, bucketAgreements}

func (m *registryMessage) fields(f *fields) {
	uintField(f, 1, &m.clock)
	uintField(f, 2, &m.revision)
	f.actor(3, 4, &m.by)
	recordsField(f, 5, &m.records, func(f *fields, r *registryRecord) {
		textField(f, 1, &r.bucket)
		textField(f, 2, &r.key)
		f.bytes(3, &r.document)
		f.flag(4, &r.remove)
		textField(f, 5, &r.subject)
		textField(f, 6, &r.act)
		textField(f, 7, &r.reason)
		f.source(8, &r.head)
		f.fixed(9, r.root[:])
		f.fixed(10, r.before[:])
	})
	f.record(6, m.created != nil, func(f *fields) { made(f, &m.created).termsFields(f) })
}

func encodeRegistry(m *registryMessage) ([]byte, error) {
	text, err := writeFields(m.fields)
	if err != nil {
		return nil, err
	}
	return encodeMessage(uuid.UUID{}, m.id, text)
}

// parseRegistry reads a message about accord.db.
func parseRegistry(message []byte) (*registryMessage, error) {
	h, text, err := openMessage(message)
	if err != nil {
		return nil, err
	}
	if h.About != (uuid.UUID{}) {
		return nil, fmt.Errorf("%w: it is about the collection %s, not accord.db", ErrMessage, h.About)
	}
	m := &registryMessage{id: h.Group}
	if err := readFields(text, m.fields); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return m, nil
}

func (m *registryMessage) check() error {
	if m.clock == 0 || m.clock > math.MaxInt64 || len(m.records) == 0 {
		return errors.New("it has no clock reading, or no record")
	}
	for _, r := range m.records {
		known := slices.ContainsFunc(registryBuckets, func(b []byte) bool { return string(b) == r.bucket })
		switch {
		case r.bucket == "" && r.key == "" && r.document == nil && !r.remove && (r.act != "" || !r.head.IsZero()):
		case known && r.key != "" && r.act != "" && r.head.IsZero() && r.remove == (r.document == nil):
		default:
			return fmt.Errorf("a record of %q cannot be", r.subject)
		}
	}
	if m.created == nil {
		return nil
	}
	if len(m.records) != 1 || m.records[0].bucket != string(bucketAgreements) || m.created.document == nil {
		return errors.New("it creates an agreement that it does not list")
	}
	return nil
}

// changesDocuments reports whether the registry is another afterwards, beside its revision.
func (m *registryMessage) changesDocuments() bool {
	return slices.ContainsFunc(m.records, func(r registryRecord) bool { return r.bucket != "" })
}

// stale reports whether a document of accord.db has changed since the message was planned. What was only recorded meanwhile, of
// heads, deliveries and acts, changes nothing that another change depends on; but heads are not recorded twice.
func (m *registryMessage) stale(tx *bolt.Tx) (bool, error) {
	size := adminEntries(tx)
	if m.revision >= size {
		return m.revision > size, nil
	}
	heads := len(m.records) > 0 && !m.records[0].head.IsZero()
	c := tx.Bucket(bucketAdminJournal).Cursor()
	for k, v := c.Seek(positionKey(journal.Position(m.revision + 1))); k != nil; k, v = c.Next() {
		e, err := journal.ParseEntry(v)
		if err != nil {
			return false, fmt.Errorf("read entry %x of accord.db: %w", k, err)
		}
		if heads || changesDocument(e) {
			return true, nil
		}
	}
	return false, nil
}

// changesDocument reports whether an entry of accord.db's journal records the change of a document.
func changesDocument(e journal.Entry) bool {
	return e.Kind == journal.Admin && e.Act != actSeal && (e.Digest != (journal.Digest{}) || e.Before != (journal.Digest{}))
}

// apply makes a change of accord.db and records it. Like apply of groups it reads no clock and draws no number.
func (r registryRecord) apply(tx *bolt.Tx, m *registryMessage) error {
	e := journal.Entry{
		Kind: journal.Admin, At: timeOf(m.clock), Account: string(m.by.Account), Party: string(m.by.Party),
		Act: r.act, Subject: r.subject, Reason: r.reason,
	}
	if r.bucket == "" {
		e.Digest, e.Before = r.root, r.before
		if !r.head.IsZero() {
			e = journal.Entry{Kind: journal.Head, At: e.At, Digest: r.root, Source: r.head}
		}
		return appendAdminEntry(tx, e)
	}
	b, meta := tx.Bucket([]byte(r.bucket)), tx.Bucket(bucketRegistryMeta)
	if before := b.Get([]byte(r.key)); before != nil { // it may hold a password's hash
		e.Before = sha256.Sum256(before)
		if err := markDeletion(meta); err != nil {
			return err
		}
	}
	if r.remove {
		deleted := append(bytes.Clone(meta.Get(keyDeleted)), r.subject+"\n"...)
		if err := errors.Join(b.Delete([]byte(r.key)), meta.Put(keyDeleted, deleted)); err != nil {
			return err
		}
		return appendAdminEntry(tx, e)
	}
	e.Digest = sha256.Sum256(r.document)
	if err := b.Put([]byte(r.key), r.document); err != nil {
		return err
	}
	return appendAdminEntry(tx, e)
}

// maxClockAhead is how far a message's clock may be ahead of the node that judges it before it is in the log: date_added follows it.
const maxClockAhead = time.Hour

// CheckMessage says why a message cannot be read, is not of the group that its entry of the log names, or is of a clock that is far
// ahead. One that is no later than what the log has already moves nothing ahead: every node names such a reading after a clock was
// far ahead once, see mostBehind.
func (s *Store) CheckMessage(about, group uuid.UUID, message []byte, now time.Time) error {
	id, clock, latest, err := uuid.UUID{}, uint64(0), s.cluster.clock.Load(), error(nil)
	if about == (uuid.UUID{}) {
		var m *registryMessage
		if m, err = parseRegistry(message); err == nil {
			id, clock = m.id, m.clock
		}
	} else {
		latest = 0
		if col, ok := s.CollectionOf(about); ok {
			latest = col.logClock.Load()
		}
		var g *groupMessage
		if g, err = parseGroup(about, message); err == nil {
			id, clock = g.id, g.clock
		}
	}
	switch {
	case err != nil:
		return err
	case id != group:
		return fmt.Errorf("%w: it is the group %s, not %s", ErrMessage, id, group)
	case timeOf(clock).Sub(now) > maxClockAhead && clock > latest:
		return fmt.Errorf("%w: its clock reading is %s", ErrMessage, timeOf(clock).UTC().Format(time.RFC3339))
	}
	return nil
}
