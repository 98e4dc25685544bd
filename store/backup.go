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
)

// backupFormat is the version of a backup's layout that this program writes and reads.
const backupFormat = 1

// The parts of a backup that are no part of a data folder.
const (
	planName   = "plan.json"   // first in the stream: how much comes
	backupName = "backup.json" // last: the manifest
)

// BackupPlan says what a backup will be, before it comes.
type BackupPlan struct {
	Format int       `json:"format"`
	Made   time.Time `json:"made"` // the moment that the backup shows
	Bytes  int64     `json:"bytes"`
}

// BackupManifest says what a backup is: a data folder as it was at one moment, and the digest of every file in it.
type BackupManifest struct {
	Format     int               `json:"format"`
	Made       time.Time         `json:"made"`
	Files      []BackupFile      `json:"files"`
	Agreements []BackupAgreement `json:"agreements"`
	Missing    []agreement.Name  `json:"missing,omitempty"` // agreements whose files could not be opened
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

// Backup writes the folder as it is at one moment into w, as a tar stream that ReceiveBackup reads. Others go on reading
// and writing meanwhile; writers wait only while the moment is taken. It is the same moment for every agreement, so that
// no follower is further than what it follows. d is who has the files of deliveries open, nil for nobody.
//
// Until an agreement's file is written to w, the pages that it had at that moment stay, so the file grows with what is
// changed meanwhile.
func (s *Store) Backup(ctx context.Context, w io.Writer, d *Deliveries) error {
	cut, err := s.cut(ctx, d)
	if err != nil {
		return fmt.Errorf("back up %s: %w", s.dir, err)
	}
	defer cut.close()
	b := &backupWriter{tar: tar.NewWriter(w), ctx: ctx, made: cut.made}
	if err := b.all(cut); err != nil {
		return fmt.Errorf("back up %s: %w", s.dir, err)
	}
	return nil
}

// snapshot is a read transaction on one file.
type snapshot struct {
	name string // in the backup
	tx   *bolt.Tx
	done func() error // closes the file, when it was opened for the backup
}

func (s *snapshot) close() {
	if s.tx != nil {
		s.tx.Rollback()
		s.tx = nil
		if s.done != nil {
			s.done()
		}
	}
}

// cut is a data folder at one moment.
type cut struct {
	made       time.Time
	snapshots  []*snapshot
	agreements []BackupAgreement
	missing    []agreement.Name
	plain      []string // files that are copied as they are: keys and certificates
	dir        string
}

func (c *cut) close() {
	for _, s := range c.snapshots {
		s.close()
	}
}

// cut stops all writing for a moment and begins to read each file at that moment. Whoever writes holds one file and waits
// for no other, so taking them all in order cannot lock up.
func (s *Store) cut(ctx context.Context, d *Deliveries) (_ *cut, err error) {
	s.changing.Lock() // accord.db, and the list of files
	defer s.changing.Unlock()
	if s.closed {
		return nil, errStoreClosed
	}
	now := s.now.Load()
	c := &cut{dir: s.dir, made: s.opts.Now().UTC()}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for _, u := range now.unavailable {
		c.missing = append(c.missing, u.Name)
	}
	if err := c.deliveries(s, now, d); err != nil { // before the agreements: no delivery is of something that comes later
		return nil, err
	}
	release, err := holdWriters(ctx, now.collections)
	defer release()
	if err != nil {
		return nil, err
	}
	if err := c.add(registryName, s.db, nil); err != nil {
		return nil, err
	}
	for _, col := range now.collections {
		if err := c.collection(col); err != nil {
			return nil, fmt.Errorf("read collection %s: %w", col.ID(), err)
		}
	}
	c.plain, err = plainFiles(s.dir)
	return c, err
}

// holdWriters takes the write lock of every collection; release gives them back, also after an error.
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
		tx, err := col.db.Begin(true)
		if err != nil {
			return release, fmt.Errorf("stop writers of collection %s: %w", col.ID(), err)
		}
		held = append(held, tx)
	}
	return release, nil
}

func (c *cut) add(name string, db *soundFile, done func() error) error {
	tx, err := db.Begin(false)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	c.snapshots = append(c.snapshots, &snapshot{name: name, tx: tx, done: done})
	return nil
}

func (c *cut) collection(col *Collection) error {
	if err := c.add(path.Join(agreementsName, col.ID().String()+".db"), col.db, nil); err != nil {
		return err
	}
	var f stats
	err := guard(func() (err error) {
		f, err = readStats(c.snapshots[len(c.snapshots)-1].tx)
		return err
	})
	if err != nil {
		return err
	}
	c.agreements = append(c.agreements, BackupAgreement{Name: col.Agreement().Name, Collection: col.ID(), Entries: f.entries, Versions: f.versions})
	return nil
}

// deliveries adds the files of deliveries that there are.
func (c *cut) deliveries(s *Store, now *contents, d *Deliveries) error {
	if d != nil {
		d.write()
		d.writing.Lock()
		defer d.writing.Unlock()
	}
	for _, col := range now.collections {
		file := col.ID().String() + ".deliveries.db"
		full := filepath.Join(s.dir, agreementsName, file)
		if _, err := os.Stat(full); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		name := path.Join(agreementsName, file)
		if d != nil {
			f, err := d.file(col.ID())
			if err == nil && f != nil {
				err = c.add(name, f.db, nil)
			}
			if err != nil {
				return err
			}
			continue
		}
		f, err := openDeliveryFile(full, true)
		if err != nil {
			return err
		}
		if err := c.add(name, f.db, f.db.Close); err != nil {
			return errors.Join(err, f.db.Close())
		}
	}
	return nil
}

// plainFolders are the folders of a data folder that hold small files which are replaced, never changed.
var plainFolders = []string{keysName, "tls"}

func plainFiles(dir string) (names []string, err error) {
	for _, folder := range plainFolders {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if e.Type().IsRegular() {
				names = append(names, path.Join(folder, e.Name()))
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
	files []BackupFile
}

func (b *backupWriter) all(c *cut) error {
	plan := BackupPlan{Format: backupFormat, Made: c.made}
	for _, s := range c.snapshots {
		plan.Bytes += s.tx.Size()
	}
	if err := b.document(planName, plan); err != nil {
		return err
	}
	b.files = nil
	for _, name := range c.plain {
		text, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if err := b.part(name, int64(len(text)), bytes.NewReader(text).WriteTo); err != nil {
			return err
		}
	}
	for _, s := range c.snapshots {
		if err := b.part(s.name, s.tx.Size(), s.tx.WriteTo); err != nil {
			return err
		}
		s.close() // its old pages may go
	}
	manifest := BackupManifest{Format: backupFormat, Made: c.made, Files: b.files, Agreements: c.agreements, Missing: c.missing}
	if err := b.document(backupName, manifest); err != nil {
		return err
	}
	return b.tar.Close()
}

func (b *backupWriter) document(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return b.part(name, int64(len(text)), bytes.NewReader(text).WriteTo)
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

// hashedWriter hashes what passes, until its context ends.
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
