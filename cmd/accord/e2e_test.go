package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/accord-taxii/accord/internal/demo"
	"github.com/accord-taxii/accord/taxii"
)

// exchangeFile is an apply file with most of the possible keys.
const exchangeFile = `server: {title: Example exchange, description: "", contact: ""}
api_roots:
  - {name: nicp, title: Industry partnership, description: "", max_content_length: 104857600}
parties:
  - {name: vendor, title: Vendor Ltd, identity: "identity--0f5b3a52-6c0e-4f0b-9a39-5d7b7c1d9f11"}
  - {name: agency, title: National agency}
accounts:
  - {name: vendor-push, party: vendor, password_env: VENDOR_PW}
  - {name: agency-siem, party: agency, password_env: AGENCY_PW}
  - {name: root, operator: true, password_file: root.pw}
agreements:
  - name: members
    title: Agency to members
    api_root: nicp
    parties: [{party: agency, roles: [producer, consumer]}]
  - name: gsp
    title: Government programme
    description: ""
    api_root: nicp
    collection: {id: 91a7b528-80eb-42ed-a74d-c6fbd5a26116, alias: gsp}
    parties:
      - {party: vendor, roles: [producer, consumer]}
      - {party: agency, roles: [consumer, auditor]}
    term: {from: 2026-01-01, until: 2099-01-01}
    accept: {types: [], spec_versions: ['2.1'], max_tlp: amber+strict, default_tlp: green, require_marking: false, warnings: accept}
    release:
      - {to: members, max_tlp: green, types: []}
`

const gsp = "/nicp/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/"

var exchangeVars = []string{"VENDOR_PW=vendor-push-password", "AGENCY_PW=agency-siem-password"}

// exchange writes exchangeFile and the password beside it, and returns the file and a data folder that does not exist yet.
func exchange(t *testing.T) (file, data string) {
	t.Helper()
	dir := t.TempDir()
	file, data = filepath.Join(dir, "exchange.yaml"), filepath.Join(dir, "data")
	for path, text := range map[string]string{file: exchangeFile, filepath.Join(dir, "root.pw"): "root-password\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file, data
}

func serveArgs(data string, more ...string) []string {
	return append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--log-format", "json"}, more...)
}

func TestWhatWasServedIsThereAfterAnOrderlyEnd(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	objects := demo.Generate(11, 100)
	a, err := c.ask("vendor-push", http.MethodPost, gsp+"objects/", bytes.NewReader(envelope(objects...)))
	if err != nil || a.status != http.StatusAccepted {
		t.Fatalf("got %d %s, %v, want 202", a.status, a.body, err)
	}
	var status taxii.Status
	if err := json.Unmarshal(a.body, &status); err != nil || status.Status != "complete" || status.SuccessCount != len(objects) {
		t.Fatalf("got status %s, want complete with %d successes", a.body, len(objects))
	}
	var first taxii.Envelope
	c.get("agency-siem", gsp+"objects/?limit=30", &first)
	before := c.versionsIn("agency-siem", gsp)
	c.terminate()
	if _, err := os.Stat(filepath.Join(data, "admin.sock")); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}

	c = start(t, nil, serveArgs(data, "--plain-http")...).serving()
	after := c.versionsIn("agency-siem", gsp)
	if len(before) != len(objects) || len(after) != len(before) {
		t.Errorf("got %d versions before and %d after, want %d", len(before), len(after), len(objects))
	}
	for key := range before {
		if !after[key] {
			t.Errorf("%s is gone", key)
		}
	}
	var again taxii.Status
	c.get("vendor-push", "/nicp/status/"+status.ID+"/", &again)
	if again.SuccessCount != len(objects) {
		t.Errorf("got status %+v, want the one from before", again)
	}
	var rest taxii.Envelope
	c.get("agency-siem", gsp+"objects/?next="+first.Next, &rest)
	if got, want := len(first.Objects)+len(rest.Objects), len(c.latest(gsp)); got != want {
		t.Errorf("a cursor from before leads to %d objects in all, want %d", got, want)
	}
	c.terminate()
}

