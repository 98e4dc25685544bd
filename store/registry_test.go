package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/verifiedbolt"
	"github.com/accord-taxii/accord/store/journal"
)

var operatorActor = Actor{Account: "root"}

func openFolder(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatalf("open %s: %v", dir, err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func change(t *testing.T, s *Store, changes ...RegistryChange) {
	t.Helper()
	if err := s.Change(context.Background(), operatorActor, changes); err != nil {
		t.Fatalf("change: %v", err)
	}
}

func draft(name, root, alias string) *agreement.Agreement {
	return (&agreement.Agreement{
		Name: agreement.Name(name), Title: strings.ToUpper(name), APIRoot: root,
		Collection: agreement.Collection{ID: uuid.New(), Alias: alias},
		Parties:    []agreement.Membership{{Party: "vendor", Roles: []agreement.Role{agreement.Producer, agreement.Consumer}}},
	}).Canonical()
}

func create(t *testing.T, s *Store, a *agreement.Agreement) *Collection {
	t.Helper()
	col, err := s.CreateAgreement(context.Background(), operatorActor, a)
	if err != nil {
		t.Fatalf("create agreement %s: %v", a.Name, err)
	}
	return col
}

func TestRegistrySurvivesReopening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := openFolder(t, dir, Options{})
	change(t, s,
		RegistryChange{Server: &Server{Title: "Example exchange"}},
		RegistryChange{Root: &Root{Name: "nicp", Title: "Industry", MaxContentLength: 1 << 20}},
		RegistryChange{Party: &agreement.Party{Name: "vendor", Title: "Vendor Ltd"}},
		RegistryChange{Account: &auth.Account{Name: "push", Party: "vendor", Tokens: []auth.Token{{ID: "1", Hash: "aa"}}, Certificates: []string{"CN=push"}}},
	)
	col := create(t, s, draft("gsp", "nicp", "g"))
	id := col.ID()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}

	s = openFolder(t, dir, Options{})
	r := s.Registry()
	if r.Server.Title != "Example exchange" || len(r.Roots) != 1 || len(r.Parties) != 1 || len(r.Agreements) != 1 {
		t.Errorf("registry after reopening: %+v", r)
	}
	for how, find := range map[string]func() (auth.Account, bool){
		"name":        func() (auth.Account, bool) { return r.Account("push") },
		"token":       func() (auth.Account, bool) { return r.AccountOfToken("aa") },
		"certificate": func() (auth.Account, bool) { return r.AccountOfCertificate("CN=push") },
	} {
		if a, ok := find(); !ok || a.Name != "push" || a.Revision != 1 {
			t.Errorf("account by %s: got %+v, %v, want push in revision 1", how, a, ok)
		}
	}
	for _, by := range []string{id.String(), "g"} {
		if got, ok := s.CollectionIn("nicp", by); !ok || got.ID() != id {
			t.Errorf("collection by %q: got %v, want %s", by, ok, id)
		}
		if _, ok := s.CollectionIn("other", by); ok {
			t.Errorf("collection by %q in another root: found", by)
		}
	}
	for _, by := range []string{"", strings.ToUpper(id.String()), "G", "urn:uuid:" + id.String(), "gsp"} {
		if _, ok := s.CollectionIn("nicp", by); ok {
			t.Errorf("collection by %q: found, want none", by)
		}
	}
}

func TestFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := openFolder(t, dir, Options{})
	col := create(t, s, draft("gsp", "nicp", ""))
	for path, want := range map[string]os.FileMode{
		"": 0o700, "agreements": 0o700, "accord.db": 0o600, "lock": 0o600,
		"agreements/" + col.ID().String() + ".db": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("permissions of DIR/%s: got %o, want %o", path, got, want)
		}
	}
}

