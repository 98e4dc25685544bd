package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/oidc"
	"github.com/accord-taxii/accord/internal/oidc/oidctest"
	"github.com/accord-taxii/accord/internal/serve"
)

// elsewhere starts an exchange whose console people log in to at an issuer, too.
func elsewhere(t *testing.T) (*accordtest.Server, *oidctest.Issuer) {
	issuer := oidctest.New(t)
	s := accordtest.New(t, accordtest.WithServe(func(c *serve.Config) {
		c.Console = serve.Console{On: true, OIDC: oidc.Client{Issuer: issuer.URL, ID: "console", Secret: issuer.Secret()}}
	}))
	return s, issuer
}

// goElsewhere begins a login and returns the attempt's cookie, and the path to which the issuer sends the browser back.
func (b *browser) goElsewhere() (kept *http.Cookie, back string) {
	b.t.Helper()
	begun := b.get("/console/login/oidc/?next=%2Fconsole%2Fagreements%2F")
	if begun.Status != http.StatusSeeOther {
		b.t.Fatalf("begin: %d %s", begun.Status, begun.Body)
	}
	for _, line := range begun.Header["Set-Cookie"] {
		if c, err := http.ParseSetCookie(line); err == nil && c.Name == "__Host-accord-oidc" {
			if kept = c; c.SameSite != http.SameSiteLaxMode || !c.Secure || !c.HttpOnly || c.Path != "/" {
				b.t.Errorf("the cookie %s", line)
			}
		}
	}
	resp, err := b.s.Client.Get(begun.Header.Get("Location"))
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	at, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(resp.Header.Get("Location"), b.s.URL+"/console/login/oidc/answer/?") {
		b.t.Fatalf("the issuer sends back to %s, %v", resp.Header.Get("Location"), err)
	}
	return kept, at.RequestURI()
}

func TestLoggingInAtAnotherIssuer(t *testing.T) {
	s, issuer := elsewhere(t)
	a, _ := s.Store.Registry().Account(accordtest.Agency)
	a.OIDC = &auth.Identity{Issuer: issuer.URL, Subject: "ann"}
	change(t, s, a)
	b := newBrowser(t, s)
	b.get("/console/login/").has(t, `type="password"`, `href="/console/login/oidc/"`, issuer.URL)

	issuer.Person(map[string]any{"sub": "ann"})
	kept, back := b.goElsewhere()
	if stolen := newBrowser(t, s).get(back); stolen.Status != http.StatusUnauthorized {
		t.Errorf("another browser comes back: %d", stolen.Status)
	}
	b.cookie = kept
	in := b.get(back)
	in.has(t, `<meta http-equiv="refresh" content="0; url=/console/agreements/">`)
	if in.Status != http.StatusOK || b.cookie == nil || b.cookie.Name != "__Host-accord" {
		t.Fatalf("coming back: %d, cookie %v", in.Status, b.cookie)
	}
	b.get("/console/agreements/").has(t, accordtest.Programme)
	b.get("/console/sessions/").has(t, accordtest.Agency)

	stranger := newBrowser(t, s)
	issuer.Person(map[string]any{"sub": "bob"})
	stranger.cookie, back = stranger.goElsewhere()
	if out := stranger.get(back); out.Status != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", out.Status)
	} else {
		out.has(t, "no account names the person who logged in", `type="password"`)
	}
	if !strings.Contains(s.Log.String(), "no account names the person who logged in") {
		t.Error("the refusal is not logged")
	}
}

func TestAnOperatorFromAnotherIssuerNeedsTheSecondFactorToo(t *testing.T) {
	s, issuer := elsewhere(t)
	a, _ := s.Store.Registry().Account(accordtest.Operator)
	a.OIDC = &auth.Identity{Issuer: issuer.URL, Subject: "root"}
	change(t, s, a)
	issuer.Person(map[string]any{"sub": "root"})
	b := newBrowser(t, s)
	var back string
	b.cookie, back = b.goElsewhere()
	b.get(back).has(t, "url=/console/login/enrol/")
	if in := b.get("/console/status/"); in.Status != http.StatusSeeOther {
		t.Errorf("before there is a second factor: %d", in.Status)
	}
	enrol(t, s, accordtest.Operator)
	b = newBrowser(t, s)
	b.cookie, back = b.goElsewhere()
	b.get(back).has(t, "url=/console/login/code/")
	if in := b.get("/console/status/"); in.Status != http.StatusSeeOther {
		t.Errorf("before the code: %d", in.Status)
	}
}

func TestAnIssuerThatIsDownLeavesThePassword(t *testing.T) {
	s, issuer := elsewhere(t)
	issuer.Down(true)
	b := newBrowser(t, s)
	if a := b.get("/console/login/oidc/"); a.Status != http.StatusServiceUnavailable {
		t.Errorf("begin: %d", a.Status)
	} else {
		a.has(t, "does not answer", `type="password"`)
	}
	if a := b.logIn(accordtest.Agency, accordtest.Password(accordtest.Agency)); a.Status != http.StatusSeeOther {
		t.Errorf("with the password: %d", a.Status)
	}
}

func TestWithoutAnIssuerThereIsNoSuchLogin(t *testing.T) {
	b := newBrowser(t, exchange(t))
	for _, path := range []string{"/console/login/oidc/", "/console/login/oidc/answer/?code=x&state=y"} {
		if a := b.get(path); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

// The whole way in a real browser: from the login page to the issuer and back, with a code and its verifier. The cookie of the attempt
// is sent with the request that another site causes, and the session's is set so that the page that follows has it.
func TestInABrowserLoggingInAtAnotherIssuer(t *testing.T) {
	started := startChromium(t)
	s, issuer := elsewhere(t)
	a, _ := s.Store.Registry().Account(accordtest.Agency)
	a.OIDC = &auth.Identity{Issuer: issuer.URL, Subject: "ann"}
	change(t, s, a)
	issuer.Person(map[string]any{"sub": "ann"})
	w := open(t, started, s.URL)
	w.visit("/console/login/?next=%2Fconsole%2Fagreements%2F")
	w.clean("the login page with an issuer")
	w.run(chromedp.Click(`a[href^="/console/login/oidc/"]`), chromedp.WaitReady("header.top"))
	if at := eval[string](w, "location.pathname"); !strings.HasPrefix(at, "/console/") || strings.HasPrefix(at, "/console/login/") {
		t.Errorf("after coming back the browser shows %s", at)
	}
	if text := eval[string](w, "document.querySelector('header.top').innerText"); !strings.Contains(text, accordtest.Agency) {
		t.Errorf("the page says %q, want the account", text)
	}
	w.clean("the page after coming back")
	w.visit("/console/agreements/")
	if text := eval[string](w, "document.body.innerText"); !strings.Contains(text, accordtest.Programme) {
		t.Errorf("the agreements: %q", text)
	}

	stranger := open(t, started, s.URL)
	issuer.Person(map[string]any{"sub": "bob"})
	stranger.visit("/console/login/")
	stranger.run(chromedp.Click(`a[href^="/console/login/oidc/"]`), chromedp.WaitReady(".note.bad"))
	if text := eval[string](stranger, "document.body.innerText"); !strings.Contains(text, "no account names the person who logged in") {
		t.Errorf("a stranger is shown %q", text)
	}
}