// latest lists the last version of each object.
func (c *child) latest(collection string) []taxii.ManifestRecord {
	c.t.Helper()
	var m taxii.Manifest
	c.get("agency-siem", collection+"manifest/?limit=10000", &m)
	return m.Objects
}

func TestSIGTERMFinishesWhatIsInFlight(t *testing.T) {
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	var ready taxii.Discovery
	c.get("vendor-push", "/taxii2/", &ready)

	body := envelope(demo.Generate(12, 20)...)
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req, err := http.NewRequest(http.MethodPost, c.URL+gsp+"objects/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("vendor-push", "vendor-push-password")
	fmt.Fprintf(conn, "POST %sobjects/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nContent-Type: %s\r\nAccept: %[3]s\r\nExpect: 100-continue\r\nContent-Length: %[4]d\r\n\r\n",
		gsp, req.Header.Get("Authorization"), taxii.MediaType, len(body))
	// 100 Continue means that the server has begun to read the body.
	go100 := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, go100); err != nil || !strings.Contains(string(go100), "100 Continue") {
		t.Fatalf("got %q, %v, want 100 Continue", go100, err)
	}
	if err := c.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.said("stopping")
	if _, err := conn.Write(body); err != nil {
		t.Fatal(err)
	}
	answered, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answered), "HTTP/1.1 202 ") {
		t.Errorf("got %.200q, %v, want 202", answered, err)
	}
	if code := c.wait(); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
	c = start(t, nil, serveArgs(data, "--plain-http")...).serving()
	if got := len(c.versionsIn("agency-siem", gsp)); got != 20 {
		t.Errorf("got %d versions, want 20", got)
	}
}

func TestAKillLosesNothingThatWasAnsweredWithSuccess(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	const rounds, writers, perEnvelope = 3, 4, 10
	supply := demo.Generate(13, 20_000)
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	var next atomic.Int64
	for round := range rounds {
		c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
		var answered sync.WaitGroup
		answered.Add(8 + 8*round) // killed after this many answers
		var left atomic.Int64
		left.Store(int64(8 + 8*round))
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				for {
					from := int(next.Add(perEnvelope)) - perEnvelope
					a, err := c.ask("vendor-push", http.MethodPost, gsp+"objects/", bytes.NewReader(envelope(supply[from:from+perEnvelope]...)))
					if err != nil {
						return // killed
					}
					var status taxii.Status
					if err := json.Unmarshal(a.body, &status); err != nil || a.status != http.StatusAccepted || status.FailureCount > 0 {
						t.Errorf("got %d %s, want 202 and no failure", a.status, a.body)
					}
					mu.Lock()
					for _, s := range status.Successes {
						acknowledged[s.ID+" "+s.Version] = true
					}
					mu.Unlock()
					if left.Add(-1) >= 0 {
						answered.Done()
					}
				}
			})
		}
		answered.Wait()
		c.Cmd.Process.Kill()
		all.Wait()
		c.wait()
	}
	c := start(t, nil, serveArgs(data, "--plain-http")...).serving()
	there := c.versionsIn("agency-siem", gsp)
	for key := range acknowledged {
		if !there[key] {
			t.Errorf("%s was answered with success and is gone", key)
		}
	}
	t.Logf("%d versions acknowledged in %d rounds, %d there", len(acknowledged), rounds, len(there))
	c.terminate()
}

func TestEachCurlLineOfTheDemoWorksAsPrinted(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed: the lines that the demo prints are not tried")
	}
	data := filepath.Join(t.TempDir(), "demo")
	for _, name := range []string{"a new folder", "the same folder again"} {
		t.Run(name, func(t *testing.T) {
			c := start(t, nil, "demo", "--data", data, "--listen", "127.0.0.1:0", "--log-format", "json").serving()
			lines := 0
			for line := range strings.Lines(c.printed()) {
				if !strings.HasPrefix(line, "curl ") {
					continue
				}
				lines++
				out, err := exec.Command("sh", "-c", line).Output()
				var answer struct {
					HTTPStatus string `json:"http_status"`
				}
				if err != nil || json.Unmarshal(out, &answer) != nil || answer.HTTPStatus != "" || string(out) == "{}" {
					t.Errorf("%s\ngot %v, %.300s", line, err, out)
				}
			}
			if lines < 10 {
				t.Errorf("got %d curl lines, want at least 10:\n%s", lines, c.printed())
			}
			c.terminate()
		})
	}
}

