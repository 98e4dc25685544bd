package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix/ijson"
)

// Two texts of one version that mean the same are one (STIX 2.1, section 3.6): the second is a success that adds nothing,
// whichever came first, in one batch or in two.
func TestTextsThatMeanTheSameAreOne(t *testing.T) {
	const head = `"id":"tool--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","type":"tool","spec_version":"2.1","created":"2024-01-02T03:04:05.000Z","name":"a"`
	for _, row := range []struct {
		name, a, b string
		want       OutcomeKind
	}{
		{"revoked spelled", `{` + head + `,"modified":"2024-01-02T03:04:05.000Z"}`, `{` + head + `,"modified":"2024-01-02T03:04:05.000Z","revoked":false}`, Already},
		{"other precision", `{` + head + `,"modified":"2024-01-02T03:04:05.000Z"}`, `{` + head + `,"modified":"2024-01-02T03:04:05.000000Z"}`, Already},
		{"other content", `{` + head + `,"modified":"2024-01-02T03:04:05.000Z"}`, `{` + head + `,"modified":"2024-01-02T03:04:05.000Z","confidence":0}`, Conflict},
		{"an observable", `{"type":"url","id":"url--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","value":"http://a.example/"}`, `{"type":"url","spec_version":"2.1","defanged":false,"id":"url--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","value":"http://a.example/"}`, Already},
		{"another observable", `{"type":"url","id":"url--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","value":"http://a.example/"}`, `{"type":"url","id":"url--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","value":"http://a.example/","defanged":true}`, Added},
	} {
		for _, texts := range [][2]string{{row.a, row.b}, {row.b, row.a}} {
			t.Run(row.name, func(t *testing.T) {
				col := newCollection(t, collectionOptions{})
				if got := add(t, col, texts[:]...)[1].Kind; got != row.want {
					t.Errorf("in one batch: got %v, want %v", got, row.want)
				}
				col = newCollection(t, collectionOptions{})
				add(t, col, texts[0])
				if got := add(t, col, texts[1])[0].Kind; got != row.want {
					t.Errorf("in two batches: got %v, want %v", got, row.want)
				}
			})
		}
	}
}

// A file from before stix.ContentHash has other hashes in its versions index; upgrading it replaces them.
func TestAnUpgradeReplacesTheHashesOfBefore(t *testing.T) {
	const text = `{"type":"url","id":"url--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","value":"http://a.example/"}`
	const spelled = `{"type":"url","spec_version":"2.1","id":"url--6f0d2f44-0d0c-4b6c-8f0a-3b7ad1f8b4c1","value":"http://a.example/"}`
	col := newCollection(t, collectionOptions{})
	add(t, col, spelled)
	var tree ijson.Tree
	if err := tree.Parse([]byte(spelled), ijson.Limits{}); err != nil {
		t.Fatal(err)
	}
	before := binary.BigEndian.AppendUint64(nil, ijson.Hash(&tree))
	err := col.file.Load().db.Update(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketVersions).Cursor()
		for key, value := c.First(); key != nil; key, value = c.Next() {
			if value = append(bytes.Clone(value[:9]), before...); len(value) != 17 {
				t.Fatalf("a value of %d bytes", len(value))
			}
			if err := tx.Bucket(bucketVersions).Put(bytes.Clone(key), value); err != nil {
				return err
			}
		}
		return upgrade(tx, 2)
	})
	if err != nil {
		t.Fatal(err)
	}
	if faults, err := col.Check(context.Background()); err != nil || len(faults) > 0 {
		t.Errorf("check: %v, %v", faults, err)
	}
	for _, text := range []string{text, spelled} {
		if got := add(t, col, text)[0].Kind; got != Already {
			t.Errorf("%s: got %v, want that it is there already", text, got)
		}
	}
}
