package console_test

import (
	"html"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// A search is kept as commands that pull what its filters let through: of one agreement, of several, of all that the account
// may read.
func TestASearchIsKeptAsPullCommands(t *testing.T) {
	s := exchange(t)
	pages := as(t, s, accordtest.Agency)
	for _, row := range []struct {
		query string
		want  []string
	}{
		{"?type=indicator&type=malware&confidence=60&valid=1", []string{"accord pull --all --url " + s.URL + "/ --user agency --match-type indicator,malware --confidence 60 --valid --dir feeds --state states"}},
		{"?agreement=gsp&since=2026-01-01", []string{"/collections/gsp/ --user agency --added-after 2026-01-01 --dir gsp --state gsp.state"}},
		{"?agreement=gsp&agreement=circle&type=tool", []string{
			"/collections/gsp/ --user agency --match-type tool --dir gsp --state gsp.state\naccord pull --url ",
			"--user agency --match-type tool --dir circle --state circle.state"}},
		{"?agreement=gsp&agreement=absent", []string{"/collections/gsp/ --user agency --dir gsp --state gsp.state"}},
	} {
		body := html.UnescapeString(pages.get("/console/search/" + row.query).Body)
		for _, want := range row.want {
			if !strings.Contains(body, want) {
				_, commands, _ := strings.Cut(body, `class="commands"`)
				t.Errorf("%s: got %s\nwant %s", row.query, commands, want)
			}
		}
	}
}
