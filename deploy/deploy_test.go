package deploy_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/serve"
	"github.com/accord-taxii/accord/internal/tlsconf"
)

var update = flag.Bool("update", false, "write deploy/grafana/accord.json")

// program returns the path of a program, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: there is no %s here to read the file with", name)
	}
	return path
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program(t, name), args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func TestPrometheusReadsItsFiles(t *testing.T) {
	run(t, "promtool", "check", "config", "prometheus/scrape.yaml")
	run(t, "promtool", "test", "rules", "prometheus/alerts_test.yaml")
}

func TestCaddyReadsItsFile(t *testing.T) {
	run(t, "caddy", "validate", "--config", "caddy/Caddyfile", "--adapter", "caddyfile")
}

// A panel of the dashboard.
type panel struct {
	title, unit, expr, legend string
}

// panels are the dashboard's, two in a row.
var panels = []panel{
	{"Up", "short", `up{job="accord"}`, "{{instance}}"},
	{"Days left of certificates", "d", `accord_certificate_expires_seconds / 86400`, "{{use}} {{subject}}"},
	{"Requests a second", "reqps", `sum by (route) (rate(accord_http_request_seconds_count[5m]))`, "{{route}}"},
	{"Requests that fail", "reqps", `sum by (status) (rate(accord_http_request_seconds_count{status=~"[45].."}[5m]))`, "{{status}}"},
	{"Time of a request, 99 of 100", "s", `histogram_quantile(0.99, sum by (le, route) (rate(accord_http_request_seconds_bucket[5m])))`, "{{route}}"},
	{"Connections", "short", `accord_connections`, "{{instance}}"},
	{"Objects", "short", `accord_agreement_objects`, "{{agreement}}"},
	{"Entries added a second", "cps", `rate(accord_agreement_journal_entries[5m])`, "{{agreement}}"},
	{"Objects refused a second", "cps", `sum by (agreement, rule) (rate(accord_objects_refused_total[5m]))`, "{{agreement}} {{rule}}"},
	{"Logins refused a second", "cps", `sum by (reason) (rate(accord_logins_refused_total[5m]))`, "{{reason}}"},
	{"Entries that releases are behind", "short", `accord_release_lag_entries`, "{{source}} to {{target}}"},
	{"Conflicts of releases", "short", `accord_release_conflicts`, "{{source}} to {{target}}"},
	{"Seconds that mirrors are behind", "s", `accord_mirror_lag_seconds`, "{{agreement}}"},
	{"Entries that outboxes are behind", "short", `accord_push_queue_entries`, "{{outbox}}"},
	{"Days left of agreements", "d", `accord_agreement_expires_seconds / 86400`, "{{agreement}}"},
	{"Memory", "bytes", `process_resident_memory_bytes{job="accord"}`, "{{instance}}"},
}

type object map[string]any

// dashboard returns the dashboard's JSON (Grafana 10 and later, schema version 39).
func dashboard() ([]byte, error) {
	var list []object
	source := object{"type": "prometheus", "uid": "${datasource}"}
	for i, p := range panels {
		list = append(list, object{"id": i + 1, "type": "timeseries", "title": p.title, "datasource": source,
			"gridPos":     object{"x": 12 * (i % 2), "y": 8 * (i / 2), "w": 12, "h": 8},
			"fieldConfig": object{"defaults": object{"unit": p.unit, "min": 0}, "overrides": []object{}},
			"options":     object{"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": true}, "tooltip": object{"mode": "multi", "sort": "desc"}},
			"targets":     []object{{"refId": "A", "datasource": source, "expr": p.expr, "legendFormat": p.legend}}})
	}
	text, err := json.MarshalIndent(object{
		"title": "Accord", "uid": "accord", "schemaVersion": 39, "version": 1, "editable": true, "refresh": "1m", "tags": []string{"accord", "taxii"},
		"time":       object{"from": "now-24h", "to": "now"},
		"templating": object{"list": []object{{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}}},
		"panels":     list,
	}, "", "  ")
	return append(text, '\n'), err
}

// The dashboard is made here: go test ./deploy -run Dashboard -update.
func TestTheDashboardIsWhatItsTableSays(t *testing.T) {
	want, err := dashboard()
	if err != nil {
		t.Fatal(err)
	}
	const name = "grafana/accord.json"
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is another: %v", name, err)
	}
	// Each expression is one that Prometheus can read.
	rules := object{"groups": []object{{"name": "dashboard", "rules": []object{}}}}
	var all []object
	for i, p := range panels {
		all = append(all, object{"record": fmt.Sprintf("panel:%d", i), "expr": p.expr})
	}
	rules["groups"] = []object{{"name": "dashboard", "rules": all}}
	text, err := json.Marshal(rules) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "promtool", "check", "rules", file)
}