func TestFolderInUseSaysByWhom(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	for _, opts := range []Options{{}, {ReadOnly: true}} {
		_, err := Open(dir, opts)
		var inUse *InUseError
		if !errors.As(err, &inUse) || inUse.PID != os.Getpid() || inUse.Dir != dir {
			t.Errorf("open %+v while open: got %v, want an InUseError with process %d", opts, err, os.Getpid())
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	first := openFolder(t, dir, Options{ReadOnly: true})
	second := openFolder(t, dir, Options{ReadOnly: true})
	if err := first.Change(context.Background(), Actor{}, nil); !errors.Is(err, ErrReadOnly) {
		t.Errorf("change while reading only: got %v, want ErrReadOnly", err)
	}
	first.Close()
	second.Close()
	openFolder(t, dir, Options{})
}

func TestReadingDoesNotMakeAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if _, err := Open(dir, Options{ReadOnly: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open a missing folder for reading: got %v, want it does not exist", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}

func TestOneLostAgreementStopsNobodyElse(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"its file is missing":   os.Remove,
		"its file is empty":     func(path string) error { return os.Truncate(path, 0) },
		"its file is cut short": func(path string) error { return os.Truncate(path, 5000) },
		"its file is overwritten": func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("no database ", 5000)), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openFolder(t, dir, Options{})
			lost, kept := create(t, s, draft("lost", "nicp", "")), create(t, s, draft("kept", "nicp", ""))
			path := filepath.Join(dir, "agreements", lost.ID().String()+".db")
			s.Close()
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			s = openFolder(t, dir, Options{})
			if _, ok := s.CollectionIn("nicp", kept.ID().String()); !ok {
				t.Error("the other agreement is not served")
			}
			u := s.Unavailable()
			if len(u) != 1 || u[0].Name != "lost" || u[0].Reason == nil {
				t.Fatalf("unavailable: got %v, want lost with a reason", u)
			}
			if _, ok := s.Collection("lost"); ok {
				t.Error("the lost agreement is found")
			}
			if _, err := s.CreateAgreement(context.Background(), operatorActor, draft("lost", "nicp", "")); !errors.Is(err, ErrExists) {
				t.Errorf("create it again: got %v, want ErrExists", err)
			}
		})
	}
}