// The demo prints the console's address, then logins, then commands, then curl lines; each command exits with 0 as printed.
func TestEachCommandOfTheDemoWorksAsPrinted(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a dozen commands")
	}
	data := filepath.Join(t.TempDir(), "demo")
	c := start(t, nil, "demo", "--data", data, "--listen", "127.0.0.1:0", "--log-format", "json").serving()
	printed, places, commands := c.printed(), []int{}, 0
	for _, first := range []string{"/console/", "demo-member-pw", "\naccord ", "\ncurl "} {
		places = append(places, strings.Index(printed, first))
	}
	if !slices.IsSorted(places) || places[0] < 0 {
		t.Errorf("the order of what is printed is %v:\n%s", places, printed)
	}
	for line := range strings.Lines(printed) {
		args, ok := strings.CutPrefix(strings.TrimSpace(line), "accord ")
		if !ok {
			continue
		}
		commands++
		if got := once(t, nil, strings.Fields(args)...); got.code != 0 || got.stdout == "" {
			t.Errorf("%s\ngot %d, %.200s %s", line, got.code, got.stdout, got.stderr)
		}
	}
	if commands < 10 {
		t.Errorf("%d commands are printed, want at least 10", commands)
	}
	if got := once(t, nil, "history", demo.WithdrawnID, "--agreement", "members", "--data", data); !strings.Contains(got.stdout, "withdrawn") || !strings.Contains(got.stdout, "given to member") {
		t.Errorf("what was taken back: %s", got.stdout)
	}
	c.terminate()
}

func TestTheDemoTakesAnotherPortWhenItsOwnIsTaken(t *testing.T) {
	if l, err := net.Listen("tcp", demoListen); err == nil {
		defer l.Close()
	}
	c := start(t, nil, "demo", "--data", filepath.Join(t.TempDir(), "demo"), "--log-format", "json").serving()
	if strings.HasSuffix(c.URL, demoListen) || !strings.Contains(c.printed(), c.URL+"/taxii2/") {
		t.Errorf("got %s, want another port than that of %s, and printed", c.URL, demoListen)
	}
	c.terminate()
}

func TestADataFolderInUseSaysWhichProcessHasIt(t *testing.T) {
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	got := once(t, nil, serveArgs(data, "--plain-http")...)
	if want := "process " + strconv.Itoa(c.Cmd.Process.Pid); got.code != exitFailed || !strings.Contains(got.stderr, want) {
		t.Errorf("got code %d and %q, want code %d and %q", got.code, got.stderr, exitFailed, want)
	}
}

