package console_test

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pquerna/otp/totp"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/serve"
	"github.com/accord-taxii/accord/store"
)

// exchange is a server with the exchange of package accordtest, its index and the console.
func exchange(t testing.TB, options ...accordtest.Option) *accordtest.Server {
	t.Helper()
	options = append([]accordtest.Option{accordtest.WithIndex(), accordtest.WithServe(func(c *serve.Config) { c.Console.On = true })}, options...)
	s := accordtest.New(t, options...)
	for collection, objects := range map[string][][]byte{
		accordtest.Programme: accordtest.Indicators(0, 5), accordtest.Circle: {accordtest.Tool(1, 0), accordtest.Tool(1, 1)},
	} {
		as := map[string]string{accordtest.Programme: accordtest.Vendor, accordtest.Circle: accordtest.Agency}[collection]
		if a := s.Post(as, accordtest.Path(collection), objects...); a.Status != http.StatusAccepted {
			t.Fatalf("add objects to %s: %d %s", collection, a.Status, a.Body)
		}
	}
	return s
}

// browser sends requests as a browser does that shows the console's own pages.
type browser struct {
	t      testing.TB
	s      *accordtest.Server
	url    string
	cookie *http.Cookie
	header http.Header // of every request
}

func newBrowser(t testing.TB, s *accordtest.Server) *browser {
	return &browser{t: t, s: s, url: s.URL, header: http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"null"}}}
}

// shown is the answer to a browser.
type shown struct {
	Status int
	Header http.Header
	Body   string
}

func (b *browser) do(method, path string, form url.Values) shown {
	b.t.Helper()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range b.header {
		req.Header[name] = values
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.cookie != nil {
		req.AddCookie(b.cookie)
	}
	resp, err := b.s.Client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if c.Name == "__Host-accord" {
			b.cookie = c
			if c.MaxAge < 0 {
				b.cookie = nil
			}
		}
	}
	return shown{resp.StatusCode, resp.Header, string(text)}
}

func (b *browser) get(path string) shown { b.t.Helper(); return b.do(http.MethodGet, path, nil) }

// post sends a form with the session's token.
func (b *browser) post(path string, form url.Values) shown {
	b.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	if b.cookie != nil && !form.Has("token") {
		form.Set("token", b.token())
	}
	return b.do(http.MethodPost, path, form)
}

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

var (
	refusedKey  = regexp.MustCompile(`/refused/([0-9a-f]{32})/"`)
	againstLink = regexp.MustCompile(`href="(/console/objects/[^"]*against=[^"#]*)`)
)

var idFields = regexp.MustCompile(`name="id" value="([^"]+)"`)

// token returns what the forms of the session carry.
func (b *browser) token() string {
	b.t.Helper()
	m := tokenField.FindStringSubmatch(b.get("/console/keys/").Body)
	if m == nil {
		return ""
	}
	return m[1]
}

// logIn gives an account's name and password.
func (b *browser) logIn(account, password string) shown {
	b.t.Helper()
	return b.do(http.MethodPost, "/console/login/", url.Values{"name": {account}, "password": {password}})
}

// as returns a browser in which an account is logged in. An operator gets a second factor first.
func as(t testing.TB, s *accordtest.Server, account string) *browser {
	t.Helper()
	b := newBrowser(t, s)
	var factor auth.Factor
	if account == accordtest.Operator {
		factor = enrol(t, s, account)
	}
	if a := b.logIn(account, accordtest.Password(account)); a.Status != http.StatusSeeOther {
		t.Fatalf("log in as %s: %d\n%s", account, a.Status, a.Body)
	}
	if factor.Secret != "" {
		if a := b.do(http.MethodPost, "/console/login/code/", url.Values{"code": {code(t, s, factor)}}); a.Status != http.StatusSeeOther {
			t.Fatalf("give the code of %s: %d\n%s", account, a.Status, a.Body)
		}
	}
	return b
}

// enrol gives an account a second factor.
func enrol(t testing.TB, s *accordtest.Server, account string) auth.Factor {
	t.Helper()
	a, ok := s.Store.Registry().Account(account)
	if !ok {
		t.Fatalf("there is no account %s", account)
	}
	factor, _, _, err := auth.NewFactor("Accord", account, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	a.Factor = &factor
	change(t, s, a)
	return factor
}

// change puts a changed account.
func change(t testing.TB, s *accordtest.Server, a auth.Account) {
	t.Helper()
	if err := s.Store.Change(context.Background(), store.Actor{Account: accordtest.Operator}, []store.RegistryChange{{Account: &a, Act: "change"}}); err != nil {
		t.Fatal(err)
	}
}

// code returns the code that an authenticator shows now.
func code(t testing.TB, s *accordtest.Server, f auth.Factor) string {
	t.Helper()
	c, err := totp.GenerateCode(f.Secret, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a shown) has(t testing.TB, what ...string) {
	t.Helper()
	for _, w := range what {
		if !strings.Contains(a.Body, w) {
			t.Errorf("the page (%d, to %s) has no %q:\n%s", a.Status, cmp.Or(a.Header.Get("Location"), "nowhere"), w, a.Body)
		}
	}
}

func (a shown) hasNot(t testing.TB, what ...string) {
	t.Helper()
	for _, w := range what {
		if strings.Contains(a.Body, w) {
			t.Errorf("the page (%d) has %q", a.Status, w)
		}
	}
}
