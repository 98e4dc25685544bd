package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
	"github.com/accord-taxii/accord/store/journal"
)

// RegistryChange sets one thing in accord.db. Exactly one of the pointers is set.
type RegistryChange struct {
	Server    *Server
	Root      *Root
	Party     *agreement.Party
	Account   *auth.Account // its Revision is set by the store
	Witnesses *[]Witness    // all of them
	Webhooks  *[]Webhook    // all of them

	Credentials *[]Credential // all of them

	// DeleteAccount and DeleteParty name what is deleted. A name that was deleted is not taken again.
	DeleteAccount string
	DeleteParty   agreement.PartyName

	Act    string // create, change, disable, ...: recorded; "" is create or change, whichever it is
	Reason string // recorded
}

// recorded is a change as accord.db stores it: a document, the bucket and key it is stored under, and the text of its
// entry.
type recorded struct {
	bucket, key []byte
	subject     string
	act, reason string
	document    func(before []byte) ([]byte, error) // nil document: nothing changes
	remove      bool
}

// Change applies changes to accord.db in one transaction, each with an entry in its journal. A change that has no
// effect gets no entry.
func (s *Store) Change(ctx context.Context, by Actor, changes []RegistryChange) error {
	return s.ChangeOn(ctx, by, s.Registry().Revision, changes)
}

// ChangeOn is Change for changes that were planned on a revision of accord.db. In a cluster it returns ErrStale if anything was
// changed since, here or on another node: nothing has happened then, and the caller plans again. A caller that is alone
// excludes that by itself.
func (s *Store) ChangeOn(ctx context.Context, by Actor, revision uint64, changes []RegistryChange) error {
	records := make([]recorded, len(changes))
	for i, ch := range changes {
		var err error
		if records[i], err = ch.record(); err != nil {
			return fmt.Errorf("change %d of %d in accord.db: %w", i+1, len(changes), err)
		}
	}
	m := &registryMessage{by: by, revision: revision}
	if err := s.write(ctx, m, func(tx *bolt.Tx) error { return m.plan(tx, records) }); err != nil {
		return fmt.Errorf("change accord.db: %w", err)
	}
	for _, ch := range changes {
		if ch.Party != nil {
			return s.alignIdentities(ctx, by)
		}
	}
	return nil
}

// write makes changes of accord.db: plan applies them, as m, in a transaction. In a cluster that is a rehearsal, and what m
// has then is proposed.
func (s *Store) write(ctx context.Context, m *registryMessage, plan func(*bolt.Tx) error) error {
	if s.opts.Log != nil {
		return s.propose(ctx, m, plan)
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.writable(ctx); err != nil {
		return err
	}
	m.clock = microseconds(s.opts.Now())
	if err := s.db.Update(plan); err != nil {
		return err
	}
	if !m.changesDocuments() {
		return nil
	}
	return s.reread(nil)
}

// plan turns changes into records and applies them.
func (m *registryMessage) plan(tx *bolt.Tx, changes []recorded) error {
	for _, ch := range changes {
		rec, changed, err := ch.plan(tx)
		if err == nil && changed {
			m.records = append(m.records, rec)
			err = rec.apply(tx, m)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", ch.subject, err)
		}
	}
	return nil
}

// plan says what a change comes to in accord.db as it is; changed is false if it has no effect.
func (ch recorded) plan(tx *bolt.Tx) (rec registryRecord, changed bool, err error) {
	rec = registryRecord{bucket: string(ch.bucket), key: string(ch.key), remove: ch.remove, subject: ch.subject, act: ch.act, reason: ch.reason}
	before := bytes.Clone(tx.Bucket(ch.bucket).Get(ch.key))
	if ch.remove {
		rec.act = "delete"
		if before == nil {
			return rec, false, errors.New("there is none")
		}
		return rec, true, nil
	}
	if before == nil {
		if err := ch.neverDeleted(tx); err != nil {
			return rec, false, err
		}
	}
	rec.document, err = ch.document(before)
	if err != nil || rec.document == nil || bytes.Equal(rec.document, before) {
		return rec, false, err
	}
	rec.act = cmp.Or(rec.act, cond(before == nil, "create", "change"))
	return rec, true, nil
}

// keyDeleted is the key in accord.db's meta bucket of the subjects that were deleted, a line each: their names stand in journals.
var keyDeleted = []byte("deleted")

// neverDeleted refuses a name that something had before that was deleted.
func (ch recorded) neverDeleted(tx *bolt.Tx) error {
	for line := range bytes.Lines(tx.Bucket(bucketRegistryMeta).Get(keyDeleted)) {
		if string(bytes.TrimSuffix(line, []byte("\n"))) == ch.subject {
			return fmt.Errorf("there was a %s, which was deleted: its name stands in journals and is not given again", ch.subject)
		}
	}
	return nil
}

// record turns a change into what is stored.
func (ch RegistryChange) record() (recorded, error) {
	var rec recorded
	set := 0
	if v := ch.Server; v != nil {
		set++
		rec = recorded{bucket: bucketServer, key: []byte("server"), subject: "server", document: same(*v)}
	}
	if v := ch.Root; v != nil {
		set++
		rec = named(bucketRoots, "api root", v.Name, same(*v))
	}
	if v := ch.Party; v != nil {
		set++
		rec = named(bucketParties, "party", string(v.Name), same(*v))
	}
	if v := ch.Account; v != nil {
		set++
		rec = named(bucketAccounts, "account", v.Name, accountDocument(*v))
	}
	if v := ch.Witnesses; v != nil {
		set++
		rec = recorded{bucket: bucketServer, key: []byte("witnesses"), subject: "witnesses", document: same(*v)}
	}
	if v := ch.Webhooks; v != nil {
		set++
		rec = recorded{bucket: bucketServer, key: []byte("webhooks"), subject: "webhooks", document: same(*v)}
	}
	if v := ch.Credentials; v != nil {
		set++
		rec = recorded{bucket: bucketServer, key: []byte("credentials"), subject: "credentials", document: same(*v)}
	}
	if ch.DeleteAccount != "" {
		set++
		rec = named(bucketAccounts, "account", ch.DeleteAccount, nil)
		rec.remove = true
	}
	if ch.DeleteParty != "" {
		set++
		rec = named(bucketParties, "party", string(ch.DeleteParty), nil)
		rec.remove = true
	}
	if set != 1 {
		return recorded{}, fmt.Errorf("a change sets one thing, this one sets %d", set)
	}
	if len(rec.key) == 0 {
		return recorded{}, fmt.Errorf("%shas no name", rec.subject)
	}
	rec.act, rec.reason = ch.Act, ch.Reason
	return rec, nil
}

func listedRecord(l Listed) recorded {
	return named(bucketAgreements, "agreement", string(l.Name), same(l))
}

func named(bucket []byte, what, name string, document func([]byte) ([]byte, error)) recorded {
	return recorded{bucket: bucket, key: []byte(name), subject: what + " " + name, document: document}
}

func same(v any) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return json.Marshal(v) }
}