// Every metric that an alert or a panel names is one that the server has, or may have.
func TestAlertsAndPanelsNameMetricsThatExist(t *testing.T) {
	var sources bytes.Buffer
	for _, pattern := range []string{"../internal/serve/*.go", "../taxii/server/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(text)
		}
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`"(accord_[a-z_]+)"`).FindAllStringSubmatch(sources.String(), -1) {
		known[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`agreementDesc\("([a-z_]+)"`).FindAllStringSubmatch(sources.String(), -1) {
		known["accord_agreement_"+m[1]] = true
	}
	alerts, err := os.ReadFile("prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(alerts)
	for _, p := range panels {
		text += "\n" + p.expr
	}
	named := regexp.MustCompile(`\baccord_[a-z_]+`).FindAllString(text, -1)
	if len(named) < 20 {
		t.Fatalf("only %d metrics are named", len(named))
	}
	for _, name := range named {
		base := strings.TrimSuffix(strings.TrimSuffix(name, "_count"), "_bucket")
		if !known[base] {
			t.Errorf("there is no metric %s", name)
		}
	}
}

// The real nginx with the file of this folder in front of the real server: requests, and the caller's address, come through.
func TestNginxServesAccord(t *testing.T) {
	nginx := program(t, "nginx")
	s := accordtest.New(t, accordtest.WithServe(func(c *serve.Config) {
		c.Transport.BehindProxy, c.PublicURL = true, "https://taxii.example"
	}))
	dir := t.TempDir()
	files, err := tlsconf.SelfSigned(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	text, err := os.ReadFile("nginx/accord.conf")
	if err != nil {
		t.Fatal(err)
	}
	conf := strings.NewReplacer("127.0.0.1:6100", strings.TrimPrefix(s.URL, "http://"), "listen 443 ssl", "listen "+at+" ssl",
		"/etc/accord/tls.crt", files.Cert, "/etc/accord/tls.key", files.Key).Replace(string(text))
	whole := fmt.Sprintf("daemon off; pid %[1]s/pid; error_log %[1]s/error.log; events {} http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s\n}", dir, conf)
	if os.Getuid() == 0 {
		whole = "user root; " + whole
	}
	name := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(name, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "nginx", "-t", "-c", name, "-e", filepath.Join(dir, "error.log"))
	server := exec.Command(nginx, "-c", name, "-e", filepath.Join(dir, "error.log"))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Signal(os.Interrupt); server.Wait() })

	pem, err := os.ReadFile(files.Cert)
	if err != nil {
		t.Fatal(err)
	}
	wantThrough(t, s, clientOf(t, pem), "https://"+at)
}

// wantThrough sends requests through a proxy that has just been started: they come through, and so does the caller's address.
func wantThrough(t *testing.T, s *accordtest.Server, client *http.Client, url string) {
	t.Helper()
	get := func(account, path string) (int, string) {
		r, err := http.NewRequest(http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "taxii.example"
		r.Header.Set("Accept", "application/taxii+json;version=2.1")
		r.SetBasicAuth(account, accordtest.Password(account))
		resp, err := client.Do(r)
		for until := time.Now().Add(20 * time.Second); err != nil && time.Now().Before(until); resp, err = client.Do(r) {
			time.Sleep(20 * time.Millisecond) // a proxy says nothing when it is ready
		}
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	if status, body := get(accordtest.Agency, "/taxii2/"); status != http.StatusOK || !strings.Contains(body, "https://taxii.example/") {
		t.Errorf("discovery through the proxy: %d %s", status, body)
	}
	if status, _ := get("nobody", "/taxii2/"); status != http.StatusUnauthorized {
		t.Errorf("a stranger through the proxy: %d", status)
	}
	if !strings.Contains(s.Log.String(), `"address":"127.0.0.1"`) {
		t.Error("the log does not have the caller's address")
	}
}

// The real Caddy with the file of this folder in front of the real server, over plain HTTP: it gets no certificate here.
func TestCaddyServesAccord(t *testing.T) {
	caddy := program(t, "caddy")
	s := accordtest.New(t, accordtest.WithServe(func(c *serve.Config) {
		c.Transport.BehindProxy, c.PublicURL = true, "https://taxii.example"
	}))
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(at)
	text, err := os.ReadFile("caddy/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	conf := strings.NewReplacer("127.0.0.1:6100", strings.TrimPrefix(s.URL, "http://"), "taxii.example {", "http://taxii.example:"+port+" {", "console.example {", "http://console.example:"+port+" {").Replace(string(text))
	name := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(name, []byte("{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}\n"+conf), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := exec.Command(caddy, "run", "--config", name, "--adapter", "caddyfile")
	proxy.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Process.Signal(os.Interrupt); proxy.Wait() })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	wantThrough(t, s, client, "http://"+at)
}
