package console_test

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

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
	data := filepath.Join(t.TempDir(), "demo")
	cmd := exec.CommandContext(ctx, program, "demo", "--data", data, "--listen", "127.0.0.1:6100")
	printed, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		cancel()
		cmd.Wait() // it was killed
	})
	t.Cleanup(stop)
	at := ""
	for lines := bufio.NewScanner(printed); at == "" && lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); strings.HasSuffix(line, "/console/") {
			at = strings.TrimSuffix(line, "/console/")
		}
	}
	go bufio.NewReader(printed).WriteTo(nothing{}) // or the demo would wait for a reader
	revised := demo.Supplies()[0].Revised
	started := startChromium(t)
	windows := map[string]*window{}
	for _, login := range demo.Logins() {
		windows[login.Account] = open(t, started, at)
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

	stop()
	served, secret := startCluster(t, program, data)
	w = open(t, started, served)
	w.scheme("light")
	w.size(1440, 640)
	w.visit("/console/login/")
	for _, login := range demo.Logins() {
		if login.Account == "root" {
			w.run(chromedp.SendKeys("#name", login.Account), chromedp.SendKeys("#password", login.Password+"\r"), chromedp.WaitReady("#code"))
		}
	}
	code, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.run(chromedp.SendKeys("#code", code+"\r"), chromedp.WaitReady("header.top"))
	w.visit("/console/servers/")
	w.clean("servers")
	write(t, to, "servers", w)
}

// startCluster starts three nodes, the first of them on a folder that has no server. It returns the URL of that one, and the secret of
// the operator's second factor.
func startCluster(t *testing.T, program, data string) (at, secret string) {
	t.Helper()
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(program, args...).Output()
		if err != nil {
			t.Fatalf("accord %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	factor, err := url.Parse(run("account", "totp", "root", "--data", data))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"vienna", "oslo", "rome"} {
		folder := data
		if i == 0 {
			run("cluster", "init", "--node", name, "--data", data)
		} else {
			folder = filepath.Join(t.TempDir(), name)
			run("cluster", "join", run("cluster", "invite", "--node", name, "--data", data), "--data", folder)
		}
		p, err := accordtest.StartProcess(exec.Command(program, accordtest.ServeArgs(folder, "--plain-http", "--console", "--cluster-listen", fmt.Sprint("127.0.0.1:", 29001+i))...), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Kill)
		if err := p.Listening(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			at = p.URL
		}
	}
	for until := time.Now().Add(accordtest.Patience); exec.Command(program, "cluster", "list", "--data", data).Run() != nil; time.Sleep(time.Second) {
		if time.Now().After(until) {
			t.Fatal("the nodes are not well")
		}
	}
	return at, factor.Query().Get("secret")
}

func write(t *testing.T, folder, name string, w *window) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name+".png"), w.picture(), 0o644); err != nil {
		t.Fatal(err)
	}
}

type nothing struct{}

func (nothing) Write(b []byte) (int, error) { return len(b), nil }
