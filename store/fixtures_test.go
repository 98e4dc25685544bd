package store

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

var makeFixtures = flag.Bool("make-fixtures", false, "make the data folders of today's formats that are missing in testdata/folders")

// headsName is the file of a fixture with the heads that it had: for accord.db and each agreement its name, size and hash.
const headsName = "heads.txt"

// fixtureName is the name of the folder that is kept for formats of accord.db and of agreements.
func fixtureName(registry, collection int) string {
	return fmt.Sprintf("testdata/folders/accord-%d-agreement-%d.tar.gz", registry, collection)
}

// The formats of today, alone and in a cluster, have a data folder in testdata/folders, and the files in it have the buckets that new
// ones have. A change of a layout needs another number, code that upgrades the older one, and a folder of the new one:
//
//	go test ./store -run TestTodaysFormatsAreKept -make-fixtures
//
// What is there stays: a later program must open it.
func TestTodaysFormatsAreKept(t *testing.T) {
	dir := t.TempDir()
	fillFolder(t, dir)
	for _, row := range []struct {
		name                 string
		registry, collection int
		enter                bool
	}{
		{"alone", registryFormat, collectionFormat, false},
		{"in a cluster", loggedRegistryFormat, loggedCollectionFormat, true},
	} {
		if row.enter {
			s := openFolder(t, dir, Options{Log: newMemoryLog(0), Cluster: "c1"})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		name := fixtureName(row.registry, row.collection)
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) && *makeFixtures {
			packFolder(t, dir, name)
		}
		kept := unpackFolder(t, name)
		if got, want := bucketsIn(t, kept), bucketsIn(t, dir); got != want {
			t.Errorf("%s: the files of these formats have the buckets\n%s\nnew ones have\n%s", row.name, got, want)
		}
	}
}

// Every data folder of testdata/folders can be read as it is, and opened for writing: nothing in it is lost, its heads are continued,
// and it has today's formats then.
func TestFoldersOfEveryFormatAreOpened(t *testing.T) {
	names, err := filepath.Glob("testdata/folders/*.tar.gz")
	if err != nil || len(names) < 2 {
		t.Fatalf("there are %d folders, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".tar.gz"), func(t *testing.T) {
			dir := unpackFolder(t, name)
			text, err := os.ReadFile(filepath.Join(dir, headsName))
			if err != nil {
				t.Fatal(err)
			}
			heads := strings.Fields(string(text))
			holds := func(s *Store) {
				t.Helper()
				for i := 0; i+2 < len(heads); i += 3 {
					if got := headAt(t, s, heads[i]); got != heads[i+1]+" "+heads[i+2] && s.ReadOnly() {
						t.Errorf("%s has the head %s, want %s %s", heads[i], got, heads[i+1], heads[i+2])
					}
				}
				err := s.CheckAll(t.Context(), nil, func(c Checked) {
					for _, fault := range c.Faults {
						t.Errorf("%s: %s", c.Name, fault)
					}
				})
				if err != nil {
					t.Error(err)
				}
				r := s.Registry()
				account, _ := r.Account("push")
				if r.Server.Title != "Kept" || len(r.Parties) != 2 || len(r.Agreements) != 2 || len(account.Tokens) != 1 || len(r.Witnesses) != 1 || len(r.Webhooks) != 1 {
					t.Errorf("accord.db has %+v", r)
				}
			}
			read := openFolder(t, dir, Options{ReadOnly: true})
			holds(read)
			if err := errors.Join(read.Close(), LeaveLog(dir)); err != nil {
				t.Fatal(err)
			}
			s := openFolder(t, dir, Options{})
			holds(s)
			col, ok := s.Collection("gsp")
			if !ok {
				t.Fatalf("gsp is not there: %v", s.Unavailable())
			}
			if col.format != collectionFormat {
				t.Errorf("opened for writing the file has the format %d", col.format)
			}
			if _, ok, err := col.Status(uuid.MustParse("5f1d2a53-8f0e-4a86-9d2c-5a3f1d7f0b11")); !ok || err != nil {
				t.Errorf("the status is gone: %v", err)
			}
			if at, err := col.CursorOf("mirror"); err != nil || at != 300 {
				t.Errorf("the cursor of the mirror is %d, %v", at, err)
			}
			mustAppend(t, col, additions(t, malware(testID("malware", 99), spec21, "2026-03-01T00:00:00Z", ""))...)
			mustBeSound(t, col)
			for i := 0; i+2 < len(heads); i += 3 {
				var size uint64
				fmt.Sscan(heads[i+1], &size)
				if one, ok := s.Collection(agreement.Name(heads[i])); ok {
					if root, err := one.HeadAt(size); err != nil || root.String() != heads[i+2] {
						t.Errorf("%s does not continue its head of then: %v, %v", heads[i], root, err)
					}
				}
			}
		})
	}
}

