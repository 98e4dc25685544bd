package store

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

// backupFormat is the version of a backup's layout that this program writes and reads.
const backupFormat = 1

// The parts of a backup that a data folder does not have.
const (
	planName   = "plan.json"   // first in the stream: how much follows
	backupName = "backup.json" // after the files: the manifest; only its signature comes later
)

// BackupPlan describes a backup in advance.
type BackupPlan struct {
	Format int       `json:"format"`
	Made   time.Time `json:"made"` // the moment that the backup shows
	Bytes  int64     `json:"bytes"`
	Signed bool      `json:"signed"` // a signature comes after the manifest
}

// BackupManifest describes a backup: a data folder as it was at one moment, with the digest of every file in it.
type BackupManifest struct {
	Format     int               `json:"format"`
	Made       time.Time         `json:"made"`
	Files      []BackupFile      `json:"files"`
	Agreements []BackupAgreement `json:"agreements"`
	Missing    []agreement.Name  `json:"missing,omitempty"` // agreements whose files could not be opened

	// Of a node of a cluster: its name, and the place in its log up to which every file in the backup has everything.
	Cluster string `json:"cluster,omitempty"`
	Place   uint64 `json:"place,omitempty"`

	// SignedBy is the verifier key of the server that signed the manifest; "" if it is not signed.
	SignedBy string `json:"-"`
}

