package accordtest

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/accord-taxii/accord/store"
)

// ReplaceFile closes an agreement of an open folder, as a node of a cluster does whose file is damaged, and puts a copy of its file
// in its place.
func ReplaceFile(t testing.TB, s *store.Store, col *store.Collection) *store.Collection {
	t.Helper()
	var sent bytes.Buffer
	if err := col.SendFile(t.Context(), &sent); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "received")
	if err := store.ReceiveFile(t.Context(), &sent, to); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Quarantine(col.ID(), errors.New("its file is damaged")); err != nil {
		t.Fatal(err)
	}
	now, err := s.Readmit(col.ID(), to, func() ([]store.Logged, bool, error) { return nil, false, nil })
	if err != nil {
		t.Fatal(err)
	}
	return now
}
