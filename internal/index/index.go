package index

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
)

// format is that of the index's keys and values. An index of another format is made again.
const format = 1

// Folder is where the index of a data folder lies.
func Folder(data string) string { return filepath.Join(data, "index") }

// Options of Open.
type Options struct {
	Now func() time.Time // nil: the clock

	// Patience is how long a search waits for the index to catch up with the journals; 0: two seconds.
	Patience time.Duration

	// Failed is told what made the index be made again, or kept it from following an agreement; it may be nil.
	Failed func(error)
}

// Index finds objects in the agreements of a data folder. Its methods may be called at the same time.
type Index struct {
	store *store.Store
	dir   string
	opts  Options

	broken  atomic.Bool   // pebble could not go on: db is neither used nor closed
	corrupt atomic.Bool   // pebble met a table that is damaged: the index is made again
	failing chan struct{} // closed at pebble's first failure to write; made anew with db
	failed  sync.Once     // closes failing; made anew with db

	mu          sync.RWMutex // held for reading while db is in use
	db          *pebble.DB   // nil when it could not be made: every search answers ErrUnavailable
	secret      secret
	facetTables *facetTables // of db's agreements; made anew with it

	hurry chan struct{} // a search waits for the index; room for one

	states struct {
		sync.Mutex
		of    map[uuid.UUID]*state
		moved chan struct{} // closed and made anew when a state has moved
	}
}

// ErrUnavailable is the answer while there is no index.
var ErrUnavailable = errors.New("the search index is not available")

// Open opens the index of a data folder, and begins a new one where there is none or it cannot be used.
func Open(s *store.Store, opts Options) (*Index, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Patience == 0 {
		opts.Patience = patience
	}
	if opts.Failed == nil {
		opts.Failed = func(error) {}
	}
	x := &Index{store: s, dir: Folder(s.Dir()), opts: opts, hurry: make(chan struct{}, 1)}
	x.states.of = make(map[uuid.UUID]*state)
	x.states.moved = make(chan struct{})
	if err := x.open(); err != nil {
		opts.Failed(fmt.Errorf("the search index is made again: %w", err))
		if err := x.renew(); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// Close ends all use of the index. Run must have ended.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db == nil || x.broken.Load() {
		return nil
	}
	err := x.flush()
	err = errors.Join(err, x.db.Close())
	x.db = nil
	return err
}

// flush writes what is in memory, unless the disk does not take it: then it is read from the journals at the next start.
func (x *Index) flush() error {
	flushed, err := x.db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
	case <-x.failing:
	}
	return nil
}

// pauseAfterFailure keeps pebble, which tries again at once what it could not write, from doing nothing else.
const pauseAfterFailure = time.Second

func (x *Index) couldNotWrite(err error) {
	x.failed.Do(func() {
		x.opts.Failed(fmt.Errorf("the search index cannot be written: %w", err))
		close(x.failing)
	})
	time.Sleep(pauseAfterFailure)
}

// remarks keeps pebble's remarks out of the log: what matters comes back as errors.
type remarks struct{ x *Index }

func (remarks) Infof(string, ...any)  {}
func (remarks) Errorf(string, ...any) {}

// Fatalf is called by pebble where it cannot go on, such as when the disk is full while it lists its files. The index is
// not worth the process: only the goroutine that called ends, and searches are refused until the next start.
func (r remarks) Fatalf(text string, args ...any) {
	if r.x.broken.CompareAndSwap(false, true) {
		r.x.opts.Failed(fmt.Errorf("the search index stops until the next start: "+text, args...))
	}
	runtime.Goexit()
}

func (x *Index) options() *pebble.Options {
	o := &pebble.Options{
		FS:                    private{vfs.Default},
		FormatMajorVersion:    pebble.FormatNewest,
		Merger:                union,
		Logger:                remarks{x},
		DisableWAL:            true, // what a crash loses is read from the journals again
		MemTableSize:          16 << 20,
		Cache:                 pebble.NewCache(64 << 20), // two memtables are taken from it: the rest holds the blocks of half a million objects
		MaxOpenFiles:          200,
		L0CompactionThreshold: 4,
		L0StopWritesThreshold: 24,
		EventListener: &pebble.EventListener{
			DataCorruption:  func(pebble.DataCorruptionInfo) { x.corrupt.Store(true) },
			BackgroundError: x.couldNotWrite,
		},
	}
	o.CompactionConcurrencyRange = func() (int, int) { return 1, 1 }
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 8 << 10
	}
	return o
}

