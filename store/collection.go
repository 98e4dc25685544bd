package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// collectionFormat is the version of the layout of an agreement's file that this program writes. It reads all before: of
// what it opens for writing it makes a file of this one. In format 1 what followers keep has no checksums, in formats 1 and
// 2 versions have no origin, before format 6 no instant is wide: see upgrade.
const collectionFormat = 6

const (
	// pageSize is the size of a page of a new file. STIX objects of one or two kilobytes leave a third of a page of
	// 4 KiB empty, and little of this.
	pageSize = 16 << 10

	// mappedSize is how much of the address space a file gets from the start: growing the map stops readers.
	mappedSize = 1 << 30
)

// ErrClosed says that the collection has been closed.
var ErrClosed = errors.New("the collection is closed")

// ErrNoEntry says that a journal has no entry at a position.
var ErrNoEntry = errors.New("the journal has no such entry")

// Collection is one agreement's file, open. Its methods may be called from several goroutines.
type Collection struct {
	file   atomic.Pointer[openFile] // see use, begin, view and update
	id     uuid.UUID
	opts   collectionOptions
	format uint64
	queue  *commitQueue // nil when read-only

	terms    atomic.Pointer[terms]
	commits  atomic.Uint64
	revision atomic.Uint64               // odd while a transaction is being committed
	newest   atomic.Uint64               // no version was added later, whenever revision is even
	stats    atomic.Pointer[cachedStats] // of the newest transaction that a query has read

	lengthMu      sync.Mutex
	journalLength journal.Position // guarded by lengthening; entries in the journal
	lengthChanged chan struct{}    // guarded by lengthening; closed and replaced when the journal grows
	closing       chan struct{}
	closed        sync.Once

	replacing sync.Mutex            // held while the file is replaced
	ended     bool                  // guarded by replacing: the file is not replaced any more
	doubt     atomic.Pointer[error] // why nothing more is written; nil: it is

	placed   placeMark     // of the last message in the file, in a cluster
	shown    atomic.Uint64 // what readers see is of this place or an earlier one; it moves before they see it
	logClock atomic.Uint64 // latest clock reading of those, in microseconds
	backlog  atomic.Int64  // how long those are, in bytes, that ApplyLog has been given and not applied
}

type collectionOptions struct {
	ReadOnly bool
	Now      func() time.Time // nil: time.Now
	Mapped   int              // how much of the file is mapped from the start; 0: mappedSize

	// Authorize says why the author of a batch may not make it, as accord.db knows; nil: everyone may. It is asked right
	// before the batch goes into a transaction, and must not wait for anything.
	Authorize func(authority) error

	// Identities returns the identity that a party declares; nil: none does.
	Identities func(agreement.PartyName) stix.ID

	// Of a cluster: see Options. raise says that the folder enters it now, noted is how far it has come as a whole.
	Log          Log
	HeadDiffers  func(HeadDifference)
	Damaged      func(uuid.UUID, error)
	ApplyTimeout time.Duration
	raise        bool
	noted        *placeMark
}

// withIdentities is an agreement whose members have the identities that their parties declare.
func (o collectionOptions) withIdentities(a *agreement.Agreement) *agreement.Agreement {
	if o.Identities == nil {
		return a
	}
	a = a.Clone()
	for i := range a.Parties {
		a.Parties[i].Identity = o.Identities(a.Parties[i].Party)
	}
	return a
}

// createCollection makes the file of a new agreement, with the terms as its first entry, and opens it. The file gets its
// name when it is complete, so that a crash leaves no half one. The caller makes the name durable.
func createCollection(path string, id uuid.UUID, a *agreement.Agreement, by Actor, opts collectionOptions) (*Collection, error) {
	if id != a.Collection.ID {
		return nil, fmt.Errorf("create %s: the agreement %s has the collection %s, not %s", path, a.Name, a.Collection.ID, id)
	}
	first, err := firstTerms(a, opts)
	if err == nil {
		err = makeCollection(path, id, first, by, microseconds(opts.now()), 0, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return openCollection(path, opts)
}

// firstTerms is the change that a new agreement's journal begins with.
func firstTerms(a *agreement.Agreement, opts collectionOptions) (preparedChange, error) {
	a = opts.withIdentities(a).WithKeys(nil)
	document, err := a.Document()
	return preparedChange{Change: Change{Terms: &TermsChange{Act: "create"}}, document: document, openings: a.Openings()}, err
}

// makeCollection makes a file with its first terms, as of a moment. place is that of the message that makes it, in a cluster.
func makeCollection(path string, id uuid.UUID, first preparedChange, by Actor, now, place uint64, opts collectionOptions) (err error) {
	if opts.ReadOnly {
		return ErrReadOnly
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return ErrExists
	}
	unfinished := path + ".new"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := openBolt(unfinished, opts)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		t, err := createBuckets(tx)
		if err != nil {
			return err
		}
		if err := t.meta.Put(keyFormat, binary.BigEndian.AppendUint64(nil, collectionFormat)); err != nil {
			return err
		}
		if err := errors.Join(t.meta.Put(keyID, id[:]), putSweepCounts(t.meta, 0, 0)); err != nil {
			return err
		}
		_, err = apply(t, commitGroup{now: now, batches: []preparedBatch{{actor: by, changes: []preparedChange{first}}}})
		if err != nil || opts.Log == nil {
			return err
		}
		if err := enterLog(tx, bucketMeta, loggedCollectionFormat); err != nil {
			return err
		}
		return (&logState{bucket: tx.Bucket(bucketLog), place: place}).put()
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return os.Rename(unfinished, path)
}

// openCollection opens an agreement's file. It reads a few keys and pages, however much is stored.
func openCollection(path string, opts collectionOptions) (*Collection, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open collection: %w", err)
	}
	db, err := openBolt(path, opts)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	c := collectionOf(db, opts)
	c.revision.Store(firstRevision.Add(1) << 32)
	if err := db.View(c.load); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	if !opts.ReadOnly {
		if c.format < collectionFormat {
			if err := db.Update(func(tx *bolt.Tx) error { return upgrade(tx, c.format) }); err != nil {
				return nil, errors.Join(fmt.Errorf("upgrade %s from format %d: %w", path, c.format, err), db.Close())
			}
			c.format = collectionFormat
			if err := db.View(c.load); err != nil {
				return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
			}
		}
		if err := c.enterCluster(); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
		}
		c.queue = newCommitQueue(c)
	}
	return c, nil
}

