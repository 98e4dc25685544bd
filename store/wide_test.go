package store

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

const (
	wideAt  = "2026-01-01T00:00:00.000Z"
	laterAt = "2026-01-02T00:00:00.000Z"
)

func instantOf(t testing.TB, text string) stix.Instant {
	t.Helper()
	in, err := stix.ParseInstant(text)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func typeNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("x-type-%04d", i))
	}
	return names
}

// A query by exact version answers the same whether it merges the runs of all types or reads a wide instant's own.
func TestAWideInstantAnswersAsItsTypesDo(t *testing.T) {
	dir := t.TempDir()
	path, id := filepath.Join(dir, "agreement.db"), uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116")
	opts := collectionOptions{Now: clockFrom(testEpoch, 3*time.Millisecond)}
	col, err := createCollection(path, id, testAgreement(id), Actor{Account: "root"}, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { col.close() }()
	r := rand.New(rand.NewPCG(1, 6))
	types := typeNames(2 * wideTypes)
	same := func(when string) {
		t.Helper()
		for _, exact := range [][]string{{wideAt}, {laterAt}, {wideAt, laterAt}} {
			for _, specs := range [][]string{nil, {spec20}, {spec20, spec21}} {
				q := Query{Specs: specs, Limit: 1 << 20}
				for _, text := range exact {
					q.Versions.Exact = append(q.Versions.Exact, instantOf(t, text))
				}
				got := texts(t, col, q)
				q.Types = types
				if want := texts(t, col, q); !slices.Equal(got, want) {
					t.Errorf("%s, %v in %v: got %d objects, want %d", when, exact, specs, len(got), len(want))
				}
			}
		}
		mustBeSound(t, col)
	}
	for i, typ := range types {
		add(t, col, malware(testID(typ, 1), spec21, wideAt, ""))
		if r.IntN(3) == 0 {
			add(t, col, malware(testID(typ, 1), spec20, wideAt, ""), malware(testID(typ, 1), spec21, laterAt, ""))
		}
		if i%40 == 39 {
			same(fmt.Sprintf("with %d types", i+1))
		}
	}
	for range 100 {
		typ := types[r.IntN(len(types))]
		if r.IntN(2) == 0 {
			mustAppend(t, col, Change{Remove: &Removal{Kind: journal.Deleted, ID: testID(typ, 1), Versions: Versions{Exact: []stix.Instant{instantOf(t, wideAt)}}}})
		} else {
			add(t, col, malware(testID(typ, r.IntN(2)), spec21, []string{wideAt, laterAt}[r.IntN(2)], ""))
		}
	}
	same("after deletions")

	// A file of the format before has no wide instants, until it is opened for writing.
	err = col.file.Load().db.Update(func(tx *bolt.Tx) error {
		if err := tx.DeleteBucket(bucketByInstant); err != nil {
			return err
		}
		return tx.Bucket(bucketMeta).Put(keyFormat, positionKey(wideFormat-1))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{true, false} {
		if err := col.close(); err != nil {
			t.Fatal(err)
		}
		opts.ReadOnly = readOnly
		if col, err = openCollection(path, opts); err != nil {
			t.Fatal(err)
		}
		same(fmt.Sprintf("of the format before, read only %v", readOnly))
	}
	if n := seeksOf(t, col, Query{Versions: Versions{Exact: []stix.Instant{instantOf(t, wideAt)}}}); n > 20 {
		t.Errorf("after the upgrade a page costs %d searches", n)
	}
}

// seeksOf is how many searches in indexes a page costs before its first object.
func seeksOf(t testing.TB, col *Collection, q Query) (n int) {
	t.Helper()
	err := col.view(func(tx *bolt.Tx) error {
		s, err := newMerge(&readTx{tx: tx, collection: col}, q)
		if err == nil {
			n = s.seeks
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What a page costs does not grow with the types of objects that a collection has, nor with their versions.
func TestThePriceOfAPage(t *testing.T) {
	counts := map[string][]int{}
	exact := []stix.Instant{instantOf(t, wideAt)}
	for _, n := range []int{100, 1000} {
		types := typeNames(n)
		byTypes := newCollection(t, collectionOptions{})
		byVersions := newCollection(t, collectionOptions{})
		var ofTypes, ofVersions []string
		for i := range n {
			ofTypes = append(ofTypes, malware(testID(types[i], 1), spec21, wideAt, ""))
			ofVersions = append(ofVersions, malware(testID("malware", 1), spec21, testEpoch.Add(time.Duration(i)*time.Second).Format("2006-01-02T15:04:05.000Z"), ""))
		}
		add(t, byTypes, ofTypes...)
		last := add(t, byVersions, ofVersions...)
		late := last[len(last)/2].At
		for name, q := range map[string]Query{
			"the last":          {},
			"all":               {Versions: Versions{All: true}},
			"the first":         {Versions: Versions{First: true}},
			"an exact one":      {Versions: Versions{Exact: exact}},
			"an exact one, too": {Versions: Versions{Exact: exact, Last: true}},
			"of one type":       {Types: types[:1], Versions: Versions{Exact: exact}},
		} {
			for after, at := range map[string]time.Time{"": {}, " later": late} {
				q.After = at
				counts["types: "+name+after] = append(counts["types: "+name+after], seeksOf(t, byTypes, q))
				counts["versions: "+name+after] = append(counts["versions: "+name+after], seeksOf(t, byVersions, q))
			}
		}
	}
	for name, n := range counts {
		if n[0] != n[1] || n[1] > 20 {
			t.Errorf("%s: %d searches with 100 of them, %d with 1,000", name, n[0], n[1])
		}
	}
}
