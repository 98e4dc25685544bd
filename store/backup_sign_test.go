package store

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// signedBackup is a backup of a folder that has a key, as a stream, in a folder, and the key. The folder is closed.
func signedBackup(t *testing.T) (data, backup, key string, stream []byte) {
	t.Helper()
	data, _, _ = filledFolder(t)
	s := openFolder(t, data, Options{})
	keys, err := s.Keys("ti.example.org")
	if err != nil {
		t.Fatal(err)
	}
	key = keys.Key()
	var b bytes.Buffer
	if err := s.Backup(context.Background(), &b, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	backup = filepath.Join(t.TempDir(), "backup")
	m, err := ReceiveBackup(context.Background(), bytes.NewReader(b.Bytes()), backup, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.SignedBy != key {
		t.Fatalf("got a backup signed by %q, want %q", m.SignedBy, key)
	}
	return data, backup, key, b.Bytes()
}

func TestARestoreSaysWhoSignedTheBackup(t *testing.T) {
	data, backup, key, _ := signedBackup(t)
	into := func() string { return filepath.Join(t.TempDir(), "restored") }
	m, err := Restore(context.Background(), backup, into(), nil, nil)
	if err != nil || m.SignedBy != key {
		t.Fatalf("got %+v, %v, want it signed by %s", m, err, key)
	}
	if _, err := Restore(context.Background(), backup, into(), []string{key}, nil); err != nil {
		t.Errorf("with the key that signed it: %v", err)
	}
	other := openFolder(t, filepath.Join(t.TempDir(), "other"), Options{})
	stranger, err := other.Keys("ti.example.org")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(context.Background(), backup, into(), []string{stranger.Key()}, nil); !errors.Is(err, ErrNotTrusted) {
		t.Errorf("with a stranger's key: got %v, want ErrNotTrusted", err)
	}
	if _, _, err := RestoreAgreement(context.Background(), backup, data, "gsp", []string{stranger.Key()}); !errors.Is(err, ErrNotTrusted) {
		t.Errorf("an agreement, with a stranger's key: got %v, want ErrNotTrusted", err)
	}

	s := openFolder(t, data, Options{})
	keys, err := s.Keys("")
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := received(t, s, nil)
	s.Close()
	if m, err := Restore(context.Background(), later, into(), []string{key}, nil); err != nil || m.SignedBy == key {
		t.Errorf("signed by the successor of a trusted key: got %v, %+v", err, m)
	}
}

func TestABackupWhoseManifestWasChangedIsRefused(t *testing.T) {
	_, backup, key, _ := signedBackup(t)
	manifest := filepath.Join(backup, backupName)
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, append(text, ' '), 0o600); err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(context.Background(), backup, into, nil, nil); err == nil || !strings.Contains(err.Error(), signatureName) {
		t.Errorf("got %v, want an error that names the signature", err)
	}
	if err := os.Remove(filepath.Join(backup, signatureName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(context.Background(), backup, into, []string{key}, nil); !errors.Is(err, ErrNotTrusted) {
		t.Errorf("without a signature, which is demanded: got %v, want ErrNotTrusted", err)
	}
	if m, err := Restore(context.Background(), backup, into, nil, nil); err != nil || m.SignedBy != "" {
		t.Errorf("without a signature: got %+v, %v, want it restored as unsigned", m, err)
	}
}

// What no backup of ours has is refused, wherever it stands, and nothing is made.
func TestARestoreRefusesStrangeNamesAndLinks(t *testing.T) {
	_, backup, _, _ := signedBackup(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := func(name string) func(string) error {
		return func(dir string) error { return os.Symlink(secret, filepath.Join(dir, name)) }
	}
	linked := func(name string) func(string) error {
		return func(dir string) error {
			at := filepath.Join(dir, name)
			return errors.Join(os.Rename(at, at+".moved"), os.Rename(at+".moved", filepath.Join(t.TempDir(), "x")), os.Symlink(secret, at))
		}
	}
	named := func(old, name string) func(string) error {
		return func(dir string) error {
			at := filepath.Join(dir, backupName)
			text, err := os.ReadFile(at)
			text = bytes.Replace(text, []byte(`"`+old+`"`), []byte(`"`+name+`"`), 1)
			return errors.Join(err, os.WriteFile(at, text, 0o600), os.Remove(filepath.Join(dir, signatureName)))
		}
	}
	for name, change := range map[string]func(string) error{
		"a link beside":                     link("extra"),
		"a link among the keys":             link("keys/0009.note"),
		"a link in the place of the key":    linked("keys/key"),
		"a link in the place of accord.db":  linked("accord.db"),
		"a link in the place of a folder":   linked("keys"),
		"a link in place of the manifest":   linked(backupName),
		"a link in place of the signature":  linked(signatureName),
		"a file that the manifest has not":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "keys", "x"), nil, 0o600) },
		"a folder that no backup has":       func(dir string) error { return os.Mkdir(filepath.Join(dir, "logins"), 0o700) },
		"a manifest with ..":                named("keys/key", "../key"),
		"a manifest with .. in the middle":  named("keys/key", "keys/../key"),
		"a manifest with an absolute name":  named("keys/key", "/etc/key"),
		"a manifest with an unknown name":   named("keys/key", "keys/other"),
		"a manifest with a name twice":      named("keys/key", "accord.db"),
		"a manifest with a backslash in it": named("keys/key", `keys\\\\key`),
	} {
		t.Run(name, func(t *testing.T) {
			dir, into := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
			if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
				t.Fatal(err)
			}
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			_, err := Restore(context.Background(), dir, into, nil, nil)
			var strange *StrangeNameError
			if _, stat := os.Lstat(into); !errors.As(err, &strange) || !os.IsNotExist(stat) {
				t.Errorf("got %v, and the folder %v, want a *StrangeNameError and no folder", err, stat)
			}
		})
	}
}

