package serve_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/oidc/oidctest"
	"github.com/accord-taxii/accord/internal/serve"
	"github.com/accord-taxii/accord/store"
)

// putAccount stores an account as an operator would.
func putAccount(t *testing.T, s *accordtest.Server, a auth.Account) {
	t.Helper()
	if err := s.Store.Change(context.Background(), store.Actor{Account: accordtest.Operator}, []store.RegistryChange{{Account: &a}}); err != nil {
		t.Fatal(err)
	}
}

func account(t *testing.T, s *accordtest.Server, name string) auth.Account {
	t.Helper()
	a, ok := s.Store.Registry().Account(name)
	if !ok {
		t.Fatalf("no account %s", name)
	}
	return a
}

func TestATokenOfAnotherIssuerLogsInAsItsAccount(t *testing.T) {
	issuer := oidctest.New(t)
	s := accordtest.New(t, accordtest.WithServe(func(c *serve.Config) { c.PublicURL = "https://taxii.example" }))
	a := account(t, s, accordtest.Vendor)
	a.OIDC = &auth.Identity{Issuer: issuer.URL, Subject: "feed"}
	putAccount(t, s, a)
	ask := func(path, token string) accordtest.Answer {
		t.Helper()
		return s.Do(accordtest.Request{Path: path, Header: http.Header{"Authorization": {"Bearer " + token}}})
	}
	token := issuer.Key().Sign(t, "at+jwt", issuer.Claims("feed", "https://taxii.example/", time.Now(), map[string]any{"padding": strings.Repeat("x", 3000)}))
	for _, path := range []string{accordtest.Path(accordtest.Programme), "/accord/v1/agreements/"} {
		if answer := ask(path, token); answer.Status != http.StatusOK {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
	}
	wrong := issuer.Key().Sign(t, "at+jwt", issuer.Claims("feed", "https://other.example/", time.Now(), nil))
	answer := ask("/taxii2/", wrong)
	if answer.Status != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") == "" || !strings.Contains(string(answer.Body), "another server") {
		t.Errorf("a token for another server: %d %s", answer.Status, answer.Body)
	}
	if strings.Contains(s.Log.String(), token) || strings.Contains(s.Log.String(), wrong) {
		t.Error("a token is in the log")
	}
	a = account(t, s, accordtest.Vendor)
	a.Disabled = true
	putAccount(t, s, a)
	if answer := ask("/taxii2/", token); answer.Status != http.StatusUnauthorized {
		t.Errorf("a disabled account: %d", answer.Status)
	}
}

func TestBoundsOfAnAccount(t *testing.T) {
	s := accordtest.New(t)
	status := func() int { return s.Get(accordtest.Vendor, "/taxii2/").Status }
	a := account(t, s, accordtest.Vendor)
	for _, step := range []struct {
		name   string
		change func(*auth.Account)
		want   int
	}{
		{"a network that holds the address", func(a *auth.Account) { a.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }, 200},
		{"another network", func(a *auth.Account) { a.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }, 401},
		{"no network", func(a *auth.Account) { a.Networks = nil }, 200},
		{"an end that is to come", func(a *auth.Account) { a.Expires = time.Now().Add(time.Hour) }, 200},
		{"an end that has come", func(a *auth.Account) { a.Expires = time.Now().Add(-time.Second) }, 401},
		{"a certificate beside the password", func(a *auth.Account) { a.Expires, a.Both = time.Time{}, true }, 401},
	} {
		step.change(&a)
		putAccount(t, s, a)
		if got := status(); got != step.want {
			t.Errorf("%s: %d, want %d", step.name, got, step.want)
		}
	}
}

func TestAReadOnlyAccountAddsNothing(t *testing.T) {
	s := accordtest.New(t)
	a := account(t, s, accordtest.Vendor)
	a.OIDC = &auth.Identity{Issuer: "https://id.example", Claim: "groups", Value: "cti"}
	putAccount(t, s, a)
	collection := accordtest.Path(accordtest.Programme)
	var seen struct {
		CanRead  bool `json:"can_read"`
		CanWrite bool `json:"can_write"`
	}
	s.JSON(s.Get(accordtest.Vendor, collection), &seen)
	if !seen.CanRead || seen.CanWrite {
		t.Errorf("it can read %v, write %v", seen.CanRead, seen.CanWrite)
	}
	if answer := s.Post(accordtest.Vendor, collection, accordtest.Indicator(1, 0)); answer.Status != http.StatusForbidden {
		t.Errorf("adding: %d", answer.Status)
	}
}

