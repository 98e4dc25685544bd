package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/auth"
)

func TestLoggingIn(t *testing.T) {
	s := exchange(t)
	b := newBrowser(t, s)
	if a := b.get("/console/agreements/"); a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/console/login/?next=%2Fconsole%2Fagreements%2F" {
		t.Errorf("without a session: %d to %s", a.Status, a.Header.Get("Location"))
	}
	b.get("/console/login/").has(t, `autocomplete="username"`, `type="password"`)
	for _, wrong := range [][2]string{{accordtest.Agency, "wrong-password"}, {"nobody", "wrong-password"}, {"", ""}, {accordtest.Agency, ""}} {
		a := b.logIn(wrong[0], wrong[1])
		if a.Status != http.StatusUnauthorized || b.cookie != nil {
			t.Errorf("log in as %q with %q: %d, cookie %v", wrong[0], wrong[1], a.Status, b.cookie)
		}
		a.has(t, "The name or the password is wrong.")
	}
	a := b.do(http.MethodPost, "/console/login/", url.Values{"name": {accordtest.Agency}, "password": {accordtest.Password(accordtest.Agency)}, "next": {"/console/agreements/"}})
	if a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/console/agreements/" {
		t.Errorf("log in: %d to %s", a.Status, a.Header.Get("Location"))
	}
	raw := a.Header.Get("Set-Cookie")
	for _, part := range []string{"__Host-accord=", "Path=/", "HttpOnly", "Secure", "SameSite=Strict"} {
		if !strings.Contains(raw, part) {
			t.Errorf("the cookie %q has no %s", raw, part)
		}
	}
	if strings.Contains(raw, "Domain") || len(b.cookie.Value) < 43 {
		t.Errorf("the cookie is %q", raw)
	}
	b.get("/console/agreements/").has(t, accordtest.Programme, `action="/console/logout/"`, `type="search"`)

	for _, next := range []string{"//evil.example/", "https://evil.example/", "/other/", `/console/\evil`, "/console//evil.example"} {
		a := newBrowser(t, s).do(http.MethodPost, "/console/login/", url.Values{"name": {accordtest.Agency}, "password": {accordtest.Password(accordtest.Agency)}, "next": {next}})
		if a.Header.Get("Location") != "/console/" {
			t.Errorf("next=%s leads to %s", next, a.Header.Get("Location"))
		}
	}
}

// What programs log in with is worth nothing here, or a page of another site could use what a browser sends unasked.
func TestTheConsoleTakesNoCredentialsOfPrograms(t *testing.T) {
	s := exchange(t)
	secret, token := auth.NewToken(s.Clock.Now(), "a tool")
	account, _ := s.Store.Registry().Account(accordtest.Agency)
	account.Tokens = append(account.Tokens, token)
	change(t, s, account)
	for _, header := range []string{"Basic YWdlbmN5OmFnZW5jeS1wYXNzd29yZA==", "Bearer " + secret} {
		b := newBrowser(t, s)
		b.header.Set("Authorization", header)
		a := b.get("/console/agreements/")
		if a.Status != http.StatusSeeOther || a.Header.Get("Www-Authenticate") != "" {
			t.Errorf("with %s: %d, %v", header, a.Status, a.Header)
		}
	}
	if a := newBrowser(t, s).logIn(accordtest.Agency, secret); a.Status != http.StatusUnauthorized {
		t.Errorf("with a token as the password: %d", a.Status)
	}
	b := newBrowser(t, s)
	b.header.Set("HX-Request", "true")
	if a := b.get("/console/agreements/"); a.Status != http.StatusUnauthorized || a.Header.Get("Www-Authenticate") != "" {
		t.Errorf("a script without a session: %d, %v", a.Status, a.Header)
	}
	// And a session is worth nothing to programs' addresses.
	c := as(t, s, accordtest.Agency)
	if a := c.get("/accord/v1/agreements/"); a.Status != http.StatusUnauthorized {
		t.Errorf("a session at /accord/v1/: %d", a.Status)
	}
}

