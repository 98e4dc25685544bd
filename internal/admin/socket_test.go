package admin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/internal/auth"
)

func clock() time.Time { return noon }

// serve has a server on a data folder, as accord serve does.
func serve(t *testing.T, dir string) *Service {
	t.Helper()
	s := open(t, dir)
	socket, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := socket.Close(context.Background()); err != nil {
			t.Errorf("close the socket: %v", err)
		}
		if _, err := os.Lstat(socket.Path()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
	})
	return s
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTheSameOverTheSocketAndOverTheFiles does the same through a server and without one: every answer is the same.
func TestTheSameOverTheSocketAndOverTheFiles(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "exchange.yaml")
	writeFile(t, file, strings.Replace(example, "{name: root, operator: true}", "{name: root, operator: true, password_file: root.pw}", 1))
	writeFile(t, filepath.Join(folder, "root.pw"), "read from a file\n")
	broken := filepath.Join(folder, "broken.yaml")
	writeFile(t, broken, "parties:\n  - {name: A}\nagreements:\n  - {name: a, api_root: r, accept: {max_tlp: pink}}\n")
	unfit := filepath.Join(folder, "unfit.yaml")
	writeFile(t, unfit, "agreements:\n  - {name: a, api_root: r}\n")
	getenv := func(name string) string { return map[string]string{"PW": "a long secret"}[name] }

	files := open(t, t.TempDir()).Client()
	defer files.Close()
	dir := t.TempDir()
	server := serve(t, dir)
	client, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, ok := client.http.Transport.(*http.Transport); !ok {
		t.Fatalf("with a server running: got the transport %T", client.http.Transport)
	}

	ctx := context.Background()
	until := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		what string
		do   func(*Client) (any, error)
	}{
		{"apply", func(a *Client) (any, error) { return ApplyFile(ctx, a, file, getenv, Asks{}) }},
		{"apply again", func(a *Client) (any, error) { return ApplyFile(ctx, a, file, getenv, Asks{}) }},
		{"apply what cannot be read", func(a *Client) (any, error) { return ApplyFile(ctx, a, broken, getenv, Asks{}) }},
		{"apply what does not fit", func(a *Client) (any, error) { return ApplyFile(ctx, a, unfit, getenv, Asks{}) }},
		{"apply without the password", func(a *Client) (any, error) {
			return ApplyFile(ctx, a, file, func(string) string { return "" }, Asks{})
		}},
		{"list", func(a *Client) (any, error) { return a.Agreements(ctx) }},
		{"show", func(a *Client) (any, error) { return a.Agreement(ctx, "vendors") }},
		{"show nothing", func(a *Client) (any, error) { return a.Agreement(ctx, "nowhere") }},
		{"renew", func(a *Client) (any, error) { return a.Renew(ctx, "vendors", until) }},
		{"renew what has no end", func(a *Client) (any, error) { return a.Renew(ctx, "public", until) }},
		{"suspend", func(a *Client) (any, error) { return a.Suspend(ctx, "vendors", "a <leak> & more") }},
		{"resume", func(a *Client) (any, error) { return a.Resume(ctx, "vendors") }},
		{"resume again", func(a *Client) (any, error) { return a.Resume(ctx, "vendors") }},
		{"explain", func(a *Client) (any, error) { return a.Explain(ctx, "vendor-push", "vendors", "") }},
		{"explain an object", func(a *Client) (any, error) {
			return a.Explain(ctx, "vendor-push", "vendors", "tool--3a1b5c7d-9e0f-4a2b-8c4d-000000000001")
		}},
		{"explain an unknown account", func(a *Client) (any, error) { return a.Explain(ctx, "nobody", "vendors", "") }},
		{"explain nothing", func(a *Client) (any, error) { return a.Explain(ctx, "root", "nowhere", "") }},
		{"preview what releases nothing", func(a *Client) (any, error) { return a.PreviewRelease(ctx, "public", "") }},
		{"add a party", func(a *Client) (any, error) {
			return a.AddParty(ctx, agreement.Party{Name: "new", Identity: "identity--11111111-1111-4111-8111-111111111111"})
		}},
		{"add a party again", func(a *Client) (any, error) { return a.AddParty(ctx, agreement.Party{Name: "new"}) }},
		{"add a party with a bad identity", func(a *Client) (any, error) { return a.AddParty(ctx, agreement.Party{Name: "n2", Identity: "tool--x"}) }},
		{"list parties", func(a *Client) (any, error) { return a.Parties(ctx) }},
		{"add an account", func(a *Client) (any, error) { return a.AddAccount(ctx, NewAccount{Name: "fresh", Party: "new"}) }},
		{"add an account again", func(a *Client) (any, error) { return a.AddAccount(ctx, NewAccount{Name: "fresh", Party: "new"}) }},
		{"add an account of no party", func(a *Client) (any, error) { return a.AddAccount(ctx, NewAccount{Name: "f2"}) }},
		{"add an account of a party that is not there", func(a *Client) (any, error) { return a.AddAccount(ctx, NewAccount{Name: "f2", Party: "x"}) }},
		{"set a password", func(a *Client) (any, error) { return a.SetPassword(ctx, "fresh", aHash) }},
		{"set a password that is no hash", func(a *Client) (any, error) { return a.SetPassword(ctx, "fresh", "secret") }},
		{"disable", func(a *Client) (any, error) { return a.DisableAccount(ctx, "fresh", "left") }},
		{"disable again", func(a *Client) (any, error) { return a.DisableAccount(ctx, "fresh", "left") }},
		{"enable", func(a *Client) (any, error) { return a.EnableAccount(ctx, "fresh") }},
		{"draw a token", func(a *Client) (any, error) { return a.NewToken(ctx, "fresh", "siem", 0) }},
		{"list accounts", func(a *Client) (any, error) { return a.Accounts(ctx) }},
		{"revoke no token", func(a *Client) (any, error) { return a.RevokeToken(ctx, "fresh", "none") }},
		{"disable an unknown account", func(a *Client) (any, error) { return a.DisableAccount(ctx, "nobody", "") }},
		{"terminate", func(a *Client) (any, error) { return a.Terminate(ctx, "vendors", true, "it is over") }},
		{"terminate without a reason", func(a *Client) (any, error) { return a.Terminate(ctx, "states", true, "") }},
		{"terminate nothing", func(a *Client) (any, error) { return a.Terminate(ctx, "no where/..", true, "") }},
	} {
		here, errHere := step.do(files)
		there, errThere := step.do(client)
		// Ids are drawn and times of entries fixed by each for itself.
		if a, b := comparable(here), comparable(there); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: over the socket\n%+v\nover the files\n%+v", step.what, b, a)
		}
		if (errHere == nil) != (errThere == nil) || errHere != nil && errHere.Error() != errThere.Error() {
			t.Errorf("%s: over the socket %v, over the files %v", step.what, errThere, errHere)
		}
		for _, is := range []error{ErrNotFound, ErrRefused} {
			if errors.Is(errHere, is) != errors.Is(errThere, is) {
				t.Errorf("%s: over the socket %v, over the files %v: only one is %v", step.what, errThere, errHere, is)
			}
		}
		var fault, faultThere *applyfile.Error
		if errors.As(errHere, &fault) != errors.As(errThere, &faultThere) || !reflect.DeepEqual(fault, faultThere) {
			t.Errorf("%s: over the socket %#v, over the files %#v", step.what, faultThere, fault)
		}
	}
	for name, password := range map[string]string{"vendor-push": "a long secret", "root": "read from a file"} {
		a, _ := server.store.Registry().Account(name)
		if !auth.VerifyPassword(a.PasswordHash, password) {
			t.Errorf("the server's hash of %s's password does not verify", name)
		}
	}
	if got := acts(t, server, "vendors"); len(got) != 5 || got[1] != string(operatorAt(self(), ""))+" renew " {
		t.Errorf("recorded: got %q, want five acts of %s", got, operatorAt(self(), ""))
	}
}

