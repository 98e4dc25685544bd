package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// What is in a data folder.
const (
	registryName   = "accord.db"
	agreementsName = "agreements"
	lockName       = "lock"
	clusterName    = "cluster" // of internal/cluster, which alone knows what is in it
)

// Store is a data folder, open: accord.db and a file per agreement.
type Store struct {
	dir  string
	opts Options
	lock *os.File
	db   *verifiedbolt.DB // accord.db

	keyring  keyring
	upkeep   sync.Mutex // held while upkeep.json is replaced
	recorded recordedHeads

	changing  sync.Mutex // held while accord.db or the list of open files changes
	recording sync.Mutex // held while heads are recorded
	closed    bool       // guarded by changing
	now       atomic.Pointer[contents]

	compacting  chan struct{} // has one element while a file is compacted
	compactStep func(string)  // called after each step of that, by tests; may be nil

	stopSweeper context.CancelFunc
	swept       chan struct{} // closed when the sweeper has ended

	waking  sync.Mutex
	newer   chan struct{} // guarded by waking; closed and replaced when what is shown changes
	version uint64        // guarded by waking; see Version

	cluster clusterState
}

// contents are what a Store serves from, at one moment. They are shared and must not be changed.
type contents struct {
	registry    *Registry
	collections []*Collection // by agreement name
	byName      map[agreement.Name]*Collection
	byID        map[string]*Collection // by the canonical text of the collection id
	unavailable []Unavailable          // by agreement name
	deleted     map[string]bool        // accounts that were deleted while the folder was open
}

// Unavailable is an agreement that is listed but whose file could not be opened. The others are served without it.
type Unavailable struct {
	Listed
	Reason   error
	Standing *Standing // as it was last known; nil: unknown
}

// Options of Open. Zero values are the defaults.
type Options struct {
	ReadOnly bool
	Now      func() time.Time // default time.Now
	Failed   func(error)      // called with what failed in the background; nil: nothing

	// Log, when set, makes the folder a node of a cluster: all that changes its files comes from there, see Log. Cluster is
	// the name of the cluster, which the folder keeps when it is first opened with one. Such a folder is opened for writing
	// with the log of that cluster only, until LeaveLog.
	Log     Log
	Cluster string
	Node    string // its name in the cluster: in the server's journal it stands beside what is this node's own

	// HeadDiffers, when set, is told of a journal that differs from that of the node that wrote a message, on the goroutine
	// that applies it and after it is applied. It must not wait for that goroutine.
	HeadDiffers func(HeadDifference)

	// Succeed, when set, has the log order a rotation of the signing key. It returns when Store.Succeed was called with it here.
	Succeed func(context.Context, KeySuccession) error

	// Damaged, when set, is told of an agreement whose file is not as it was left, by the goroutine that has read it. It must
	// not wait.
	Damaged func(collection uuid.UUID, err error)

	// Settle, when set, has the one that calls ApplyLog pause: it returns when all files have come to the same place, and goes on
	// after resume. A backup needs that, since a follower's file must not be ahead of its source's.
	Settle func(context.Context) (resume func(), err error)

	// ApplyTimeout is how long a write waits until it is applied here; 0 means 15 s.
	ApplyTimeout time.Duration
}

