package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/store/journal"
)

func keysOf(t *testing.T, s *Store, name string) *Keyring {
	t.Helper()
	k, err := s.Keys(name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSigningKeysArePrivateAndStay(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	k := keysOf(t, s, "ti.example.org")
	key := k.Key()
	for name, want := range map[string]fs.FileMode{"keys": fs.ModeDir | 0o700, "keys/key": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: got mode %v and error %v, want %v", name, info.Mode(), err, want)
		}
	}
	if _, err := s.Keys("other.example.org"); err == nil || !strings.Contains(err.Error(), "ti.example.org") {
		t.Errorf("another name: got %v, want a refusal that names the first", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openFolder(t, dir, Options{})
	if got := keysOf(t, s, "").Key(); got != key {
		t.Errorf("opened again: got %s, want %s", got, key)
	}
}

func TestServerNamesThatNoKeyCanHaveAreRefused(t *testing.T) {
	for _, name := range []string{"a b", "a+b", "a/b", "a\nb"} {
		s := openFolder(t, t.TempDir(), Options{})
		if _, err := s.Keys(name); err == nil {
			t.Errorf("%q: got no error", name)
		}
	}
}

func TestReadingMakesNoKey(t *testing.T) {
	dir := t.TempDir()
	if err := openFolder(t, dir, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	s := openFolder(t, dir, Options{ReadOnly: true})
	if _, err := s.Keys(""); !errors.Is(err, ErrNoKeys) {
		t.Errorf("got %v, want ErrNoKeys", err)
	}
}

// What a retired key signed stays verifiable, and trust in it leads to today's key.
func TestRotationKeepsTrust(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	k := keysOf(t, s, "")
	first := k.Key()
	for range 3 {
		if err := k.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check := func(k *Keyring) {
		t.Helper()
		v, err := note.NewVerifier(first)
		if err != nil {
			t.Fatal(err)
		}
		trusted := journal.Successors([]note.Verifier{v}, k.Successions())
		today, err := note.NewVerifier(k.Key())
		if err != nil || len(trusted) != 4 || trusted[3].KeyHash() != today.KeyHash() || k.Key() == first {
			t.Errorf("got %d trusted keys and error %v, want 4 that end with today's", len(trusted), err)
		}
	}
	check(k)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(keysOf(t, openFolder(t, dir, Options{}), ""))
	files, err := filepath.Glob(filepath.Join(dir, "keys", "*"))
	if err != nil || len(files) != 5 {
		t.Errorf("got the files %v and error %v, want the key, the one before and three notes", files, err)
	}
}

// A retired key signs beside its successor for a while, and then is gone: whoever knows the old key alone has that long.
func TestARetiredKeySignsBesideItsSuccessorForAWhile(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	options := Options{Now: func() time.Time { return now }}
	s := openFolder(t, dir, options)
	k := keysOf(t, s, "ti.example.org")
	col := create(t, s, draft("a", "r", "a"))
	var keys []note.Verifier
	add := func() {
		v, err := note.NewVerifier(k.Key())
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, v)
	}
	signedBy := func(want ...int) {
		t.Helper()
		signed, err := k.Checkpoint(col)
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range keys {
			_, by, err := journal.OpenCheckpoint(signed, []note.Verifier{key})
			if good := err == nil && by.KeyHash() == key.KeyHash(); good != slices.Contains(want, i) {
				t.Errorf("signed by key %d: %v", i, good)
			}
		}
		if _, by, err := journal.OpenCheckpoint(signed, keys); err != nil || by.KeyHash() != keys[len(keys)-1].KeyHash() {
			t.Errorf("the first signature is of %v, %v", by, err)
		}
		server, err := k.ServerCheckpoint(s)
		if lines := strings.Count(string(server), "\n— "); err != nil || lines != len(want) {
			t.Errorf("the server's own head has %d signatures, %v", lines, err)
		}
	}
	reopen := func() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openFolder(t, dir, options)
		k = keysOf(t, s, "")
		col, _ = s.Collection("a")
	}
	add()
	signedBy(0)
	if err := k.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	add()
	signedBy(0, 1)
	now = now.Add(Overlap - time.Second)
	reopen()
	signedBy(0, 1)
	if err := k.Rotate(t.Context()); err != nil { // the one before last signs no longer
		t.Fatal(err)
	}
	add()
	signedBy(1, 2)
	now = now.Add(Overlap)
	signedBy(2)
	if until, err := k.Retiring(); err != nil || !until.IsZero() {
		t.Errorf("it signs until %v, %v", until, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "keys", keyFileOld)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the retired key is still there: %v", err)
	}
	if err := k.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	add()
	now = now.Add(Overlap)
	reopen()
	if _, err := os.Stat(filepath.Join(dir, "keys", keyFileOld)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the retired key is still there after a start: %v", err)
	}
	signedBy(3)
}

// A crash between any two steps of a rotation leaves either the old key or the new one, and the key that is left is
// trusted.
func TestABrokenRotationIsFinished(t *testing.T) {
	for _, row := range []struct {
		name     string
		note     bool // the note is durable
		finished bool
	}{{"before the note", false, false}, {"after the note", true, true}} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openFolder(t, dir, Options{})
			k := keysOf(t, s, "")
			before, next := k.Key(), ""
			text, err := newKey(k.Name())
			if err != nil {
				t.Fatal(err)
			}
			next = strings.Split(text, "\n")[1]
			if err := k.write(keyFileNext, text); err != nil {
				t.Fatal(err)
			}
			if row.note {
				signed, err := journal.SignSuccession(k.signer, before, next)
				if err != nil {
					t.Fatal(err)
				}
				if err := k.write("0001"+noteSuffix, string(signed)); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			k = keysOf(t, openFolder(t, dir, Options{}), "")
			want := before
			if row.finished {
				want = next
			}
			if k.Key() != want {
				t.Errorf("got %s, want %s", k.Key(), want)
			}
			if _, err := os.Stat(filepath.Join(dir, "keys", keyFileNext)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what the crash left is still there: %v", err)
			}
		})
	}
}