func TestOperatorsNeedASecondFactor(t *testing.T) {
	s := exchange(t)
	b := newBrowser(t, s)
	a := b.logIn(accordtest.Operator, accordtest.Password(accordtest.Operator))
	if a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/console/login/enrol/" {
		t.Fatalf("an operator without a second factor: %d to %s", a.Status, a.Header.Get("Location"))
	}

	at := time.Now().Truncate(30 * time.Second)
	s.Clock.Set(at)
	factor := enrol(t, s, accordtest.Operator)
	b.logIn(accordtest.Operator, accordtest.Password(accordtest.Operator))
	pending := b.cookie.Value
	b.get("/console/login/code/").has(t, `autocomplete="one-time-code"`)
	for _, path := range []string{"/console/overview/", "/console/agreements/", "/console/sessions/"} {
		if a := b.get(path); a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/console/login/") {
			t.Errorf("%s before the code: %d to %s", path, a.Status, a.Header.Get("Location"))
		}
	}
	give := func(b *browser, code string) shown {
		return b.do(http.MethodPost, "/console/login/code/", url.Values{"code": {code}})
	}
	if a := give(b, "000000"); a.Status != http.StatusUnauthorized {
		t.Errorf("a wrong code: %d", a.Status)
	}
	right := code(t, s, factor)
	if a := give(b, right); a.Status != http.StatusSeeOther {
		t.Errorf("the right code: %d", a.Status)
	}
	if b.cookie.Value == pending {
		t.Error("the session has the id that it had before the code")
	}
	b.get("/console/overview/").has(t, "Overview")

	again := newBrowser(t, s)
	again.logIn(accordtest.Operator, accordtest.Password(accordtest.Operator))
	if a := give(again, right); a.Status != http.StatusUnauthorized {
		t.Errorf("a code that was used: %d", a.Status)
	}
	s.Clock.Set(at.Add(31 * time.Second))
	if a := give(again, code(t, s, factor)); a.Status != http.StatusSeeOther {
		t.Errorf("the next code: %d", a.Status)
	}

	guesser := newBrowser(t, s)
	guesser.logIn(accordtest.Operator, accordtest.Password(accordtest.Operator))
	last := 0
	for range 20 {
		last = give(guesser, "000000").Status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the twentieth wrong code: %d", last)
	}
	s.Clock.Set(at.Add(5 * time.Hour))
	late := newBrowser(t, s)
	late.logIn(accordtest.Operator, accordtest.Password(accordtest.Operator))
	s.Clock.Set(at.Add(5*time.Hour + 6*time.Minute))
	if a := give(late, code(t, s, factor)); a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/console/login/" {
		t.Errorf("a code six minutes after the password: %d to %s", a.Status, a.Header.Get("Location"))
	}
}

func TestARecoveryCodeCountsOnce(t *testing.T) {
	s := exchange(t)
	account, _ := s.Store.Registry().Account(accordtest.Operator)
	factor, _, recovery, err := auth.NewFactor("Accord", accordtest.Operator, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	account.Factor = &factor
	change(t, s, account)
	for i, want := range []int{http.StatusSeeOther, http.StatusUnauthorized} {
		b := newBrowser(t, s)
		b.logIn(accordtest.Operator, accordtest.Password(accordtest.Operator))
		if a := b.do(http.MethodPost, "/console/login/code/", url.Values{"code": {recovery[2]}}); a.Status != want {
			t.Errorf("attempt %d with a recovery code: %d", i+1, a.Status)
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	s := exchange(t)
	at := time.Now()
	s.Clock.Set(at)
	inside := func(b *browser) bool { return b.get("/console/agreements/").Status == http.StatusOK }
	for _, row := range []struct {
		name string
		do   func(b *browser)
	}{
		{"by logging out", func(b *browser) { b.post("/console/logout/", nil) }},
		{"by ending all of them", func(b *browser) { b.post("/console/sessions/end/", url.Values{"id": {"all"}}) }},
		{"when the account is disabled", func(*browser) {
			a, _ := s.Store.Registry().Account(accordtest.Agency)
			a.Disabled = true
			change(t, s, a)
			a.Disabled = false
			change(t, s, a)
		}},
		{"when the account has another password", func(*browser) {
			a, _ := s.Store.Registry().Account(accordtest.Agency)
			was := a.PasswordHash
			a.PasswordHash = ""
			change(t, s, a)
			a.PasswordHash = was
			change(t, s, a)
		}},
		{"after half an hour without use", func(*browser) { s.Clock.Set(s.Clock.Now().Add(31 * time.Minute)) }},
		{"after twelve hours of use", func(b *browser) {
			for i := range 24 {
				if !inside(b) {
					t.Errorf("the session ended after %d half hours", i)
				}
				s.Clock.Set(s.Clock.Now().Add(29*time.Minute + 59*time.Second))
			}
			s.Clock.Set(s.Clock.Now().Add(time.Minute))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := as(t, s, accordtest.Agency)
			kept := *b
			if !inside(b) {
				t.Fatal("the session has not begun")
			}
			row.do(b)
			if inside(&kept) {
				t.Error("the session goes on")
			}
		})
	}
	// A login does not keep the secret that the browser had: it may be another's.
	b := as(t, s, accordtest.Agency)
	old := *b.cookie
	other := newBrowser(t, s)
	other.cookie = &old
	if a := other.get("/console/login/"); a.Status != http.StatusSeeOther {
		t.Errorf("the login form with a session: %d", a.Status)
	}
	b.logIn(accordtest.Agency, accordtest.Password(accordtest.Agency))
	// One's own sessions are listed, and each can be ended.
	one, two := as(t, s, accordtest.Member), as(t, s, accordtest.Member)
	page := two.get("/console/sessions/")
	page.has(t, "this one")
	if n := strings.Count(page.Body, `name="id" value="`); n != 3 { // two, and all
		t.Errorf("%d sessions are listed", n-1)
	}
	stranger := as(t, s, accordtest.Vendor)
	for _, id := range idFields.FindAllStringSubmatch(page.Body, -1) {
		if id[1] != "all" {
			stranger.post("/console/sessions/end/", url.Values{"id": {id[1]}})
		}
	}
	if !inside(one) || !inside(two) {
		t.Error("another account has ended a session")
	}
}