// accountDocument increments the account's Revision if anything else in it changed.
func accountDocument(a auth.Account) func([]byte) ([]byte, error) {
	return func(before []byte) ([]byte, error) {
		var old auth.Account
		if before != nil {
			if err := readDocument(before, &old); err != nil {
				return nil, err
			}
			a.Revision = old.Revision
			if doc, err := json.Marshal(a); err != nil || bytes.Equal(doc, before) {
				return nil, err
			}
		}
		a.Revision = old.Revision + 1
		return json.Marshal(a)
	}
}

func compareNames(a, b agreement.Name) int { return cmp.Compare(a, b) }

// AdminHead returns the size of accord.db's own journal and the root hash of its tree (RFC 6962, section 2.1).
func (s *Store) AdminHead() (size uint64, root tlog.Hash, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		size = adminEntries(tx)
		root, err = tlog.TreeHash(int64(size), treeHashes{tx.Bucket(bucketAdminHashes), tx.Bucket(bucketAdminJournal)})
		return err
	})
	return size, root, err
}

// AdminEntries calls visit for the entries of accord.db's own journal in order, starting at position from, until visit
// returns false or limit entries were visited. visit runs inside a transaction and must not block. Positions have no gaps: a key that
// is not the next one is damage, or a caller that goes on behind the last position would never end.
func (s *Store) AdminEntries(from journal.Position, limit int, visit func(journal.Position, journal.Entry, []byte) bool) error {
	return s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketAdminJournal).Cursor()
		next := max(from, 1)
		for k, v := c.Seek(positionKey(next)); k != nil && limit > 0; k, v = c.Next() {
			if adminPosition(k) != next {
				return fmt.Errorf("%w: entry %d of accord.db is missing, %x stands in its place", verifiedbolt.ErrDamaged, next, k)
			}
			next++
			e, err := journal.ParseEntry(v)
			if err != nil {
				return fmt.Errorf("read entry %x of accord.db: %w", k, err)
			}
			if !visit(next-1, e, bytes.Clone(v)) {
				return nil
			}
			limit--
		}
		return nil
	})
}

// adminEntries returns the size of accord.db's journal.
func adminEntries(tx *bolt.Tx) uint64 {
	k, _ := tx.Bucket(bucketAdminJournal).Cursor().Last()
	if k == nil {
		return 0
	}
	return uint64(adminPosition(k))
}

// appendAdminEntry appends an entry to accord.db's journal, with a time later than that of the entry before.
func appendAdminEntry(tx *bolt.Tx, e journal.Entry) error {
	b := tx.Bucket(bucketAdminJournal)
	size := adminEntries(tx)
	if size > 0 {
		last, err := journal.ParseEntry(b.Get(positionKey(journal.Position(size))))
		if err != nil {
			return fmt.Errorf("read entry %d of accord.db: %w", size, err)
		}
		if !e.At.After(last.At) {
			e.At = last.At.Add(time.Microsecond)
		}
	}
	e.Reason = journal.CleanText(e.Reason)
	if err := e.Check(); err != nil {
		return fmt.Errorf("write entry %d of accord.db: %w", size+1, err)
	}
	text := e.Append(nil)
	tree, err := newTreeAppender(tx.Bucket(bucketAdminHashes), b, size)
	if err != nil {
		return err
	}
	if err := errors.Join(tree.add(text), tree.put()); err != nil {
		return err
	}
	return b.Put(positionKey(journal.Position(size+1)), text)
}

func adminPosition(key []byte) journal.Position {
	if len(key) != 8 {
		return 0
	}
	return journal.Position(binary.BigEndian.Uint64(key))
}