// A server that sends a backup may be another one than it should be.
func TestAStreamWithStrangeNamesLeavesNothing(t *testing.T) {
	_, _, _, stream := signedBackup(t)
	for name, h := range map[string]tar.Header{
		"absolute":         {Name: "/etc/cron.d/x", Typeflag: tar.TypeReg},
		"..":               {Name: "../x", Typeflag: tar.TypeReg},
		"unknown":          {Name: "keys/x", Typeflag: tar.TypeReg},
		"symbolic link":    {Name: "keys/key", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink},
		"hard link":        {Name: "keys/key", Linkname: "accord.db", Typeflag: tar.TypeLink},
		"device":           {Name: "keys/key", Typeflag: tar.TypeBlock},
		"pipe":             {Name: "keys/key", Typeflag: tar.TypeFifo},
		"folder":           {Name: "keys", Typeflag: tar.TypeDir},
		"linked plan":      {Name: planName, Linkname: "accord.db", Typeflag: tar.TypeSymlink},
		"linked manifest":  {Name: backupName, Linkname: "accord.db", Typeflag: tar.TypeSymlink},
		"linked signature": {Name: signatureName, Linkname: "accord.db", Typeflag: tar.TypeSymlink},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w, r := tar.NewWriter(&b), tar.NewReader(bytes.NewReader(stream))
			for {
				part, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if part.Name == backupName {
					if err := w.WriteHeader(&h); err != nil {
						t.Fatal(err)
					}
				}
				if part.Name == h.Name {
					continue
				}
				text, err := io.ReadAll(r)
				if err := errors.Join(err, w.WriteHeader(part)); err != nil {
					t.Fatal(err)
				}
				w.Write(text)
			}
			w.Close()
			parent := t.TempDir()
			_, err := ReceiveBackup(context.Background(), &b, filepath.Join(parent, "backup"), nil)
			var strange *StrangeNameError
			if left, _ := os.ReadDir(parent); !errors.As(err, &strange) || len(left) != 0 {
				t.Errorf("got %v, and %v, want a *StrangeNameError and nothing", err, left)
			}
		})
	}
}

func TestASignedBackupCutBeforeItsSignatureIsRefused(t *testing.T) {
	_, _, _, stream := signedBackup(t)
	var b bytes.Buffer
	w, r := tar.NewWriter(&b), tar.NewReader(bytes.NewReader(stream))
	for {
		part, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if part.Name == signatureName {
			break
		}
		w.WriteHeader(part)
		io.Copy(w, r)
	}
	w.Close()
	if _, err := ReceiveBackup(context.Background(), &b, filepath.Join(t.TempDir(), "backup"), nil); err == nil {
		t.Error("it was taken, as unsigned")
	}
}