func comparable(v any) any {
	level := func(a Agreement) Agreement {
		a.Collection.ID = [16]byte{}
		if a.Figures != nil {
			f := *a.Figures
			f.LastAdded = time.Time{}
			a.Figures = &f
		}
		return a
	}
	switch v := v.(type) {
	case Agreement:
		return level(v)
	case Token:
		return Token{Note: v.Note}
	case []Account:
		for i := range v {
			for j := range v[i].Tokens {
				v[i].Tokens[j] = Token{Note: v[i].Tokens[j].Note}
			}
		}
		return v
	case []Agreement:
		list := make([]Agreement, len(v))
		for i := range v {
			list[i] = level(v[i])
		}
		return list
	}
	return v
}

func TestOpenWithoutAServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := OpenExisting(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that does not exist: got %v", err)
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.http.Transport.(*inProcess); !ok {
		t.Errorf("got the transport %T, want one in this process", a.http.Transport)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenExisting(dir); err != nil {
		t.Errorf("a folder that exists: %v", err)
	}
}

func TestASocketThatIsLeftOverDoesNotMatter(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	listener, err := listenPrivately(filepath.Join(dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // the socket stays, as after a crash
	if _, err := Connect(dir); !errors.Is(err, ErrNoServer) {
		t.Errorf("connect: got %v, want ErrNoServer", err)
	}
	socket, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close(context.Background())
	c, err := Connect(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Agreements(context.Background()); err != nil {
		t.Error(err)
	}
	c.Close()
}

func TestTheSocketIsPrivate(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir)
	info, err := os.Lstat(filepath.Join(dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode: got %v, want a socket with 0600", info.Mode())
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == ".admin" {
			t.Error("the folder in which the socket was made is still there")
		}
	}
}

func TestAFolderWithALongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	s := serve(t, dir)
	if got := len(s.store.Dir()); got < maxAddress {
		t.Fatalf("the path has %d bytes only", got)
	}
	c, err := Connect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Agreements(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestOnlyTheMachineIsToldHashes holds what the operators' API from afar leaves out.
func TestOnlyTheMachineIsToldHashes(t *testing.T) {
	s := open(t, t.TempDir())
	applied(t, s, example, "a long secret")
	far := s.handler(Prefix, false)
	ask := func(method, target, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		far.ServeHTTP(w, withCaller(httptest.NewRequest(method, target, strings.NewReader(body)), agreement.Caller{Account: "root", Operator: true}))
		return w
	}
	for path, want := range map[string]int{
		"GET /accord/v1/agreements/":                         200,
		"GET /accord/v1/agreements":                          200,
		"GET /accord/v1/agreements/vendors/":                 200,
		"GET /accord/v1/agreements/nowhere/":                 404,
		"POST /accord/v1/agreements/vendors/resume/":         409,
		"POST /accord/v1/agreements/vendors/renew/":          400,
		"POST /accord/v1/apply/":                             422,
		"GET /accord/v1/accounts/vendor-push/password-hash/": 404,
		"GET /elsewhere":                                     404,
		"DELETE /accord/v1/agreements/vendors/":              405,
		"GET /accord/v1/agreements/vendors/renew/":           405,
		"GET /accord/v1/agreements/vendors/renew":            405,
	} {
		method, target, _ := strings.Cut(path, " ")
		w := ask(method, target, "")
		if w.Code != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %d %s, want %d as JSON", path, w.Code, w.Body, want)
		}
	}
	for path, want := range map[string]string{"agreements/vendors/": "GET, HEAD", "agreements/vendors/renew": "POST", "parties/": "GET, HEAD, POST"} {
		w := ask("DELETE", "/accord/v1/"+path, "")
		if got := w.Header().Get("Allow"); got != want {
			t.Errorf("DELETE %s: got Allow %q, want %q", path, got, want)
		}
		for _, method := range strings.Split(want, ", ") {
			w := ask(method, "/accord/v1/"+path, "")
			if w.Code == 405 {
				t.Errorf("%s %s: got 405 although it is allowed", method, path)
			}
		}
	}
	w := ask("POST", "/accord/v1/agreements/vendors/suspend/", `{"reson":"x"}`)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "reson") {
		t.Errorf("an unknown member: got %d %s, want a 400 that names it", w.Code, w.Body)
	}
}

func TestALostAgreementIsShown(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	applied(t, s, example, "a long secret")
	col, _ := s.store.Collection("states")
	path := filepath.Join(dir, "agreements", col.ID().String()+".db")
	s.store.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	list, err := s.Agreements()
	if err != nil || len(list) != 3 || list[1].Name != "states" || list[1].Unavailable == "" || list[2].Unavailable != "" {
		t.Errorf("got %+v, %v, want states unavailable", list, err)
	}
	ctx := context.Background()
	if err := s.Suspend(ctx, root, "states", ""); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "cannot be opened") {
		t.Errorf("suspend it: got %v", err)
	}
	if _, err := s.Apply(ctx, root, parse(t, "agreements: [{name: states, title: States, api_root: nicp}]\n")); err == nil || !strings.Contains(err.Error(), "cannot be opened") {
		t.Errorf("apply it: got %v", err)
	}
	// What only refers to it can still be applied.
	if got := applied(t, s, "agreements: [{name: new, api_root: nicp, release: [{to: states}]}]\n", ""); got != "agreement new: created" {
		t.Errorf("an agreement that releases to it: got %s", got)
	}
}

func TestTheClockDecidesTheState(t *testing.T) {
	s := open(t, t.TempDir())
	applied(t, s, example, "a long secret")
	for at, want := range map[string]agreement.State{"2025-12-31": agreement.Scheduled, "2026-01-01": agreement.Active, "2029-01-01": agreement.Expired} {
		now, err := agreement.ParseDate(at)
		if err != nil {
			t.Fatal(err)
		}
		s.now = func() time.Time { return now }
		a, err := s.Agreement("vendors")
		if err != nil || a.State != want {
			t.Errorf("%s: got %s, %v, want %s", at, a.State, err, want)
		}
	}
}

// A request whose context carries no caller is refused, whatever it asks.
func TestARequestWithoutACallerIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	for _, r := range routes {
		w := httptest.NewRecorder()
		s.handler("/", true).ServeHTTP(w, httptest.NewRequest(r.method, "/"+strings.NewReplacer("{name}", "x", "{token}", "y").Replace(r.path), nil))
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s %s: got %d %s, want 401", r.method, r.path, w.Code, w.Body)
		}
	}
}
