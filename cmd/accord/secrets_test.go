package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/auth"
)

// login is one way to log in, right or wrong.
type login struct {
	name   string
	header string // Authorization
	status int
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// secretive is a server that receives secrets in every possible way.
type secretive struct {
	*child
	t    *testing.T
	data string
	said strings.Builder // by commands and answers, except for what they are asked to print
}

// Secrets, right and wrong ones, are sent to a server in every possible way. Then its log at all levels, its metrics,
// its command line, its answers and the files of its data folder are searched for each of them.
func TestNoSecretIsWrittenAnywhere(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	hash, err := auth.HashPassword("hashed-account-password")
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(filepath.Dir(file), "second.yaml")
	text := fmt.Sprintf("accounts:\n  - {name: hashed, party: agency, password_hash: %q}\n", hash)
	if err := os.WriteFile(second, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &secretive{child: start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file, "--ops-listen", "127.0.0.1:0")...), t: t, data: data}
	ops := strings.TrimSuffix(s.child.said("operation: /healthz, /readyz, /metrics").URL, "/")
	s.serving()
	s.said.WriteString(s.command(nil, "apply", "-f", second))
	s.said.WriteString(s.command([]string{"ACCORD_NEW_PASSWORD=changed-account-password"}, "account", "password", "agency-siem"))
	drawn := s.command(nil, "account", "token", "new", "vendor-push")
	at := strings.Index(drawn, "accord_")
	if at < 0 {
		t.Fatalf("got %q, want a token", drawn)
	}
	token := strings.Fields(drawn[at:])[0]
	secrets := append(s.logIn(token), "unparsed-account-password", "query-account-password", "remote-account-password", "twice-account-password",
		"vendor-push-password", "root-password", "hashed-account-password", "changed-account-password", "agency-siem-password", "mistyped-account-password", "misplaced-account-password")
	s.administer(hash)
	s.said.WriteString(unparsed(t, s.URL, "unparsed-account-password"))
	_, figures := askWith(t, ops, "GET", "/metrics", "", "")
	commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.Cmd.Process.Pid))
	if err != nil {
		t.Logf("the command line is not looked at: %v", err)
	}
	s.terminate()

	log := s.Log.String()
	for _, want := range []string{`"status":401`, `"path":"/accord/v1/accounts/"`, "unreadable request"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %s: it was not searched where secrets could be", want)
		}
	}
	hashes := []string{"argon2id", hash[strings.LastIndex(hash, "$")+1:]} // belong in accord.db and nowhere else
	for place, text := range map[string]string{"the log": log, "the figures": figures, "the command line": string(commandLine), "what was said": s.said.String()} {
		for _, secret := range append(hashes, secrets...) {
			if strings.Contains(text, secret) {
				t.Errorf("%s: got %s in it", place, secret)
			}
		}
	}
	wantNoneInFiles(t, data, secrets)
}

// command runs a command on the data folder and returns what it prints.
func (s *secretive) command(vars []string, args ...string) string {
	s.t.Helper()
	o := once(s.t, vars, append(args, "--data", s.data)...)
	if o.code != 0 {
		s.t.Fatalf("accord %v: got %d\n%s%s", args, o.code, o.stdout, o.stderr)
	}
	s.said.WriteString(o.stderr)
	return o.stdout
}

// logIn logs in with right and wrong credentials, and returns what it sent.
func (s *secretive) logIn(token string) (sent []string) {
	s.t.Helper()
	for _, l := range []login{
		{"a password", basic("vendor-push", "vendor-push-password"), 200},
		{"a password of a file", basic("root", "root-password"), 200},
		{"a password that came as a hash", basic("hashed", "hashed-account-password"), 200},
		{"a password that was changed", basic("agency-siem", "changed-account-password"), 200},
		{"the password before", basic("agency-siem", "agency-siem-password"), 401},
		{"a token", "Bearer " + token, 200},
		{"a token as a password", basic("vendor-push", token), 200},
		{"a token in another scheme", "Token " + token, 200},
		{"a wrong password", basic("vendor-push", "mistyped-account-password"), 401},
		{"a password in place of the name", basic("misplaced-account-password", "vendor-push"), 401},
		{"an unknown token", "Bearer accord_0123456789unknown", 401},
		{"what is no Base64", "Basic unencoded-account-password", 401},
		{"an unknown scheme", "Hush unscheduled-account-password", 401},
	} {
		sent = append(sent, strings.Fields(l.header)[1])
		for _, path := range []string{"/taxii2/?password=query-account-password", "/accord/v1/agreements/?token=query-account-password"} {
			status, body := askWith(s.t, s.URL, "GET", path, l.header, "")
			if unknown := strings.HasPrefix(path, "/accord/") && l.status == 200 && status == 400; status != l.status && !unknown {
				s.t.Errorf("%s at %s: got %d %s, want %d", l.name, path, status, body, l.status)
			}
			s.said.WriteString(body)
		}
	}
	return sent
}

// administer sends passwords to /accord/v1/, in requests that succeed and in requests that are refused.
func (s *secretive) administer(hash string) {
	s.t.Helper()
	for _, row := range []struct {
		path, body string
		status     int
	}{
		{"accounts/", `{"name":"remote","party":"agency","password":"remote-account-password"}`, 200},
		{"accounts/", `{"name":"remote","party":"agency","password":"remote-account-password"}`, 409},
		{"accounts/", `{"name":"twice","party":"agency","password":"twice-account-password","password_hash":"` + hash + `"}`, 409},
		{"accounts/", `{"name":"remote","password":"remote-account-password","remote-account":1}`, 400},
		{"accounts/", `{"name":"remote","password":remote-account-password}`, 400},
		{"accounts/remote/password/", `{"password":"remote-account-password"}`, 200},
	} {
		status, answer := askWith(s.t, s.URL, "POST", "/accord/v1/"+row.path, basic("root", "root-password"), row.body)
		if status != row.status {
			s.t.Errorf("POST %s %s: got %d %s, want %d", row.path, row.body, status, answer, row.status)
		}
		s.said.WriteString(answer)
	}
}

// askWith sends a request with a given login.
func askWith(t *testing.T, url, method, path, authorization, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// unparsed sends a request that is not valid HTTP, with a secret in it.
func unparsed(t *testing.T, url, secret string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /%%zz HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n", secret, secret)
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantNoneInFiles checks that no file of a data folder contains a secret, and that other users cannot read it.
func wantNoneInFiles(t *testing.T, data string, secrets []string) {
	t.Helper()
	err := filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", path, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, secret := range secrets {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s holds %s", path, secret)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