// BackupFile is one file of a backup.
type BackupFile struct {
	Name   string `json:"name"` // with slashes, below the folder
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// BackupAgreement is one agreement in a backup.
type BackupAgreement struct {
	Name       agreement.Name `json:"name"`
	Collection uuid.UUID      `json:"collection"`
	Entries    uint64         `json:"entries"` // of the journal
	Versions   uint64         `json:"versions"`
}

// Deliveries calls add for the delivery file of each collection that has one, with its name and a snapshot, which add
// must close. It is the delivery package's Log.Snapshot.
type Deliveries func(collections []uuid.UUID, add func(name string, s *verifiedbolt.Snapshot)) error

// Backup writes a snapshot of the folder to w, as a tar stream that ReceiveBackup reads. Reads and writes go on
// meanwhile; writers wait only while the snapshot is taken. It is taken at the same moment for every agreement, so that
// no follower is ahead of what it follows. deliveries may be nil.
//
// What was deleted before that moment is not in the backup: free pages are written as zeros. Until an agreement's file
// has been written to w, the pages that it had at that moment are kept, so the file grows with each change made
// meanwhile.
func (s *Store) Backup(ctx context.Context, w io.Writer, deliveries Deliveries) error {
	m, err := s.moment(ctx, deliveries)
	if err != nil {
		return fmt.Errorf("back up %s: %w", s.dir, err)
	}
	defer m.close()
	b := &backupWriter{tar: tar.NewWriter(w), ctx: ctx, made: m.made}
	if b.keys, err = s.signing(); err != nil {
		return fmt.Errorf("back up %s: %w", s.dir, err)
	}
	if err := b.all(m); err != nil {
		return fmt.Errorf("back up %s: %w", s.dir, err)
	}
	run := UpkeepRun{At: m.made}
	for _, f := range b.files {
		run.Bytes += f.Size
	}
	s.noteUpkeep(func(u *Upkeep) { u.Backup = &run })
	return nil
}

// filePart is a file of a backup.
type filePart struct {
	name     string // in the backup
	snapshot *verifiedbolt.Snapshot
}

// moment is a snapshot of a data folder.
type moment struct {
	made       time.Time
	files      []filePart
	agreements []BackupAgreement
	missing    []agreement.Name
	cluster    string
	place      uint64
	plain      []string // files that are copied as they are: keys and certificates
	dir        string
}

func (m *moment) close() {
	for _, f := range m.files {
		f.snapshot.Close()
	}
}

// moment holds all writers for an instant and opens a read transaction on each file. A writer holds one file and waits
// for no other, so locking them all in order cannot deadlock.
func (s *Store) moment(ctx context.Context, deliveries Deliveries) (_ *moment, err error) {
	if s.opts.Settle != nil {
		resume, err := s.opts.Settle(ctx)
		if err != nil {
			return nil, err
		}
		defer resume()
	}
	s.changing.Lock() // accord.db, and the list of files
	defer s.changing.Unlock()
	if s.closed {
		return nil, errStoreClosed
	}
	now := s.now.Load()
	m := &moment{dir: s.dir, made: s.opts.Now().UTC(), cluster: s.opts.Cluster, place: s.Place()}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	for _, u := range now.unavailable {
		m.missing = append(m.missing, u.Name)
	}
	if deliveries != nil { // before the agreements, so that every delivery is of something in the backup
		if err := m.addDeliveries(now.collections, deliveries); err != nil {
			return nil, err
		}
	}
	release, err := holdWriters(ctx, now.collections)
	defer release()
	if err != nil {
		return nil, err
	}
	if err := m.add(registryName, s.db); err != nil {
		return nil, err
	}
	for _, col := range now.collections {
		if err := m.addCollection(col); err != nil {
			return nil, fmt.Errorf("read collection %s: %w", col.ID(), err)
		}
	}
	m.plain, err = plainFiles(s.dir)
	return m, err
}

// holdWriters takes the write lock of every collection. The caller must call release, also after an error.
func holdWriters(ctx context.Context, cols []*Collection) (release func(), err error) {
	var held []*bolt.Tx
	release = func() {
		for _, tx := range held {
			tx.Rollback()
		}
	}
	for _, col := range cols {
		if err := context.Cause(ctx); err != nil {
			return release, err
		}
		if col.opts.ReadOnly {
			continue
		}
		tx, err := col.begin()
		if err != nil {
			return release, fmt.Errorf("stop writers of collection %s: %w", col.ID(), err)
		}
		held = append(held, tx)
	}
	return release, nil
}

func (m *moment) add(name string, db *verifiedbolt.DB) error {
	snapshot, err := db.Snapshot()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	m.files = append(m.files, filePart{name, snapshot})
	return nil
}

func (m *moment) addCollection(col *Collection) error {
	file := col.use()
	defer file.leave()
	if err := m.add(path.Join(agreementsName, col.ID().String()+".db"), file.db); err != nil {
		return err
	}
	var f stats
	err := verifiedbolt.Guard(func() (err error) {
		f, err = readStats(m.files[len(m.files)-1].snapshot.Tx)
		return err
	})
	if err != nil {
		return err
	}
	m.agreements = append(m.agreements, BackupAgreement{Name: col.Agreement().Name, Collection: col.ID(), Entries: f.entries, Versions: f.versions})
	return nil
}

func (m *moment) addDeliveries(cols []*Collection, deliveries Deliveries) error {
	ids := make([]uuid.UUID, len(cols))
	for i, col := range cols {
		ids[i] = col.ID()
	}
	return deliveries(ids, func(name string, s *verifiedbolt.Snapshot) {
		m.files = append(m.files, filePart{path.Join(agreementsName, name), s})
	})
}

// plainFolders lists the subfolders of a data folder whose small files are replaced, never changed in place. What else
// lies in them, such as what a crash left of a file, is in no backup.
var plainFolders = []string{keysName, "tls"}

func plainFiles(dir string) (names []string, err error) {
	for _, folder := range plainFolders {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if name := path.Join(folder, e.Name()); e.Type().IsRegular() && isBackupPart(name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// backupWriter writes the parts of a backup.
type backupWriter struct {
	tar   *tar.Writer
	ctx   context.Context
	made  time.Time
	keys  *Keyring // nil: the backup is not signed
	files []BackupFile
}

func (b *backupWriter) all(m *moment) error {
	plan := BackupPlan{Format: backupFormat, Made: m.made, Signed: b.keys != nil}
	for _, f := range m.files {
		plan.Bytes += f.snapshot.Tx.Size()
	}
	if _, err := b.document(planName, plan); err != nil {
		return err
	}
	b.files = nil
	for _, name := range m.plain {
		text, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if err := b.part(name, int64(len(text)), bytes.NewReader(text).WriteTo); err != nil {
			return err
		}
	}
	for _, f := range m.files {
		if err := b.part(f.name, f.snapshot.Tx.Size(), f.snapshot.WriteTo); err != nil {
			return err
		}
		f.snapshot.Close() // releases its old pages
	}
	manifest := BackupManifest{Format: backupFormat, Made: m.made, Files: b.files, Agreements: m.agreements, Missing: m.missing, Cluster: m.cluster, Place: m.place}
	text, err := b.document(backupName, manifest)
	if err != nil {
		return err
	}
	if b.keys != nil {
		signed, err := b.keys.signBackup(text)
		if err != nil {
			return err
		}
		if err := b.part(signatureName, int64(len(signed)), bytes.NewReader(signed).WriteTo); err != nil {
			return err
		}
	}
	return b.tar.Close()
}

// document writes a part in JSON, and returns its text.
func (b *backupWriter) document(name string, v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	return text, b.part(name, int64(len(text)), bytes.NewReader(text).WriteTo)
}

func (b *backupWriter) part(name string, size int64, writeTo func(io.Writer) (int64, error)) error {
	if err := b.tar.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: b.made, Typeflag: tar.TypeReg}); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	sum := sha256.New()
	n, err := writeTo(&hashedWriter{w: b.tar, sum: sum, ctx: b.ctx})
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came of %d", n, size)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	b.files = append(b.files, BackupFile{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// hashedWriter hashes what is written to w. It fails once its context has ended.
type hashedWriter struct {
	w   io.Writer
	sum hash.Hash
	ctx context.Context
}

// Write implements io.Writer.
func (h *hashedWriter) Write(p []byte) (int, error) {
	if err := context.Cause(h.ctx); err != nil {
		return 0, err
	}
	h.sum.Write(p)
	return h.w.Write(p)
}
