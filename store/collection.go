package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

var errNotBuilt = errors.New("not built yet")

// Collection is one agreement's file, open.
type Collection struct{}

// ID is the collection's identifier.
func (c *Collection) ID() uuid.UUID { return uuid.UUID{} }

// Agreement is the agreement as it is now. The value is shared: nobody changes it.
func (c *Collection) Agreement() *agreement.Agreement { return nil }

// Append is the one door for changes. It joins whoever else is waiting in one transaction and returns when that is
// durable. An error means that nothing of b has happened, or, after a failed fsync, that nobody knows.
func (c *Collection) Append(ctx context.Context, b Batch) (Result, error) {
	return Result{}, errNotBuilt
}

// Page answers a query with the objects themselves, appended to dst.
func (c *Collection) Page(q Query, dst []byte) (Page, error) { return Page{}, errNotBuilt }

// Records answers a query with one record a version; the page's Body stays empty.
func (c *Collection) Records(q Query) ([]Record, Page, error) { return nil, Page{}, errNotBuilt }

// StatusKept returns what a batch's Status kept, and who submitted it.
func (c *Collection) StatusKept(id uuid.UUID) (body []byte, by Actor, ok bool, err error) {
	return nil, Actor{}, false, errNotBuilt
}

// ForgetStatuses drops statuses older than before, a bounded number in one transaction, and returns how many.
func (c *Collection) ForgetStatuses(ctx context.Context, before time.Time) (int, error) {
	return 0, errNotBuilt
}

// Stats are figures kept beside the data, so that reading them costs nothing.
type Stats struct {
	Objects   uint64 // distinct identifiers
	Versions  uint64
	Bytes     uint64 // of the stored texts
	Entries   uint64 // size of the journal
	LastAdded time.Time
}

// Stats returns the collection's figures.
func (c *Collection) Stats() (Stats, error) { return Stats{}, errNotBuilt }

// Head is the journal's size and the hash of its tree (RFC 6962, section 2.1).
func (c *Collection) Head() (size uint64, root tlog.Hash, err error) {
	return 0, tlog.Hash{}, errNotBuilt
}

// Entry returns the entry at a position with its canonical bytes.
func (c *Collection) Entry(p journal.Position) (journal.Entry, []byte, error) {
	return journal.Entry{}, nil, errNotBuilt
}

// Entries calls visit for entries from position from on, in order, until visit returns false. visit must not wait for
// anything: it runs inside a transaction, at most limit times.
func (c *Collection) Entries(from journal.Position, limit int, visit func(journal.Position, journal.Entry, []byte) bool) error {
	return errNotBuilt
}

// ObjectAt returns the text of the version added at a position; ok is false when it is no longer there.
func (c *Collection) ObjectAt(p journal.Position) (text []byte, ok bool, err error) {
	return nil, false, errNotBuilt
}

// Wait returns when the journal is longer than p, or ctx ends.
func (c *Collection) Wait(ctx context.Context, p journal.Position) error { return errNotBuilt }

// CursorOf is how far a follower has come; 0 when it has not begun.
func (c *Collection) CursorOf(follower string) (uint64, error) { return 0, errNotBuilt }

// Hashes reads the tree's stored hashes.
func (c *Collection) Hashes() tlog.HashReader { return nil }

// Check reads the whole file: every digest, every index, the tree. It returns what it found wrong.
func (c *Collection) Check(ctx context.Context) ([]string, error) { return nil, errNotBuilt }

type collectionOptions struct {
	ReadOnly bool
	Now      func() time.Time
}

func createCollection(path string, id uuid.UUID, a *agreement.Agreement, by Actor, opts collectionOptions) (*Collection, error) {
	return nil, errNotBuilt
}

func openCollection(path string, opts collectionOptions) (*Collection, error) { return nil, errNotBuilt }

func (c *Collection) close() error { return errNotBuilt }