func collectionOf(db *verifiedbolt.DB, opts collectionOptions) *Collection {
	c := &Collection{opts: opts, lengthChanged: make(chan struct{}), closing: make(chan struct{})}
	c.file.Store(newOpenFile(db))
	return c
}

// enterCluster makes sure that the file of a folder in a cluster has its place in the log, and that no other has.
func (c *Collection) enterCluster() error {
	in := c.format == loggedCollectionFormat
	switch {
	case c.opts.Log == nil && in:
		return ErrInCluster
	case c.opts.Log == nil:
		return nil
	case !in && !c.opts.raise:
		return errors.New("it has no place in the log of the cluster, which the data folder belongs to: it must be fetched from another node")
	}
	if c.opts.noted == nil {
		c.opts.noted = new(placeMark)
	}
	if !in {
		if err := c.update(func(tx *bolt.Tx) error { return enterLog(tx, bucketMeta, loggedCollectionFormat) }); err != nil {
			return err
		}
		c.format = loggedCollectionFormat
	}
	return c.view(func(tx *bolt.Tx) error {
		l, err := readLogState(tx)
		if err == nil {
			c.placed.set(l.place)
			c.shown.Store(l.place)
			c.logClock.Store(l.clock)
		}
		return err
	})
}

func openBolt(path string, opts collectionOptions) (*verifiedbolt.DB, error) {
	db, err := verifiedbolt.Open(path, boltOptions(opts))
	if err != nil {
		return nil, agreementFault(err)
	}
	db.AllocSize = growth(0)
	return db, nil
}

func boltOptions(opts collectionOptions) *bolt.Options {
	return &bolt.Options{
		ReadOnly:        opts.ReadOnly,
		Timeout:         time.Second, // another holder of the file is not an Accord of this folder: see lockFolder
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: cmp.Or(opts.Mapped, mappedSize),
		PageSize:        pageSize,
	}
}

func agreementFault(err error) error {
	if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || errors.Is(err, bolterrors.ErrVersionMismatch) {
		return fmt.Errorf("it is no agreement's file, or damaged: %w", err)
	}
	return err
}

// load reads what the file says about itself.
func (c *Collection) load(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return errors.New("it is no agreement's file: it has no meta bucket")
	}
	var err error
	if c.format, err = formatIn(meta, loggedCollectionFormat); err != nil {
		return err
	}
	id, err := uuid.FromBytes(meta.Get(keyID))
	if err != nil {
		return fmt.Errorf("read collection id: %w", err)
	}
	in, err := currentTerms(tx)
	if err != nil {
		return err
	}
	if id != in.Collection.ID {
		return fmt.Errorf("it says that it is collection %s, but holds the terms of %s", id, in.Collection.ID)
	}
	f, err := readStats(tx)
	if err != nil {
		return err
	}
	c.id, c.journalLength = id, journal.Position(f.entries)
	c.newest.Store(newestIn(tx, f))
	c.terms.Store(in)
	return nil
}

// unknownNewest stands for an unknown time of the newest version.
const unknownNewest = math.MaxUint64

// newestIn returns when the newest version was added. The stats alone are not enough: if they were damaged, polls would
// miss what is newer.
func newestIn(tx *bolt.Tx, f stats) uint64 {
	newest := uint64(unknownNewest)
	verifiedbolt.Guard(func() error {
		last, _ := tx.Bucket(bucketObjects).Cursor().Last()
		if len(last) == 8 {
			newest = max(f.lastAdded, addedOf(last))
		} else if last == nil {
			newest = f.lastAdded
		}
		return nil
	})
	return newest
}

