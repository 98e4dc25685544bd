package console_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/demo"
)

// shots are the pictures of doc/console: of the demo, which make run shows.
func shots(withdrawn, revised string) []struct{ name, account, path string } {
	industry, members := "/console/agreements/industry/", "/console/agreements/members/"
	return []struct{ name, account, path string }{
		{"overview", "agency", "/console/overview/"},
		{"search", "agency", "/console/search/?q=beacon"},
		{"values", "agency", "/console/values/"},
		{"object", "agency", "/console/objects/" + revised + "/?agreement=industry"},
		{"graph", "agency", "/console/objects/" + revised + "/graph/"},
		{"pattern", "agency", "/console/pattern/?pattern=" + "%5Bnetwork-traffic%3Adst_port+%3D+443+AND+network-traffic%3Adst_ref.value+IN+%28%27198.51.100.7%27%2C%27198.51.100.9%27%29%5D+REPEATS+5+TIMES+WITHIN+600+SECONDS"},
		{"agreements", "root", "/console/agreements/"},
		{"agreement", "root", industry},
		{"flows", "root", "/console/flows/"},
		{"renewals", "root", "/console/renewals/"},
		{"release", "root", industry + "release/members/"},
		{"queue", "root", "/console/queue/"},
		{"jobs", "root", "/console/jobs/"},
		{"health", "root", "/console/health/"},
		{"partners", "root", "/console/partners/"},
		{"partner", "root", "/console/partners/partner/"},
		{"try", "vendor", "/console/try/"},
		{"refused", "vendor", industry + "refused/"},
		{"history", "agency", industry + "history/"},
		{"timeline", "root", members + "objects/" + withdrawn + "/"},
		{"proof", "agency", industry + "proof/?entry=5"},
		{"heads", "agency", industry + "heads/"},
		{"deliveries", "agency", members + "deliveries/"},
		{"given", "agency", members + "deliveries/?since=2020-01-01"},
		{"report", "root", industry + "report/"},
		{"terms", "agency", industry + "terms/?entry=1"},
		{"status", "root", "/console/status/"},
		{"readers", "root", "/console/readers/"},
		{"limits", "root", "/console/limits/"},
		{"factor", "root", "/console/factor/"},
		{"accounts", "root", "/console/accounts/"},
		{"account", "root", "/console/accounts/vendor/"},
		{"journal", "root", "/console/journal/"},
		{"sessions", "root", "/console/sessions/"},
	}
}

// TestShots makes pictures of the screens of the demo, into the folder that ACCORD_SHOTS names: make shots.
func TestShots(t *testing.T) {
	to := os.Getenv("ACCORD_SHOTS")
	if to == "" {
		t.Skip("makes the pictures of doc/console; see make shots")
	}
	program, err := accordtest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "demo", "--data", filepath.Join(t.TempDir(), "demo"), "--listen", "127.0.0.1:6100")
	printed, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait() // it was killed
	})
	url := ""
	for lines := bufio.NewScanner(printed); url == "" && lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); strings.HasSuffix(line, "/console/") {
			url = strings.TrimSuffix(line, "/console/")
		}
	}
	go bufio.NewReader(printed).WriteTo(nothing{}) // or the demo would wait for a reader
	revised := demo.Supplies()[0].Revised
	started := startChromium(t)
	windows := map[string]*window{}
	for _, login := range demo.Logins() {
		windows[login.Account] = open(t, started, url)
		windows[login.Account].scheme("light")
		windows[login.Account].size(1440, 1080)
		windows[login.Account].logIn(login.Account, login.Password)
	}
	for _, shot := range shots(demo.WithdrawnID, revised) {
		w := windows[shot.account]
		w.visit(shot.path)
		w.clean(shot.name)
		write(t, to, shot.name, w)
	}
	w := windows["agency"]
	w.scheme("dark")
	w.visit("/console/objects/" + revised + "/?agreement=industry")
	write(t, to, "object-dark", w)
	w.visit("/console/search/?q=beacon")
	write(t, to, "search-dark", w)
	w.scheme("light")
	w.size(375, 1050)
	w.visit("/console/search/?q=beacon")
	write(t, to, "search-narrow", w)
}

func write(t *testing.T, folder, name string, w *window) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name+".png"), w.picture(), 0o644); err != nil {
		t.Fatal(err)
	}
}

type nothing struct{}

func (nothing) Write(b []byte) (int, error) { return len(b), nil }