func TestCommandsReachARunningServerAndStoppedFiles(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	want := func(o outcome, code int, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if o.code != code || !strings.Contains(o.stdout+o.stderr, text) {
				t.Errorf("got code %d and %s%s, want code %d and %q", o.code, o.stdout, o.stderr, code, text)
			}
		}
	}
	// Stopped.
	want(once(t, exchangeVars, "apply", "-f", file, "--data", data), 0, "agreement gsp: created", "account vendor-push: created", "party agency: created")
	want(once(t, exchangeVars, "apply", "-f", file, "--data", data), 0, "agreement gsp: unchanged", "account vendor-push: unchanged")
	want(once(t, nil, "agreement", "list", "--data", data), 0, "gsp", "active", "Government programme")
	want(once(t, nil, "agreement", "list", "--data", data+"-absent"), exitFailed, data+"-absent")
	want(once(t, nil, "agreement", "show", "nothing", "--data", data), exitFailed, "there is no agreement nothing")

	// Running.
	c := start(t, nil, serveArgs(data, "--plain-http")...).serving()
	status := func() int {
		t.Helper()
		a, err := c.ask("agency-siem", http.MethodGet, gsp+"objects/", nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.status
	}
	if got := status(); got != http.StatusOK {
		t.Errorf("before: got %d, want 200", got)
	}
	want(once(t, nil, "agreement", "suspend", "gsp", "--reason", "key lost", "--data", data), 0, "agreement gsp: suspended", "key lost")
	if got := status(); got != http.StatusForbidden {
		t.Errorf("suspended: got %d, want 403", got)
	}
	want(once(t, nil, "agreement", "suspend", "gsp", "--reason", "again", "--data", data), exitFailed, "suspended already")
	want(once(t, nil, "agreement", "resume", "gsp", "--data", data), 0, "agreement gsp: active")
	if got := status(); got != http.StatusOK {
		t.Errorf("resumed: got %d, want 200", got)
	}
	want(once(t, nil, "agreement", "renew", "gsp", "--until", "2100-01-01", "--data", data), 0, "until 2100-01-01")
	want(once(t, nil, "agreement", "renew", "gsp", "--until", "soon", "--data", data), exitUsage, "soon")

	changed := strings.Replace(exchangeFile, "until: 2099-01-01", "until: 2100-01-01", 1)
	changed = strings.Replace(changed, "title: National agency", "title: The national agency", 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	want(once(t, exchangeVars, "apply", "-f", file, "--data", data), 0, "party agency: changed (title", "agreement gsp: unchanged")
	wrong := strings.Replace(changed, "    title: Government programme", "    titel: Government programme", 1)
	if err := os.WriteFile(file, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	line := 1 + strings.Count(wrong[:strings.Index(wrong, "titel")], "\n")
	want(once(t, exchangeVars, "apply", "-f", file, "--data", data), exitFailed, fmt.Sprintf("exchange.yaml:%d: ", line), "titel")

	want(once(t, nil, "agreement", "terminate", "gsp", "--reason", "the programme ends", "--data", data), 0, "agreement gsp: terminated")
	if got := status(); got != http.StatusForbidden {
		t.Errorf("terminated: got %d, want 403", got)
	}
	want(once(t, nil, "agreement", "show", "gsp", "--format", "json", "--data", data), 0, `"state": "terminated"`)
	c.terminate()
}

func TestASelfSignedCertificateServesALoopbackAddress(t *testing.T) { // T-001
	file, data := exchange(t)
	c := start(t, exchangeVars, serveArgs(data, "--apply", file, "--ops-listen", "127.0.0.1:0")...)
	ops := strings.TrimSuffix(c.said("operation: /healthz, /readyz, /metrics").URL, "/")
	if got := c.said("self-signed certificate: clients must be told to trust it").SHA256; len(got) != 32*3-1 {
		t.Errorf("got fingerprint %q, want 32 pairs of digits", got)
	}
	c.serving()
	if !strings.HasPrefix(c.URL, "https://127.0.0.1:") {
		t.Errorf("got URL %s, want https on 127.0.0.1", c.URL)
	}
	text, err := os.ReadFile(filepath.Join(data, "tls", "selfsigned.crt"))
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	fetch := func(url string) (int, string) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("root", "root-password")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for _, row := range []struct{ url, want string }{
		{c.URL + "/taxii2/", "Example exchange"},
		{ops + "/healthz", "alive"},
		{ops + "/readyz", "ready"},
		{ops + "/metrics", `accord_agreement_objects{agreement="gsp"} 0`},
		{ops + "/metrics", `accord_http_request_seconds_count{method="GET",route="/taxii2/",status="200"} 1`},
	} {
		if status, body := fetch(row.url); status != http.StatusOK || !strings.Contains(body, row.want) {
			t.Errorf("%s: got %d %.2000s, want 200 with %q", row.url, status, body, row.want)
		}
	}
	c.terminate()
}