// nothingAfter reports whether a query asks for versions later than the newest one, as a subscriber does that has
// everything. That takes no transaction: 42 µs of processor time for an empty poll became 37.
func (c *Collection) nothingAfter(q Query) bool {
	if q.After.IsZero() || len(q.IDs) > 0 { // what is known of an identifier is part of the answer
		return false
	}
	revision, settled := c.Revision()
	return settled && c.newest.Load() <= microseconds(q.After) && c.revision.Load() == revision
}

// currentTerms reads the agreement in force.
func currentTerms(tx *bolt.Tx) (*terms, error) {
	digest := tx.Bucket(bucketMeta).Get(keyTerms)
	document := tx.Bucket(bucketDocuments).Get(digest)
	if document == nil {
		return nil, fmt.Errorf("the terms in force, %x, are missing", digest)
	}
	a, err := readTerms(document, tx.Bucket(bucketOpenings))
	if err != nil {
		return nil, err
	}
	in := &terms{Agreement: a}
	copy(in.digest[:], digest)
	return in, nil
}

// close ends writing and closes the file. Batches that wait get ErrClosed, those in a transaction are finished.
func (c *Collection) close() error {
	c.closed.Do(func() { close(c.closing) })
	c.replacing.Lock()
	c.ended = true
	c.replacing.Unlock()
	c.newest.Store(unknownNewest)
	if c.queue != nil {
		c.queue.close()
	}
	if err := c.file.Load().db.Close(); err != nil {
		return fmt.Errorf("close collection %s: %w", c.id, err)
	}
	return nil
}

// ID is the collection's identifier.
func (c *Collection) ID() uuid.UUID { return c.id }

// Agreement returns the agreement in force. The value is shared and must not be changed.
func (c *Collection) Agreement() *agreement.Agreement { return c.terms.Load().Agreement }

// Terms returns the agreement in force and the digest of its document: what a batch that is judged by it names, see
// Batch.Terms. The value is shared and must not be changed.
func (c *Collection) Terms() (*agreement.Agreement, journal.Digest) {
	in := c.terms.Load()
	return in.Agreement, in.digest
}

// Commits is how many transactions have been committed since the file was opened: many fewer than batches when many
// write at once.
func (c *Collection) Commits() uint64 { return c.commits.Load() }

// firstRevision sets collections apart that were open one after the other.
var firstRevision atomic.Uint64

// Revision is a number that changes whenever what queries answer may change. settled is false while that is happening.
// Two answers to the same query are the same when Revision was the same, and settled, before the first and at the second.
func (c *Collection) Revision() (revision uint64, settled bool) {
	revision = c.revision.Load()
	return revision, revision%2 == 0
}

// Stats are counts kept beside the data, so that reading them costs nothing.
type Stats struct {
	Objects   uint64 // distinct identifiers
	Versions  uint64
	Bytes     uint64 // of the stored texts
	Entries   uint64 // size of the journal
	LastAdded time.Time
	LastEntry time.Time // of any kind, by the journal's clock
}

// Stats returns the collection's counts.
func (c *Collection) Stats() (Stats, error) {
	var s Stats
	err := c.view(func(tx *bolt.Tx) error {
		f, err := readStats(tx)
		if err != nil {
			return err
		}
		s = Stats{Objects: f.objects, Versions: f.versions, Bytes: f.bytes, Entries: f.entries}
		if f.lastAdded > 0 {
			s.LastAdded = timeOf(f.lastAdded)
		}
		if f.lastAt > 0 {
			s.LastEntry = timeOf(f.lastAt)
		}
		return nil
	})
	if err != nil {
		return Stats{}, fmt.Errorf("read stats: %w", err)
	}
	return s, nil
}

// Wait returns when the journal is longer than p, or ctx ends, or the collection is closed (ErrClosed).
func (c *Collection) Wait(ctx context.Context, p journal.Position) error {
	for {
		c.lengthMu.Lock()
		length, longer := c.journalLength, c.lengthChanged
		c.lengthMu.Unlock()
		if length > p {
			return nil
		}
		select {
		case <-longer:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.closing:
			return ErrClosed
		}
	}
}

// setLength wakes the callers of Wait: the journal has length entries.
func (c *Collection) setLength(length uint64) {
	c.lengthMu.Lock()
	defer c.lengthMu.Unlock()
	if p := journal.Position(length); p != c.journalLength {
		c.journalLength = p
		close(c.lengthChanged)
		c.lengthChanged = make(chan struct{})
	}
}

func (o collectionOptions) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

// OpenFile opens one agreement's file by itself, for reading: of a folder that is not in use, or a copy. close ends that.
func OpenFile(path string) (c *Collection, closeFile func() error, err error) {
	if c, err = openCollection(path, collectionOptions{ReadOnly: true}); err != nil {
		return nil, nil, err
	}
	return c, c.close, nil
}
