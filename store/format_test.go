package store

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// oldFile unpacks a file that a release wrote whose format was 1.
func oldFile(t *testing.T) string {
	t.Helper()
	packed, err := os.Open("testdata/agreement-format-1.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// remembered is what the followers of the old file keep.
func remembered(t *testing.T, col *Collection) (got string) {
	t.Helper()
	err := col.Snapshot(func(l *Snapshot) error {
		name := ReleaseFollower(fromA)
		got = fmt.Sprint(l.Cursor(name), " ", l.Cursor("mirror"), " ", l.Cursor("unknown"))
		l.EachState(name, nil, func(k, v []byte) { got += fmt.Sprintf(" %s=%s", k, v) })
		got += fmt.Sprint(" ", l.State(name, "wb") != nil, l.State(name, "wc") != nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func formatOf(t *testing.T, path string) uint64 {
	t.Helper()
	col, err := openCollection(path, collectionOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer col.close()
	return col.format
}

func TestAFileOfAnOlderFormatIsReadAndBroughtUpToDate(t *testing.T) {
	path := oldFile(t)
	const want = "7 300 0 wa=1 wb= true false"
	versions := uint64(0)
	for _, row := range []struct {
		name   string
		opts   collectionOptions
		format uint64 // afterwards
	}{
		{"to read, which changes nothing", collectionOptions{ReadOnly: true}, 1},
		{"to write", collectionOptions{}, collectionFormat},
		{"once more", collectionOptions{}, collectionFormat},
		{"to read, afterwards", collectionOptions{ReadOnly: true}, collectionFormat},
	} {
		t.Run(row.name, func(t *testing.T) {
			col, err := openCollection(path, row.opts)
			if err != nil {
				t.Fatal(err)
			}
			mustBeSound(t, col)
			if got := remembered(t, col); got != want {
				t.Errorf("followers keep %q, want %q", got, want)
			}
			if got, err := col.CursorOf("mirror"); err != nil || got != 300 {
				t.Errorf("the cursor of a mirror: got %d, %v, want 300", got, err)
			}
			stats, err := col.Stats()
			if err != nil || stats.Versions == 0 || versions > 0 && stats.Versions != versions {
				t.Errorf("got %d versions, %v, want %d", stats.Versions, err, versions)
			}
			versions = stats.Versions
			if err := col.close(); err != nil {
				t.Fatal(err)
			}
			if got := formatOf(t, path); got != row.format {
				t.Errorf("afterwards the file has the format %d, want %d", got, row.format)
			}
		})
	}
}

func TestAFileOfAnOlderFormatIsRebuilt(t *testing.T) {
	path := oldFile(t)
	fresh := path + ".new"
	old, err := openCollection(path, collectionOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	listed := Listed{Name: old.Agreement().Name, Collection: old.ID()}
	want := remembered(t, old)
	if err := old.close(); err != nil {
		t.Fatal(err)
	}
	if skipped, err := salvageInto(t.Context(), path, fresh, listed); err != nil || len(skipped) > 0 {
		t.Fatalf("got %v, %v, want all of it", skipped, err)
	}
	col, err := openCollection(fresh, collectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer col.close()
	mustBeSound(t, col)
	if got := remembered(t, col); got != want {
		t.Errorf("followers keep %q, want %q", got, want)
	}
}

func TestFilesOfANewerFormatAreRefused(t *testing.T) {
	for _, row := range []struct {
		name   string
		format []byte
		want   string
	}{
		{"a newer one", positionKey(loggedCollectionFormat + 1), fmt.Sprintf("the format %d, this program reads the formats 1 to %d", loggedCollectionFormat+1, loggedCollectionFormat)},
		{"none", positionKey(0), "the format 0"},
		{"half of a number", []byte{0, 0, 1}, "names no format"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := oldFile(t)
			put(t, path, bucketMeta, keyFormat, row.format)
			for _, readOnly := range []bool{false, true} {
				if _, err := openCollection(path, collectionOptions{ReadOnly: readOnly}); err == nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("read-only %t: got %v, want a refusal that says %q", readOnly, err, row.want)
				}
			}
		})
	}
}

// put changes one value of a file.
func put(t *testing.T, path string, bucket, key, value []byte) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucket).Put(key, value) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestAWrongBitInWhatFollowersKeepIsNoticed flips each bit of a cursor and of what a follower remembers.
func TestAWrongBitInWhatFollowersKeepIsNoticed(t *testing.T) {
	name := ReleaseFollower(fromA)
	for _, row := range []struct {
		name        string
		bucket, key []byte
		ask         func(*Snapshot)
	}{
		{"a cursor", bucketCursors, []byte(name), func(l *Snapshot) { l.Cursor(name) }},
		{"one thing that is asked for", bucketFollowers, followerKey(name, []byte("wa")), func(l *Snapshot) { l.State(name, "wa") }},
		{"one thing among others", bucketFollowers, followerKey(name, []byte("wa")), func(l *Snapshot) {
			l.EachState(name, []byte("w"), func(_, _ []byte) {})
		}},
		{"an empty thing", bucketFollowers, followerKey(name, []byte("wb")), func(l *Snapshot) { l.State(name, "wb") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := oldFile(t)
			col, err := openCollection(path, collectionOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer col.close()
			var kept []byte
			err = col.view(func(tx *bolt.Tx) error {
				kept = append(kept, tx.Bucket(row.bucket).Get(row.key)...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for bit := range 8 * len(kept) {
				harmed := append([]byte(nil), kept...)
				harmed[bit/8] ^= 1 << (bit % 8)
				err := col.file.Load().db.Update(func(tx *bolt.Tx) error { return tx.Bucket(row.bucket).Put(row.key, harmed) })
				if err != nil {
					t.Fatal(err)
				}
				err = col.Snapshot(func(l *Snapshot) error { row.ask(l); return nil })
				if DiskErrorOf(err) != Damaged {
					t.Errorf("bit %d: got %v, want damage", bit, err)
				}
				if faults, err := col.Check(t.Context()); err != nil || !strings.Contains(strings.Join(faults, "\n"), "what is kept under") {
					t.Errorf("bit %d: check finds %q, %v, want what is kept", bit, faults, err)
				}
			}
		})
	}
}

func TestACursorThatIsCutShortIsNoCursor(t *testing.T) {
	col := newCollection(t, collectionOptions{})
	key := []byte("mirror")
	err := col.file.Load().db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketCursors).Put(key, withChecksum(key, binary.BigEndian.AppendUint32(nil, 7)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := col.CursorOf("mirror"); DiskErrorOf(err) != Damaged {
		t.Errorf("got %d, %v, want damage", got, err)
	}
	if err := col.file.Load().db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketCursors).Delete(key) }); err != nil {
		t.Fatal(err)
	}
}