// A manager reaches the accounts of its party that are no operators, and nothing else that an operator does.
func TestAManagerManagesItsPartysAccountsAlone(t *testing.T) {
	s := accordtest.New(t)
	manager := account(t, s, accordtest.Vendor)
	manager.Manages = true
	putAccount(t, s, manager)
	party := manager.Party
	putAccount(t, s, auth.Account{Name: "vendor-root", Party: party, Operator: true})
	ask := func(method, path string, body map[string]any) accordtest.Answer {
		t.Helper()
		r := accordtest.Request{As: accordtest.Vendor, Method: method, Path: "/accord/v1/" + path}
		if body != nil {
			r.Body, _ = json.Marshal(body)
		}
		return s.Do(r)
	}
	want := func(status int, a accordtest.Answer) {
		t.Helper()
		if a.Status != status {
			t.Errorf("status %d, want %d: %s", a.Status, status, a.Body)
		}
	}
	var list struct {
		Accounts []struct{ Name, Party string }
	}
	s.JSON(ask("GET", "accounts/", nil), &list)
	if len(list.Accounts) == 0 || slices.ContainsFunc(list.Accounts, func(a struct{ Name, Party string }) bool { return a.Party != party || a.Name == "vendor-root" }) {
		t.Errorf("accounts %v", list.Accounts)
	}
	want(200, ask("POST", "accounts/", map[string]any{"name": party + "-new", "password": "a-password-of-its-own"}))
	if a := account(t, s, party+"-new"); a.Party != party || a.Operator || a.Manages {
		t.Errorf("the account that was added: %+v", a)
	}
	var token struct{ ID, Token string }
	s.JSON(ask("POST", "accounts/"+party+"-new/tokens/", map[string]any{"note": "feed"}), &token)
	want(200, s.Do(accordtest.Request{Path: "/taxii2/", Header: http.Header{"Authorization": {"Bearer " + token.Token}}}))
	want(200, ask("POST", "accounts/"+party+"-new/tokens/"+token.ID+"/revoke/", map[string]any{}))
	want(200, ask("POST", "accounts/"+party+"-new/disable/", map[string]any{"reason": "gone"}))
	want(200, ask("POST", "accounts/"+party+"-new/enable/", map[string]any{}))

	for _, add := range []map[string]any{
		{"name": party + "-op", "operator": true}, {"name": party + "-other", "party": "agency"}, {"name": party + "-op2", "party": party, "operator": true},
	} {
		want(403, ask("POST", "accounts/", add))
	}
	want(409, ask("POST", "accounts/", map[string]any{"name": accordtest.Agency}))
	want(409, ask("POST", "accounts/", map[string]any{"name": "free"}))
	absent := ask("GET", "accounts/absent/", nil)
	want(404, absent)
	for _, name := range []string{accordtest.Agency, accordtest.Operator, "vendor-root"} {
		a := ask("GET", "accounts/"+name+"/", nil)
		if a.Status != 404 || string(a.Body) != strings.ReplaceAll(string(absent.Body), "absent", name) {
			t.Errorf("account %s: %d %s", name, a.Status, a.Body)
		}
		for _, act := range []string{"password/", "tokens/", "disable/", "totp/", "enable/", "tokens/x/revoke/"} {
			want(404, ask("POST", "accounts/"+name+"/"+act, map[string]any{"password": "a-password-of-its-own"}))
		}
	}
	for _, path := range []string{"parties/", "status/", "server/history/", "mirrors/"} {
		want(403, ask("GET", path, nil))
	}
	want(403, ask("POST", "accounts/"+party+"-new/delete/", map[string]any{}))
	want(403, ask("POST", "parties/", map[string]any{"name": "x"}))
}
