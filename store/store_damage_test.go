package store

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestADamagedFileIsNotFatal cuts and overwrites an agreement's file at every page: opening the folder must neither fail
// nor take the process down, and the other agreement is served each time.
func TestADamagedFileIsNotFatal(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	lost, kept := create(t, s, draft("lost", "nicp", "")), create(t, s, draft("kept", "nicp", ""))
	a := lost.Agreement()
	for range 20 {
		if _, err := lost.Append(context.Background(), Batch{Changes: []Change{{Terms: &TermsChange{Agreement: a, Act: "renew"}}}}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "agreements", lost.ID().String()+".db")
	s.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reopen := func(how string, at int, harmed []byte) {
		t.Helper()
		if err := os.WriteFile(path, harmed, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatalf("%s at %d: %v", how, at, err)
		}
		defer s.Close()
		if _, ok := s.CollectionIn("nicp", kept.ID().String()); !ok {
			t.Errorf("%s at %d: the other agreement is not served", how, at)
		}
	}
	// The file grows by whole stretches ahead of its content; what lies behind that is nothing to damage.
	const page = 4096
	used := len(bytes.TrimRight(whole, "\x00"))
	whole = whole[:(used+page-1)/page*page]
	for at := 0; at < len(whole); at += page {
		reopen("cut", at, whole[:at])
		harmed := append([]byte(nil), whole...)
		for i := at; i < at+page && i < len(harmed); i++ {
			harmed[i] ^= 0xff
		}
		reopen("flipped", at, harmed)
		clear(harmed[at:min(at+page, len(harmed))])
		reopen("zeroed", at, harmed)
	}
}