// open opens the database and reads what it begins with.
func (x *Index) open() error {
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the search index: %w", err)
	}
	x.failing, x.failed = make(chan struct{}), sync.Once{}
	x.facetTables = newFacetTables()
	opts := x.options()
	defer opts.Cache.Unref()
	db, err := pebble.Open(x.dir, opts)
	if err != nil {
		return fmt.Errorf("open %s: %w", x.dir, err)
	}
	kept, err := get(db, metaKey("format"))
	if err == nil && kept == nil {
		kept = binary.BigEndian.AppendUint32(nil, format)
		var s secret
		rand.Read(s[:]) // never fails
		err = errors.Join(db.Set(metaKey("secret"), s[:], pebble.NoSync), db.Set(metaKey("format"), kept, pebble.NoSync), db.Flush())
	}
	if err == nil && (len(kept) != 4 || binary.BigEndian.Uint32(kept) != format) {
		err = errors.New("it is of another format")
	}
	var key []byte
	if err == nil {
		key, err = get(db, metaKey("secret"))
	}
	if err == nil && len(key) != len(x.secret) {
		err = errors.New("its key is missing")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open %s: %w", x.dir, err), db.Close())
	}
	copy(x.secret[:], key)
	x.db = db
	return nil
}

// renew throws the index away and begins a new one. x.mu is held, or x is not shared yet.
func (x *Index) renew() error {
	if x.db != nil {
		guard(x.db.Close) // what is thrown away may be closed badly
		x.db = nil
	}
	x.corrupt.Store(false)
	x.states.Lock()
	x.states.of = make(map[uuid.UUID]*state)
	x.states.Unlock()
	if err := os.RemoveAll(x.dir); err != nil {
		return fmt.Errorf("remove the search index: %w", err)
	}
	return x.open()
}

// use runs fn with the database. A fault of the database itself, which may come as a panic, has the index made again,
// once fn has returned.
func (x *Index) use(fn func(db *pebble.DB) error) error {
	db, err := x.using(fn)
	if db != nil && damaged(err) {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.db == db {
			x.opts.Failed(fmt.Errorf("the search index is made again: %w", err))
			if err := x.renew(); err != nil {
				x.opts.Failed(err)
			}
		}
		return fmt.Errorf("%w: it is being made again", ErrUnavailable)
	}
	return err
}

func (x *Index) using(fn func(db *pebble.DB) error) (*pebble.DB, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.db == nil || x.broken.Load() {
		return nil, ErrUnavailable
	}
	err := guard(func() error { return fn(x.db) })
	if x.corrupt.Load() {
		err = errors.Join(err, errCorrupt)
	}
	return x.db, err
}

// panicError is a panic of the database.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func guard(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v}
		}
	}()
	return fn()
}

// errCorrupt says that pebble met damage, perhaps while it worked by itself.
var errCorrupt = errors.New("a table of the search index is damaged")

// damaged reports whether an error means that the database cannot be used as it is.
func damaged(err error) bool {
	var p *panicError
	return errors.As(err, &p) || errors.Is(err, errBitmap) || errors.Is(err, errState) || errors.Is(err, errCorrupt) || pebble.IsCorruptionError(err)
}

// state is how far the index has followed one agreement. Its fields are guarded by Index.states.
type state struct {
	number number
	cursor uint64          // entries that were read
	digest [32]byte        // of the entry at the cursor
	live   *roaring.Bitmap // of positions; replaced, never changed
	spans  [3]uint64       // which lengths of prefixes occur, from 0 to 128
}

var errState = errors.New("the state of an agreement is damaged")

// chunks is how many chunks the positions of a state reach over.
func (s *state) chunks() uint32 { return uint32(s.cursor>>chunkBits) + 1 }

func (s *state) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, s.cursor)
	b = append(b, s.digest[:]...)
	for _, w := range s.spans {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

func parseState(n number, b []byte) (*state, error) {
	s := &state{number: n, live: roaring.New()}
	if len(b) != 8+32+24 {
		return nil, errState
	}
	s.cursor = binary.BigEndian.Uint64(b)
	copy(s.digest[:], b[8:])
	for i := range s.spans {
		s.spans[i] = binary.BigEndian.Uint64(b[40+8*i:])
	}
	return s, nil
}

// stateOf is the state of a collection as it is now. The copy shares live with the original, which is never changed.
func (x *Index) stateOf(id uuid.UUID) (state, bool) {
	x.states.Lock()
	defer x.states.Unlock()
	if s := x.states.of[id]; s != nil {
		return *s, true
	}
	return state{}, false
}

func (x *Index) setState(id uuid.UUID, s state) {
	x.states.Lock()
	defer x.states.Unlock()
	x.states.of[id] = &s
	close(x.states.moved)
	x.states.moved = make(chan struct{})
}

func (x *Index) dropState(id uuid.UUID) {
	x.states.Lock()
	defer x.states.Unlock()
	delete(x.states.of, id)
}

// wait returns when the index has read so many entries of a collection, or ctx has ended.
func (x *Index) wait(ctx context.Context, id uuid.UUID, entries uint64) {
	for {
		x.states.Lock()
		s, moved := x.states.of[id], x.states.moved
		x.states.Unlock()
		if s != nil && s.cursor >= entries {
			return
		}
		select {
		case x.hurry <- struct{}{}:
		default:
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}
