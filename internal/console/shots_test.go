package console_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// TestShots makes pictures of the screens, into the folder that ACCORD_SHOTS names: make shots.
func TestShots(t *testing.T) {
	to := os.Getenv("ACCORD_SHOTS")
	if to == "" {
		t.Skip("makes the pictures of doc/console; see make shots")
	}
	s := exchange(t)
	started := startChromium(t)
	w := open(t, started, s.URL)
	w.logIn(accordtest.Agency, accordtest.Password(accordtest.Agency))
	for name, path := range map[string]string{"overview": "/console/overview/", "search": "/console/search/?q=beacon", "object": "/console/objects/" + accordtest.IndicatorID(1) + "/",
		"agreements": "/console/agreements/", "agreement": "/console/agreements/gsp/", "graph": "/console/objects/" + accordtest.IndicatorID(1) + "/graph/"} {
		w.visit(path)
		w.clean(name)
		if err := os.WriteFile(filepath.Join(to, name+".png"), w.picture(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
