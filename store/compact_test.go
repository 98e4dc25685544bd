package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

// After many deletions a compacted file is smaller and says the same, and so is one that was rebuilt.
func TestCompactingGivesSpaceBack(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	col := create(t, s, draft("gsp", "nicp", ""))
	var adds, removes []Change
	for n := range 3000 {
		o := parsed(t, fmt.Sprintf(`{"type":"tool","spec_version":"2.1","id":"tool--00000000-0000-4000-8000-%012d","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"%0200d"}`, n, n))
		adds = append(adds, Change{Add: &Addition{Object: o, TLP: stix.Green}})
		if n%10 > 0 {
			removes = append(removes, Change{Remove: &Removal{ID: o.ID}})
		}
	}
	for _, changes := range [][]Change{adds, removes} {
		if _, err := col.Append(context.Background(), Batch{Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	size, root, err := col.Head()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "agreements", col.ID().String()+".db")
	if err := CompactFolder(context.Background(), dir, nil, func(Compacted) {}); err == nil {
		t.Error("an open folder is compacted")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := fileSize(t, path)
	var done []Compacted
	if err := CompactFolder(context.Background(), dir, []agreement.Name{"gsp"}, func(c Compacted) { done = append(done, c) }); err != nil {
		t.Fatal(err)
	}
	after := fileSize(t, path)
	t.Logf("%d bytes, compacted %d", before, after)
	if len(done) != 1 || done[0].Before != before || done[0].After != after || after >= before*3/4 {
		t.Errorf("got %+v; the file had %d bytes and has %d, want a good deal less", done, before, after)
	}
	if err := RebuildFolder(context.Background(), dir, nil, func(Rebuilt) {}); err != nil {
		t.Fatal(err)
	}
	if rebuilt := fileSize(t, path); rebuilt > after*5/4 {
		t.Errorf("rebuilt the file has %d bytes, compacted it had %d", rebuilt, after)
	}
	if _, err := os.Stat(path + ".compact"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy is still there: %v", err)
	}
	s = openFolder(t, dir, Options{})
	col, _ = s.Collection("gsp")
	nowSize, nowRoot, err := col.Head()
	if err != nil || nowSize != size || nowRoot != root {
		t.Errorf("the head is %d %s, %v, want %d %s", nowSize, nowRoot, err, size, root)
	}
	mustBeSound(t, col)
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
