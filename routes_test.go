package accord_test

import (
	"os"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/taxii/server"
)

// taxii/doc.go is the map from the Standard to the code: a route that is not on it can't be found there.
func TestEveryRouteOfTheServerIsOnTheMap(t *testing.T) {
	text, err := os.ReadFile("taxii/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range new(server.Server).Routes() {
		if !strings.Contains(string(text), r.Path) {
			t.Errorf("taxii/doc.go does not mention %s %s", strings.Join(r.Methods, ", "), r.Path)
		}
	}
}
