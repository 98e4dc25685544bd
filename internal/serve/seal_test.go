package serve_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/store"
)

// What was delivered more than an hour ago is an entry of the server's journal, and whoever changes it afterwards is found.
func TestDeliveriesAreSealedInTheServersJournal(t *testing.T) {
	s := accordtest.New(t)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Intake), accordtest.Indicators(1, 5)...)
	if a := s.Get(accordtest.Agency, accordtest.Path(accordtest.Intake)+"objects/"); a.Status != 200 {
		t.Fatalf("read the objects: %d %s", a.Status, a.Body)
	}
	dir := s.Store.Dir()
	s.Stop()
	wantFault(t, dir, "")

	c := accordtest.Config(dir)
	c.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	running, stop := accordtest.Serve(t, c)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		sealed, err := running.Store.Sealed()
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed[accordtest.IntakeID]) == 1 && len(sealed) == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the server's journal has the seals %v, want one, of intake", sealed)
		}
	}
	stop()
	wantFault(t, dir, "")

	file := filepath.Join(dir, "agreements", accordtest.IntakeID.String()+".deliveries.db")
	db, err := bolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		readers := tx.Bucket([]byte("readers"))
		k, v := readers.Cursor().First()
		return readers.Put(k, []byte(strings.Replace(string(v), accordtest.Agency, accordtest.Member, 1)))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	wantFault(t, dir, "were changed afterwards")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	wantFault(t, dir, "lacks the stretch")
}

// wantFault checks a folder and wants one fault, or none.
func wantFault(t *testing.T, dir, want string) {
	t.Helper()
	k, err := admin.OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	var faults []string
	err = k.Check(context.Background(), nil, func(c store.Checked) { faults = append(faults, c.Faults...) })
	got := strings.Join(faults, "; ")
	if err != nil || (got == "") != (want == "") || !strings.Contains(got, want) {
		t.Errorf("check: got %q, %v, want %q", got, err, want)
	}
}
