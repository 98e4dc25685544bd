package store

import (
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/store/journal"
)

func TestCheckNamesWhatIsWrong(t *testing.T) {
	id := testID("malware", 1)
	object := func(tx *bolt.Tx) ([]byte, []byte) { return tx.Bucket(bucketObjects).Cursor().First() }
	for _, row := range []struct {
		name string
		harm func(tx *bolt.Tx) error
		want string
	}{
		{"a changed text", func(tx *bolt.Tx) error {
			k, v := object(tx)
			return tx.Bucket(bucketObjects).Put(k, []byte(strings.Replace(string(v), `"name":"n"`, `"name":"m"`, 1)))
		}, "the record is damaged"},
		{"a changed text with its checksum", func(tx *bolt.Tx) error {
			k, v := object(tx)
			v = []byte(strings.Replace(string(v), `"name":"n"`, `"name":"m"`, 1))
			binary.BigEndian.PutUint32(v[1:], sumOfRecord(v))
			return tx.Bucket(bucketObjects).Put(k, v)
		}, "is not the one whose digest"},
		{"a lost object", func(tx *bolt.Tx) error {
			k, _ := object(tx)
			return tx.Bucket(bucketObjects).Delete(k)
		}, "is missing, and no entry removes it"},
		{"an object out of nowhere", func(tx *bolt.Tx) error {
			_, v := object(tx)
			return tx.Bucket(bucketObjects).Put(addedKey(1), append([]byte(nil), v...))
		}, "objects are stored, but entries name"},
		{"a changed entry", func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketJournal)
			e, err := journal.ParseEntry(b.Get(positionKey(2)))
			e.Account = "somebody-else"
			return errors.Join(err, b.Put(positionKey(2), e.Append(nil)))
		}, "the tree"},
		{"a changed entry behind the last group", func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketJournal)
			k, v := b.Cursor().Last()
			e, err := journal.ParseEntry(v)
			e.Account = "somebody-else"
			return errors.Join(err, b.Put(k, e.Append(nil)))
		}, "the tree's head"},
		{"a lost entry", func(tx *bolt.Tx) error { return tx.Bucket(bucketJournal).Delete(positionKey(3)) }, "the entry at 3 is missing"},
		{"lost terms", func(tx *bolt.Tx) error {
			k, _ := tx.Bucket(bucketDocuments).Cursor().First()
			return tx.Bucket(bucketDocuments).Delete(k)
		}, "the terms of the entry at 1"},
		{"a key too many", func(tx *bolt.Tx) error { return tx.Bucket(bucketOrder).Put([]byte("stray"), nil) }, "the index order has"},
		{"a key missing", func(tx *bolt.Tx) error {
			k, _ := tx.Bucket(bucketByVersion).Cursor().First()
			return tx.Bucket(bucketByVersion).Delete(k)
		}, "is missing from an index"},
		{"a wrong class", func(tx *bolt.Tx) error {
			k, v := tx.Bucket(bucketVersions).Cursor().First()
			v = append([]byte(nil), v...)
			v[8] ^= byte(lastOfAll)
			return tx.Bucket(bucketVersions).Put(k, v)
		}, "has the class"},
		{"a lost tombstone", func(tx *bolt.Tx) error {
			k, _ := tx.Bucket(bucketTombstones).Cursor().First()
			return tx.Bucket(bucketTombstones).Delete(k)
		}, "has no tombstone"},
		{"wrong stats", func(tx *bolt.Tx) error {
			f, err := readStats(tx)
			f.bytes++
			return errors.Join(err, tx.Bucket(bucketMeta).Put(keyStats, f.append(nil)))
		}, "the stats are"},
		{"a lost bucket", func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketByID) }, "the bucket byid is missing"},
		{"a damaged status", func(tx *bolt.Tx) error { return tx.Bucket(bucketStatuses).Put(make([]byte, 16), []byte("?")) }, "the status 0000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cid := uuid.New()
			col, err := createCollection(filepath.Join(t.TempDir(), "a.db"), cid, testAgreement(cid), vendor, collectionOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer col.close()
			for n := range 3 {
				add(t, col, malware(id, spec21, someVersions[2*n], ""), address(testID("url", n), "x"), malware(testID("tool", n), spec20, someVersions[n], ""))
			}
			mustAppend(t, col, Change{Remove: &Removal{ID: testID("url", 1)}})
			mustBeSound(t, col)
			if err := col.file.Load().db.Update(row.harm); err != nil {
				t.Fatal(err)
			}
			faults, err := col.Check(context.Background())
			if err != nil || !strings.Contains(strings.Join(faults, "\n"), row.want) {
				t.Errorf("got %q, %v, want one with %q", faults, err, row.want)
			}
		})
	}
}

// dumpOrFault opens a file and returns its content, or "fault:" and what the check reports.
func dumpOrFault(t *testing.T, path string) (got string) {
	col, err := openCollection(path, collectionOptions{ReadOnly: true})
	if err != nil {
		return "fault: " + err.Error()
	}
	defer col.close()
	faults, err := col.Check(context.Background())
	if err != nil || len(faults) > 0 {
		return "fault: " + strings.Join(faults, "\n")
	}
	return dump(t, col)
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range as {
		if i >= len(bs) || as[i] != bs[i] {
			return as[i] + " where there was " + bs[min(i, len(bs)-1)]
		}
	}
	return "an end"
}
