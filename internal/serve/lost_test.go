package serve_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// An agreement whose file is damaged is 503 to those with a role in it, by its id and by its alias, and 404 to all others, who are
// not to learn that there is one.
func TestALostAgreementIsHiddenFromThoseWithoutARole(t *testing.T) {
	s := accordtest.New(t)
	dir := s.Store.Dir()
	s.Stop()
	file := filepath.Join(dir, "agreements", accordtest.IntakeID.String()+".db")
	if err := os.WriteFile(file, make([]byte, 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	running, _ := accordtest.Serve(t, accordtest.Config(dir))
	for _, name := range []string{accordtest.Intake, accordtest.IntakeID.String(), "none", "00000000-0000-4000-8000-000000000000"} {
		for _, end := range []string{"", "objects/", "manifest/"} {
			for account, lost := range map[string]int{accordtest.Vendor: 503, accordtest.Agency: 503, accordtest.Outsider: 404, accordtest.Member: 404} {
				if name != accordtest.Intake && name != accordtest.IntakeID.String() {
					lost = http.StatusNotFound
				}
				path := "/" + accordtest.Industry + "/collections/" + name + "/" + end
				a, err := accordtest.Request{As: account, Path: path}.Send(http.DefaultClient, running.URL)
				if err != nil {
					t.Fatal(err)
				}
				if a.Status != lost {
					t.Errorf("%s as %s: got %d %s, want %d", path, account, a.Status, a.Body, lost)
				}
			}
		}
	}
}