// Open opens a data folder, made if it does not exist (0700). While it is open no other process can open it: the error
// is then an *InUseError that says which. It reads accord.db and opens every agreement's file, but reads none of them
// through; one that is missing or damaged does not keep the others from being served, see Unavailable. With Options.ReadOnly several processes can
// read one folder, and nothing is made.
func Open(dir string, opts Options) (_ *Store, err error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Store{dir: dir, opts: opts, newer: make(chan struct{}), compacting: make(chan struct{}, 1)}
	s.cluster.life, s.cluster.end = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			s.closeFiles()
		}
	}()
	if err := RegistryLost(dir); err != nil {
		return nil, fmt.Errorf("open data folder: %w", err)
	}
	if err := s.makeFolder(); err != nil {
		return nil, err
	}
	if s.lock, err = lockFolder(dir, opts.ReadOnly); err != nil {
		return nil, err
	}
	if !opts.ReadOnly {
		if err := removeCompactions(dir); err != nil {
			return nil, err
		}
		if err := giveToOwner(dir); err != nil { // what a command that was killed left
			return nil, fmt.Errorf("give the files of %s to its owner: %w", dir, err)
		}
	}
	path := filepath.Join(dir, registryName)
	if s.db, err = openRegistry(path, opts.ReadOnly); err != nil {
		return nil, err
	}
	if err := syncFolder(dir, opts.ReadOnly); err != nil {
		return nil, err
	}
	r, err := readRegistry(s.db)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if err := s.checkCluster(); err != nil {
		return nil, fmt.Errorf("open data folder %s: %w", dir, err)
	}
	opened := s.openCollections(r)
	if err := s.enterCluster(opened); err != nil {
		s.now.Store(opened) // to be closed
		return nil, fmt.Errorf("open data folder %s: %w", dir, err)
	}
	if err := s.recallStanding(opened.unavailable); err != nil {
		return nil, err
	}
	s.now.Store(opened)
	if !opts.ReadOnly {
		if err := s.noteStanding(); err != nil {
			return nil, err
		}
		if opts.Log == nil {
			if err := s.alignIdentities(context.Background(), Actor{}); err != nil {
				return nil, fmt.Errorf("open data folder %s: %w", dir, err)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		s.stopSweeper, s.swept = cancel, make(chan struct{})
		go s.sweeper(ctx)
	}
	return s, nil
}

func (s *Store) makeFolder() error {
	agreements := filepath.Join(s.dir, agreementsName)
	if s.opts.ReadOnly {
		if _, err := os.Stat(filepath.Join(s.dir, registryName)); err != nil {
			return fmt.Errorf("open data folder %s: %w", s.dir, err)
		}
		return nil
	}
	if err := os.MkdirAll(agreements, 0o700); err != nil {
		return fmt.Errorf("make data folder %s: %w", s.dir, err)
	}
	return nil
}

// openCollections opens the file of every listed agreement, several at a time: with a thousand of them the system calls
// add up.
func (s *Store) openCollections(r *Registry) *contents {
	opened := make([]*Collection, len(r.Agreements))
	failed := make([]error, len(r.Agreements))
	var g errgroup.Group
	g.SetLimit(4 * runtime.GOMAXPROCS(0))
	for i, listed := range r.Agreements {
		g.Go(func() error {
			opened[i], failed[i] = s.openListed(listed)
			return nil
		})
	}
	g.Wait()

	c := &contents{registry: r}
	for i, listed := range r.Agreements {
		if failed[i] != nil {
			c.unavailable = append(c.unavailable, Unavailable{Listed: listed, Reason: failed[i]})
			continue
		}
		c.collections = append(c.collections, opened[i])
	}
	c.index()
	return c
}

// openListed opens a listed agreement's file and makes sure that it is that agreement's.
func (s *Store) openListed(l Listed) (*Collection, error) {
	path := s.collectionPath(l)
	col, err := openCollection(path, s.collectionOptions())
	if err != nil {
		return nil, err
	}
	if got := col.Agreement().Name; got != l.Name || col.ID() != l.Collection {
		err := fmt.Errorf("open %s: it holds the agreement %s (collection %s), where %s (collection %s) is listed",
			path, got, col.ID(), l.Name, l.Collection)
		return nil, errors.Join(err, col.close())
	}
	return col, nil
}

func (s *Store) collectionPath(l Listed) string {
	return filepath.Join(s.dir, agreementsName, l.Collection.String()+".db")
}

func (s *Store) collectionOptions() collectionOptions {
	return collectionOptions{
		ReadOnly: s.opts.ReadOnly, Now: s.opts.Now, Authorize: s.authorize, Identities: s.identityOf,
		Log: s.opts.Log, HeadDiffers: s.opts.HeadDiffers, ApplyTimeout: s.opts.ApplyTimeout, Damaged: s.opts.Damaged,
		raise: s.cluster.entering, noted: &s.cluster.noted,
	}
}

// index makes the lookup tables over the sorted collections.
func (c *contents) index() {
	c.byName = make(map[agreement.Name]*Collection, len(c.collections))
	c.byID = make(map[string]*Collection, len(c.collections))
	for _, col := range c.collections {
		c.byName[col.Agreement().Name] = col
		c.byID[col.ID().String()] = col
	}
}

// Dir returns the data folder.
func (s *Store) Dir() string { return s.dir }

// AgreementsDir returns the folder of the agreements' files, where their deliveries are kept too.
func (s *Store) AgreementsDir() string { return filepath.Join(s.dir, agreementsName) }

// ReadOnly reports whether the folder was opened for reading.
func (s *Store) ReadOnly() bool { return s.opts.ReadOnly }

// Close ends all writing and closes every file.
func (s *Store) Close() error {
	s.cluster.end() // what waits for the log holds no lock
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.compacting <- struct{}{} // a compaction was told to end, and holds no lock that this one holds
	s.endSweeper()
	if !s.opts.ReadOnly {
		if err := errors.Join(s.noteStanding(), s.keepPlace()); err != nil && s.opts.Failed != nil {
			s.opts.Failed(err)
		}
	}
	return s.closeFiles()
}

// closeFiles closes what is open. The lock goes last, so that a process that waits for it finds everything closed.
func (s *Store) closeFiles() error {
	var errs []error
	if c := s.now.Load(); c != nil {
		closed := make([]error, len(c.collections))
		var g errgroup.Group
		g.SetLimit(4 * runtime.GOMAXPROCS(0))
		for i, col := range c.collections {
			g.Go(func() error {
				closed[i] = col.close()
				return nil
			})
		}
		g.Wait()
		errs = append(errs, closed...)
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		if !s.opts.ReadOnly {
			errs = append(errs, giveToOwner(s.dir))
		}
		errs = append(errs, unlockFolder(s.lock, s.opts.ReadOnly))
	}
	return errors.Join(errs...)
}

// Registry is accord.db as it is now.
func (s *Store) Registry() *Registry { return s.now.Load().registry }

// Root finds an API root by name.
func (s *Store) Root(name string) (Root, bool) { return s.Registry().Root(name) }

// Collection finds the agreement's collection by the agreement's name.
func (s *Store) Collection(name agreement.Name) (*Collection, bool) {
	col, ok := s.now.Load().byName[name]
	return col, ok
}

// CollectionIn finds a collection of an API root by its id (in its canonical spelling) or its alias (TAXII 2.1, section
// 5.2.1). An alias never looks like an id.
func (s *Store) CollectionIn(root, idOrAlias string) (*Collection, bool) {
	c := s.now.Load()
	if col, ok := c.byID[idOrAlias]; ok {
		return col, col.Agreement().APIRoot == root
	}
	if idOrAlias == "" {
		return nil, false
	}
	// Aliases are terms, which change through Append: the agreements themselves say which are in force.
	for _, col := range c.collections {
		if a := col.Agreement(); a.Collection.Alias == idOrAlias && a.APIRoot == root {
			return col, true
		}
	}
	return nil, false
}

// CollectionsIn lists the collections of an API root, always in the same order (TAXII 2.1, section 3.3).
func (s *Store) CollectionsIn(root string) []*Collection {
	var in []*Collection
	for _, col := range s.now.Load().collections {
		if col.Agreement().APIRoot == root {
			in = append(in, col)
		}
	}
	return in
}

// Collections lists all of them, by agreement name.
func (s *Store) Collections() []*Collection { return slices.Clone(s.now.Load().collections) }

// CatchesUp reports whether a file is far behind the log at this moment: see Collection.CatchesUp.
func (s *Store) CatchesUp() bool {
	return slices.ContainsFunc(s.now.Load().collections, (*Collection).CatchesUp)
}

// Unavailable lists the agreements whose files could not be opened, by name.
func (s *Store) Unavailable() []Unavailable { return slices.Clone(s.now.Load().unavailable) }

// reread reads the registry again and shows it, with a collection more unless that is nil. The caller holds s.changing.
func (s *Store) reread(more *Collection) error {
	r, err := readRegistry(s.db)
	if err != nil {
		return err
	}
	c := *s.now.Load()
	for _, a := range c.registry.Accounts {
		if _, kept := r.Account(a.Name); !kept {
			c.deleted = maps.Clone(c.deleted)
			if c.deleted == nil {
				c.deleted = map[string]bool{}
			}
			c.deleted[a.Name] = true
		}
	}
	c.registry = r
	if more != nil {
		c.add(more)
	}
	s.show(&c)
	return nil
}

// add adds a collection.
func (c *contents) add(col *Collection) {
	c.collections = append(slices.Clone(c.collections), col)
	slices.SortFunc(c.collections, func(a, b *Collection) int {
		return compareNames(a.Agreement().Name, b.Agreement().Name)
	})
	c.index()
}

// show lets everybody see other contents, and wakes those who wait for them.
func (s *Store) show(c *contents) {
	s.waking.Lock()
	defer s.waking.Unlock()
	s.now.Store(c)
	s.version++
	close(s.newer)
	s.newer = make(chan struct{})
}

// Version is a number that grows whenever accord.db changes, or the list of open files: what Wait waits for. It is this process's.
func (s *Store) Version() uint64 {
	s.waking.Lock()
	defer s.waking.Unlock()
	return s.version
}

// Wait returns when the version is another than the one given, or ctx ends. An agreement may have another Collection then: its file
// was replaced.
func (s *Store) Wait(ctx context.Context, version uint64) error {
	for {
		s.waking.Lock()
		now, newer := s.version, s.newer
		s.waking.Unlock()
		if now != version {
			return nil
		}
		select {
		case <-newer:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ErrExists says that something is there already.
var ErrExists = errors.New("there already")

// ErrReadOnly says that the data folder was opened for reading.
var ErrReadOnly = errors.New("the data folder is open for reading only")

// errStoreClosed is the error of calls after Close.
var errStoreClosed = errors.New("the data folder is closed")

// isWritable is writable for a caller that does not hold s.changing.
func (s *Store) isWritable(ctx context.Context) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	return s.writable(ctx)
}

// writable says whether accord.db can be changed now.
func (s *Store) writable(ctx context.Context) error {
	switch {
	case s.closed:
		return errStoreClosed
	case s.opts.ReadOnly:
		return s.readOnly()
	}
	return context.Cause(ctx)
}

// readOnly is why a folder that is open for reading is not changed.
func (s *Store) readOnly() error {
	if s.cluster.member {
		return fmt.Errorf("%w: %w", ErrReadOnly, ErrInCluster)
	}
	return ErrReadOnly
}

// syncFolder makes the names in a folder durable: a new file's content alone would survive a power cut nameless.
func syncFolder(dir string, readOnly bool) error {
	if readOnly {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}
