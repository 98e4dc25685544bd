package store

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Progress is called with the bytes done so far and the total.
type Progress func(done, total int64)

// ReceiveBackup reads the stream that Backup writes and stores it as a backup in dir, a folder that is new or empty. It
// verifies the digest of each file as it arrives, and makes everything durable before the folder appears under its name
// or, if dir existed, before the files appear in it. An interrupted transfer leaves nothing.
func ReceiveBackup(ctx context.Context, r io.Reader, dir string, progress Progress) (*BackupManifest, error) {
	m, err := newFolder(dir, func(fresh string) (*BackupManifest, error) {
		in := &receiving{ctx: ctx, dir: fresh, progress: progress, got: map[string]BackupFile{}}
		return in.all(tar.NewReader(r))
	})
	if err != nil {
		return nil, fmt.Errorf("write the backup %s: %w", dir, err)
	}
	return m, nil
}

// ReceiveFolder is ReceiveBackup, but makes a data folder of what comes, as Restore would of the backup.
func ReceiveFolder(ctx context.Context, r io.Reader, dir string, progress Progress) (*BackupManifest, error) {
	m, err := newFolder(dir, func(fresh string) (*BackupManifest, error) {
		in := &receiving{ctx: ctx, dir: fresh, progress: progress, got: map[string]BackupFile{}}
		m, err := in.all(tar.NewReader(r))
		if err != nil {
			return nil, err
		}
		for _, name := range []string{backupName, signatureName} {
			if err := os.Remove(filepath.Join(fresh, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		return m, os.MkdirAll(filepath.Join(fresh, agreementsName), 0o700)
	})
	if err != nil {
		return nil, fmt.Errorf("write the data folder %s: %w", dir, err)
	}
	return m, nil
}

// newFolder fills a folder. A folder that does not exist appears under its name once it is complete. An existing empty
// folder, which may be a mounted volume, is kept, and its content is moved in once it is complete.
func newFolder(dir string, fill func(fresh string) (*BackupManifest, error)) (*BackupManifest, error) {
	entries, err := os.ReadDir(dir)
	exists := err == nil
	if len(entries) > 0 {
		return nil, fmt.Errorf("%s is there and not empty: %w", dir, ErrExists)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	within := dir
	if !exists {
		within = filepath.Dir(filepath.Clean(dir))
		if err := os.MkdirAll(within, 0o700); err != nil {
			return nil, err
		}
	}
	fresh, err := os.MkdirTemp(within, "."+filepath.Base(dir)+".")
	if err != nil {
		return nil, err
	}
	m, err := fill(fresh)
	if err == nil {
		err = syncTree(fresh)
	}
	if err == nil && exists {
		err = moveOut(fresh, dir)
	} else if err == nil {
		err = os.Rename(fresh, dir)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(fresh))
	}
	return m, syncFolder(within, false)
}

// moveOut moves the content of a folder to its parent and removes the folder. The list of agreements is moved first, so
// that a server notices if the rest is missing; the manifest of a backup is moved last, so that half a backup is not
// taken for one.
func moveOut(fresh, dir string) error {
	entries, err := os.ReadDir(fresh)
	if err != nil {
		return err
	}
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(stage(a.Name()), stage(b.Name())) })
	for _, e := range entries {
		if err := os.Rename(filepath.Join(fresh, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return os.Remove(fresh)
}

// stage returns the step in which moveOut moves a file or folder.
func stage(name string) int {
	switch name {
	case registryName:
		return 0
	case backupName:
		return 2
	}
	return 1
}

// syncTree makes the names in a folder and its subfolders durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFolder(path, false)
	})
}

// receiving is the state of ReceiveBackup.
type receiving struct {
	ctx      context.Context
	dir      string
	progress Progress
	plan     BackupPlan
	done     int64
	got      map[string]BackupFile
}

func (in *receiving) all(r *tar.Reader) (*BackupManifest, error) {
	for {
		h, err := r.Next()
		if err != nil {
			if err == io.EOF {
				err = errors.New("it ended before its manifest: the server stopped, or could not go on")
			}
			return nil, fmt.Errorf("read the backup: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			return nil, &StrangeNameError{h.Name, "is a link, a folder or a device: a backup has files only"}
		}
		switch h.Name {
		case planName:
			if _, err := readPart(r, &in.plan); err != nil {
				return nil, err
			}
			if err := knownFormat(in.plan.Format); err != nil {
				return nil, fmt.Errorf("the backup %w", err)
			}
		case backupName:
			return in.manifest(r)
		default:
			if err := in.file(h, r); err != nil {
				return nil, fmt.Errorf("write %s: %w", h.Name, err)
			}
		}
	}
}

func knownFormat(format int) error {
	if format == backupFormat {
		return nil
	}
	return fmt.Errorf("has format %d, this program reads format %d: use the Accord that made it, or a newer one", format, backupFormat)
}

func readPart(r io.Reader, v any) (text []byte, err error) {
	if text, err = io.ReadAll(io.LimitReader(r, 256<<20)); err != nil {
		return nil, err
	}
	return text, json.Unmarshal(text, v)
}

func (in *receiving) file(h *tar.Header, r io.Reader) error {
	if !isBackupPart(h.Name) {
		return &StrangeNameError{h.Name, "is no file of a backup"}
	}
	before := in.done
	f, err := writeNew(in.ctx, filepath.Join(in.dir, filepath.FromSlash(h.Name)), r, func(n int64) { in.tell(before + n) })
	if err != nil {
		return err
	}
	f.Name = h.Name
	in.got[h.Name] = f
	in.done = before + f.Size
	return nil
}

func (in *receiving) tell(done int64) {
	if in.progress != nil {
		in.progress(done, in.plan.Bytes)
	}
}

// writeNew writes a file that must not exist yet, makes it durable, and returns its size and digest.
func writeNew(ctx context.Context, path string, r io.Reader, progress func(int64)) (_ BackupFile, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return BackupFile{}, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return BackupFile{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	w := &hashedWriter{w: &sparseWriter{f: f}, sum: sum, ctx: ctx}
	var size int64
	for {
		n, err := io.CopyN(w, r, 1<<20)
		size += n
		progress(size)
		if err == io.EOF {
			break
		}
		if err != nil {
			return BackupFile{}, err
		}
	}
	if err := f.Truncate(size); err != nil { // it may end in a hole
		return BackupFile{}, err
	}
	return BackupFile{Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, f.Sync()
}

// sparseWriter writes a file and leaves holes for whole blocks of zeros, so that free pages take no space on most file
// systems.
type sparseWriter struct {
	f  *os.File
	at int64
}

// Write implements io.Writer.
func (s *sparseWriter) Write(p []byte) (n int, err error) {
	const block = 4 << 10
	for n < len(p) {
		end := min(n+block-int(s.at%block), len(p))
		zeros := true
		for _, x := range p[n:end] {
			if x != 0 {
				zeros = false
				break
			}
		}
		if !zeros {
			// Write up to the next block that may be a hole.
			for end < len(p) && p[end] != 0 {
				end = min(end+block, len(p))
			}
			if _, err := s.f.WriteAt(p[n:end], s.at); err != nil {
				return n, err
			}
		}
		s.at += int64(end - n)
		n = end
	}
	return n, nil
}

// manifest reads the manifest and its signature, compares them with what came, and keeps them as they came.
func (in *receiving) manifest(r *tar.Reader) (*BackupManifest, error) {
	var m BackupManifest
	text, err := readPart(r, &m)
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	if err := knownFormat(m.Format); err != nil {
		return nil, fmt.Errorf("the manifest %w", err)
	}
	for _, want := range m.Files {
		if got, ok := in.got[want.Name]; !ok || got != want {
			return nil, fmt.Errorf("%s did not come as it was sent", want.Name)
		}
		delete(in.got, want.Name)
	}
	for name := range in.got {
		return nil, fmt.Errorf("%s is not in the manifest", name)
	}
	if err := m.checkParts(); err != nil {
		return nil, err
	}
	if in.plan.Signed {
		signed, err := readSignaturePart(r)
		if err != nil {
			return nil, err
		}
		if m.SignedBy, err = verifyBackup(text, signed); err != nil {
			return nil, err
		}
		if err := in.keep(signatureName, signed); err != nil {
			return nil, err
		}
	}
	return &m, in.keep(backupName, text)
}

// readSignaturePart reads the part after the manifest.
func readSignaturePart(r *tar.Reader) ([]byte, error) {
	h, err := r.Next()
	if err != nil || h.Name != signatureName || h.Typeflag != tar.TypeReg {
		return nil, errors.Join(errors.New("the backup ended before its signature"), err)
	}
	return io.ReadAll(io.LimitReader(r, 1<<20))
}

func (in *receiving) keep(name string, text []byte) error {
	_, err := writeNew(in.ctx, filepath.Join(in.dir, name), bytes.NewReader(text), func(int64) {})
	return err
}

// ReadBackupManifest reads what a backup says of itself, and verifies its signature if it has one.
func ReadBackupManifest(dir string) (*BackupManifest, error) {
	text, err := readManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is no backup: it has no %s", dir, backupName)
	}
	var m BackupManifest
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return nil, fmt.Errorf("read the backup %s: %w", dir, err)
	}
	if err := knownFormat(m.Format); err != nil {
		return nil, fmt.Errorf("the backup %s %w", dir, err)
	}
	signed, err := readSignature(dir)
	if err == nil && signed != nil {
		m.SignedBy, err = verifyBackup(text, signed)
	}
	if err = errors.Join(err, m.checkParts()); err != nil {
		return nil, fmt.Errorf("read the backup %s: %w", dir, err)
	}
	return &m, nil
}

func readManifest(dir string) ([]byte, error) {
	f, err := openPart(dir, backupName)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// openBackup reads the manifest of a backup that is about to be restored: signed by a trusted key, if there are any, in a folder
// that holds nothing else.
func openBackup(dir string, trusted []string) (*BackupManifest, error) {
	m, err := ReadBackupManifest(dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(m.checkFolder(dir), m.trust(dir, trusted)); err != nil {
		return nil, fmt.Errorf("read the backup %s: %w", dir, err)
	}
	return m, nil
}

// Restore makes the data folder dir from a backup. dir must be empty or must not exist. Each file is compared with the
// manifest as it is copied; if one differs, nothing is made. What no backup of ours has is refused (*StrangeNameError),
// and so is, if trusted names verifier keys, what none of them or of their successors signed (ErrNotTrusted).
func Restore(ctx context.Context, backup, dir string, trusted []string, progress Progress) (*BackupManifest, error) {
	m, err := openBackup(backup, trusted)
	if err != nil {
		return nil, err
	}
	var done, total int64
	for _, f := range m.Files {
		total += f.Size
	}
	_, err = newFolder(dir, func(fresh string) (*BackupManifest, error) {
		for _, want := range m.Files {
			if err := copyPart(ctx, backup, fresh, want, func(n int64) {
				if progress != nil {
					progress(done+n, total)
				}
			}); err != nil {
				return nil, err
			}
			done += want.Size
		}
		return m, os.MkdirAll(filepath.Join(fresh, agreementsName), 0o700)
	})
	if err != nil {
		return nil, fmt.Errorf("restore %s from %s: %w", dir, backup, err)
	}
	return m, nil
}

// copyPart copies a file of a backup and compares it with the manifest.
func copyPart(ctx context.Context, backup, dir string, want BackupFile, progress func(int64)) error {
	from, err := openPart(backup, want.Name)
	if err != nil {
		return err
	}
	defer from.Close()
	got, err := writeNew(ctx, filepath.Join(dir, filepath.FromSlash(want.Name)), from, progress)
	if err != nil {
		return fmt.Errorf("copy %s: %w", want.Name, err)
	}
	if got.Name = want.Name; got != want {
		return fmt.Errorf("%s is not as it was backed up (%d bytes with SHA-256 %s, expected %d with %s)", want.Name, got.Size, got.SHA256, want.Size, want.SHA256)
	}
	return nil
}