func TestAFileOfAnotherAgreementIsNotServed(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	a, b := create(t, s, draft("a", "nicp", "")), create(t, s, draft("b", "nicp", ""))
	s.Close()
	folder := filepath.Join(dir, "agreements")
	text, err := os.ReadFile(filepath.Join(folder, a.ID().String()+".db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, b.ID().String()+".db"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s = openFolder(t, dir, Options{})
	if u := s.Unavailable(); len(u) != 1 || u[0].Name != "b" {
		t.Errorf("unavailable: got %v, want b", u)
	}
}

func TestACrashBeforeListingLeavesTheWayOpen(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir, Options{})
	a := draft("gsp", "nicp", "")
	left, err := createCollection(s.collectionPath(Listed{a.Name, a.Collection.ID}), a.Collection.ID, a, operatorActor, s.collectionOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := left.close(); err != nil {
		t.Fatal(err)
	}
	col := create(t, s, a)

	// A file that has been in use stays where it is.
	if _, err := col.Append(context.Background(), Batch{Changes: []Change{{Terms: &TermsChange{Agreement: a, Act: "renew"}}}}); err != nil {
		t.Fatal(err)
	}
	path := s.collectionPath(Listed{a.Name, a.Collection.ID})
	s.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s = openFolder(t, t.TempDir(), Options{})
	if err := os.WriteFile(s.collectionPath(Listed{a.Name, a.Collection.ID}), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateAgreement(context.Background(), operatorActor, a); err == nil || !strings.Contains(err.Error(), "unlisted") {
		t.Errorf("create over an agreement in use: got %v, want a refusal", err)
	}
}

func TestEveryChangeIsAnEntry(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	s := openFolder(t, t.TempDir(), Options{Now: func() time.Time { return at }})
	account := auth.Account{Name: "push", Party: "vendor"}
	change(t, s, RegistryChange{Account: &account, Reason: "new tool"})
	first, _ := s.Registry().Account("push")
	change(t, s, RegistryChange{Account: &account})
	account.Disabled = true
	change(t, s, RegistryChange{Account: &account, Act: "disable"})
	second, _ := s.Registry().Account("push")
	if first.Revision != 1 || second.Revision != 2 {
		t.Errorf("revisions: got %d and %d, want 1 and 2", first.Revision, second.Revision)
	}

	var entries []journal.Entry
	var texts [][]byte
	err := s.AdminEntries(1, 100, func(p journal.Position, e journal.Entry, text []byte) bool {
		if want := journal.Position(len(entries) + 1); p != want {
			t.Errorf("position: got %d, want %d", p, want)
		}
		entries, texts = append(entries, e), append(texts, text)
		return true
	})
	if err != nil || len(entries) != 2 {
		t.Fatalf("entries: got %d, %v, want 2", len(entries), err)
	}
	doc := func(a auth.Account) journal.Digest { b, _ := json.Marshal(a); return sha256.Sum256(b) }
	for i, want := range []journal.Entry{
		{Kind: journal.Admin, At: at, Account: "root", Digest: doc(first), Act: "create", Subject: "account push", Reason: "new tool"},
		{Kind: journal.Admin, At: at.Add(time.Microsecond), Account: "root", Before: doc(first), Digest: doc(second), Act: "disable", Subject: "account push"},
	} {
		if got := string(entries[i].Append(nil)); got != string(want.Append(nil)) {
			t.Errorf("entry %d: got %+v, want %+v", i+1, entries[i], want)
		}
	}
	size, root, err := s.AdminHead()
	if err != nil || size != 2 || size != s.Registry().Revision {
		t.Fatalf("head: got %d, %v, want 2", size, err)
	}
	if want := tlog.NodeHash(tlog.RecordHash(texts[0]), tlog.RecordHash(texts[1])); root != want {
		t.Errorf("root: got %v, want %v", root, want)
	}
}

func TestChangesAreAllOrNone(t *testing.T) {
	s := openFolder(t, t.TempDir(), Options{})
	for name, changes := range map[string][]RegistryChange{
		"a change that sets nothing": {{Server: &Server{Title: "x"}}, {}},
		"a change that sets two":     {{Server: &Server{Title: "x"}, Root: &Root{Name: "r"}}},
		"a party without a name":     {{Server: &Server{Title: "x"}}, {Party: &agreement.Party{}}},
	} {
		if err := s.Change(context.Background(), operatorActor, changes); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if r := s.Registry(); r.Server.Title != "" || r.Revision != 0 {
		t.Errorf("registry: got %+v, want nothing changed", r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Change(ctx, operatorActor, []RegistryChange{{Server: &Server{Title: "x"}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("change with an ended context: got %v", err)
	}
}

func TestACertificateOfTwoAccountsIsNobodys(t *testing.T) {
	s := openFolder(t, t.TempDir(), Options{})
	for _, name := range []string{"a", "b"} {
		change(t, s, RegistryChange{Account: &auth.Account{Name: name, Certificates: []string{"CN=x"}}})
	}
	if a, ok := s.Registry().AccountOfCertificate("CN=x"); ok {
		t.Errorf("got %s, want none", a.Name)
	}
}

// A wrong bit in a document of accord.db is damage, and is called so: the operator is told what to do, not which JSON there is.
func TestADocumentThatCannotBeReadIsDamage(t *testing.T) {
	for _, wrong := range []string{`{"name":"tool","revicion":1}`, `{"name":"tool"`, ``} {
		dir := filepath.Join(t.TempDir(), "data")
		s := openFolder(t, dir, Options{})
		change(t, s, RegistryChange{Party: &agreement.Party{Name: "vendor", Title: "V"}})
		err := s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketAccounts).Put([]byte("tool"), []byte(wrong)) })
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		s, err = Open(dir, Options{})
		if !errors.Is(err, ErrRegistryDamaged) {
			t.Errorf("%q: got %v, want ErrRegistryDamaged", wrong, err)
		}
		if err == nil {
			s.Close()
		}
	}
}

func TestANewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	openFolder(t, dir, Options{}).Close()
	db, err := bolt.Open(filepath.Join(dir, "accord.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketRegistryMeta).Put(keyFormat, positionKey(9)) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "format 9") {
		t.Errorf("open: got %v, want a refusal that names format 9", err)
	}
}

// A key of the server's journal that a wrong bit has made another one is found, wherever it stands then: reading on behind the last
// position once never ended.
func TestAServersJournalWithAKeyThatDoesNotFit(t *testing.T) {
	for name, key := range map[string][]byte{"shorter": {0}, "longer": append(positionKey(2), 0), "far behind": positionKey(2 | 1<<40), "after itself": append(positionKey(1), 7)} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			s := openFolder(t, dir, Options{})
			everyRecord(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			db, err := bolt.Open(filepath.Join(dir, registryName), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *bolt.Tx) error {
				b := tx.Bucket(bucketAdminJournal)
				entry := bytes.Clone(b.Get(positionKey(2)))
				return errors.Join(b.Delete(positionKey(2)), b.Put(key, entry))
			})
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			s, err = Open(dir, Options{ReadOnly: true})
			if err != nil {
				return // it is refused as a whole
			}
			defer s.Close()
			_, sealed := s.Sealed()
			_, recorded := new(recordedHeads).read(s)
			if !errors.Is(sealed, verifiedbolt.ErrDamaged) {
				t.Errorf("seals: got %v, want damage", sealed)
			}
			if !errors.Is(recorded, verifiedbolt.ErrDamaged) {
				t.Errorf("heads: got %v, want damage", recorded)
			}
		})
	}
}