// fillFolder makes a data folder with something of each kind in it.
func fillFolder(t *testing.T, dir string) {
	t.Helper()
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	s := openFolder(t, dir, Options{Now: func() time.Time { now = now.Add(time.Millisecond); return now }})
	hash, err := auth.HashPassword("a password of the kept folder")
	if err != nil {
		t.Fatal(err)
	}
	change(t, s,
		RegistryChange{Server: &Server{Title: "Kept"}},
		RegistryChange{Root: &Root{Name: "nicp", Title: "Industry", MaxContentLength: 1 << 20}},
		RegistryChange{Party: &agreement.Party{Name: "vendor", Title: "Vendor Ltd", Identity: "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"}},
		RegistryChange{Party: &agreement.Party{Name: "agency", Title: "Agency"}},
		RegistryChange{Account: &auth.Account{Name: "push", Party: "vendor", PasswordHash: hash, Tokens: []auth.Token{{ID: "1", Hash: "aa", Created: now}}, Certificates: []string{"dns:push.example issuer:CN=CA"}}},
		RegistryChange{Account: &auth.Account{Name: "gone", Party: "agency"}},
		RegistryChange{Witnesses: &[]Witness{{Key: "w.example+1f2e3d4c+AQAA", URL: "https://w.example/"}}},
	)
	change(t, s, RegistryChange{DeleteAccount: "gone"})
	members := draft("members", "nicp", "m")
	gsp := draft("gsp", "nicp", "g")
	gsp.Release = []agreement.Release{{To: "members", MaxTLP: stix.Green}}
	gsp.Accept.KeepRefusedDays = 30
	to, col := create(t, s, members), create(t, s, gsp)
	change(t, s, RegistryChange{Webhooks: &[]Webhook{{ID: "h", Agreement: "gsp", URL: "https://h.example/", Secret: []byte("0123456789abcdef0123456789abcdef"), Account: "push", Created: now}}})
	if _, err := s.Keys("kept.example"); err != nil {
		t.Fatal(err)
	}
	by := Actor{Account: "push", Party: "vendor"}
	var texts []string
	for n := range 12 {
		texts = append(texts, malware(testID("malware", n%8), spec21, fmt.Sprintf("2026-01-%02dT00:00:00Z", n+1), ""))
	}
	texts = append(texts, address(testID("url", 1), "https://one.example/"), address(testID("url", 2), "https://two.example/"))
	for _, b := range []Batch{
		{Actor: by, Changes: additions(t, texts...), Status: &StatusDraft{ID: uuid.MustParse("5f1d2a53-8f0e-4a86-9d2c-5a3f1d7f0b11"), Text: []byte("{}")}, Refused: &RefusalDraft{Objects: []RefusedObject{broken(1, 100)}}},
		{Actor: by, Changes: []Change{{Remove: &Removal{ID: testID("malware", 3)}}, {Remove: &Removal{ID: testID("url", 2)}}}},
		{Follower: &FollowerUpdate{Name: "mirror", Position: 300, Set: []KeyValue{{Key: []byte("a"), Value: []byte("1")}}}},
		{Actor: operatorActor, Changes: []Change{{Terms: &TermsChange{Agreement: func() *agreement.Agreement { a := col.Agreement().Clone(); a.Description = "Changed"; return a }(), Act: "change", Reason: "for the folder"}}}},
	} {
		if _, err := col.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := to.Append(t.Context(), Batch{Follower: &FollowerUpdate{Name: ReleaseFollower(col.ID()), Position: 2},
		Changes: []Change{{Add: &Addition{Object: parsed(t, texts[0]), TLP: stix.Green, Source: journal.Source{Collection: col.ID(), Position: 2}}}}}); err != nil {
		t.Fatal(err)
	}
	heads := ""
	for _, name := range []string{"accord.db", "gsp", "members"} {
		heads += name + " " + headAt(t, s, name) + "\n"
	}
	if err := errors.Join(s.Close(), os.WriteFile(filepath.Join(dir, headsName), []byte(heads), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// headAt returns size and hash of a journal.
func headAt(t *testing.T, s *Store, name string) string {
	t.Helper()
	ask := s.AdminHead
	if name != registryName {
		col, ok := s.Collection(agreement.Name(name))
		if !ok {
			t.Fatalf("%s is not there: %v", name, s.Unavailable())
		}
		ask = col.Head
	}
	size, root, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(size, " ", root)
}

// bucketsIn lists the buckets of accord.db and of an agreement in a folder.
func bucketsIn(t *testing.T, dir string) (list string) {
	t.Helper()
	agreements, err := filepath.Glob(filepath.Join(dir, agreementsName, "*.db"))
	if err != nil || len(agreements) != 2 {
		t.Fatalf("%s has %d agreements, %v", dir, len(agreements), err)
	}
	for _, path := range append([]string{filepath.Join(dir, registryName)}, agreements[0]) {
		db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		err = db.View(func(tx *bolt.Tx) error {
			return tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
				list += string(name) + " "
				return nil
			})
		})
		list += "\n"
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func packFolder(t *testing.T, dir, name string) {
	t.Helper()
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	err = w.AddFS(os.DirFS(dir))
	if err := errors.Join(err, w.Close(), z.Close(), os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, packed.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func unpackFolder(t *testing.T, name string) string {
	t.Helper()
	packed, err := os.Open(name)
	if err != nil {
		t.Fatalf("%v: the formats were changed without a folder of the new ones; see TestTodaysFormatsAreKept", err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.FileInfo().IsDir() || slices.Contains([]string{lockName}, h.Name) {
			continue
		}
		text, err := io.ReadAll(r)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}
