package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/accord-taxii/accord/internal/accordtest"
)

var (
	shownSecret  = regexp.MustCompile(`<code>([A-Z2-7 ]+)</code>`)
	recoveryCode = regexp.MustCompile(`[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}`)
)

// codeFor is what an authenticator shows that has read the secret of an enrolment page.
func codeFor(t *testing.T, s *accordtest.Server, page shown) string {
	t.Helper()
	m := shownSecret.FindStringSubmatch(page.Body)
	if m == nil {
		t.Fatalf("no secret is shown: %s", page.Body)
	}
	code, err := totp.GenerateCode(strings.ReplaceAll(m[1], " ", ""), s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// An operator enrols at the first login, and sees nothing else before.
func TestAnOperatorEnrolsAtTheFirstLogin(t *testing.T) {
	s := exchange(t)
	s.Clock.Set(time.Now().Truncate(30 * time.Second))
	b := newBrowser(t, s)
	form := url.Values{"name": {accordtest.Operator}, "password": {accordtest.Password(accordtest.Operator)}, "next": {"/console/agreements/"}}
	a := b.do(http.MethodPost, "/console/login/", form)
	if a.Header.Get("Location") != "/console/login/enrol/?next=%2Fconsole%2Fagreements%2F" {
		t.Fatalf("after the password: %d to %s", a.Status, a.Header.Get("Location"))
	}
	pending := b.cookie.Value
	for _, path := range []string{"/console/overview/", "/console/agreements/", "/console/factor/", "/console/sessions/"} {
		if a := b.get(path); a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/console/login/") {
			t.Errorf("%s before the enrolment: %d to %s", path, a.Status, a.Header.Get("Location"))
		}
	}
	page := b.get("/console/login/enrol/?next=/console/agreements/")
	page.has(t, `<svg class="qr"`, `<path d="M`, `autocomplete="one-time-code"`, `name="next" value="/console/agreements/"`)
	if again := b.get("/console/login/enrol/"); codeFor(t, s, again) != codeFor(t, s, page) {
		t.Error("another load shows another secret")
	}
	give := func(b *browser, code string) shown {
		return b.do(http.MethodPost, "/console/login/enrol/", url.Values{"code": {code}, "next": {"/console/agreements/"}})
	}
	if a := give(b, "000000"); a.Status != http.StatusUnauthorized {
		t.Errorf("a wrong code: %d", a.Status)
	}
	if account, _ := s.Store.Registry().Account(accordtest.Operator); account.Factor != nil {
		t.Fatal("a wrong code has enrolled the account")
	}

	// Another session of the same login has a secret of its own, and comes too late.
	late := newBrowser(t, s)
	late.logIn(accordtest.Operator, accordtest.Password(accordtest.Operator))
	latePage := late.get("/console/login/enrol/")

	right := codeFor(t, s, page)
	a = give(b, right)
	a.has(t, `href="/console/agreements/"`)
	if n := len(recoveryCode.FindAllString(a.Body, -1)); a.Status != http.StatusOK || n != 8 {
		t.Errorf("the right code: %d, %d recovery codes", a.Status, n)
	}
	if b.cookie.Value == pending {
		t.Error("the session has the id that it had before the enrolment")
	}
	b.get("/console/agreements/").has(t, accordtest.Programme)
	if a := give(late, codeFor(t, s, latePage)); a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/console/login/") {
		t.Errorf("an enrolment after another: %d to %s", a.Status, a.Header.Get("Location"))
	}

	// From now on a login asks for a code; the one of the enrolment was used.
	next := newBrowser(t, s)
	if a := next.logIn(accordtest.Operator, accordtest.Password(accordtest.Operator)); !strings.HasPrefix(a.Header.Get("Location"), "/console/login/code/") {
		t.Errorf("the next login: %d to %s", a.Status, a.Header.Get("Location"))
	}
	if a := next.do(http.MethodPost, "/console/login/code/", url.Values{"code": {right}}); a.Status != http.StatusUnauthorized {
		t.Errorf("the code of the enrolment, again: %d", a.Status)
	}
	b.get("/console/journal/").has(t, "second factor", "account root")
}

// An account that is logged in may have a second factor, after it has said again who it is.
func TestAnAccountMayHaveASecondFactor(t *testing.T) {
	s := exchange(t)
	at := time.Now().Truncate(30 * time.Second)
	s.Clock.Set(at)
	b := as(t, s, accordtest.Agency)
	s.Clock.Set(at.Add(6 * time.Minute))
	page := b.get("/console/factor/")
	page.has(t, `<svg class="qr"`, `action="/console/factor/"`)
	code := codeFor(t, s, page)
	if a := b.post("/console/factor/", url.Values{"code": {code}}); a.Status != http.StatusForbidden {
		t.Fatalf("six minutes after the login: %d", a.Status)
	}
	if a := b.post("/console/factor/", url.Values{"code": {code}, "again": {"wrong-password"}}); a.Status != http.StatusForbidden {
		t.Fatalf("with a wrong password: %d", a.Status)
	}
	b.post("/console/factor/", url.Values{"code": {code}, "again": {accordtest.Password(accordtest.Agency)}}).has(t, "recovery codes")
	b.get("/console/overview/").has(t, "Overview")
	b.get("/console/factor/").has(t, "worth nothing")
	if a := newBrowser(t, s).logIn(accordtest.Agency, accordtest.Password(accordtest.Agency)); !strings.HasPrefix(a.Header.Get("Location"), "/console/login/code/") {
		t.Errorf("the next login: to %s", a.Header.Get("Location"))
	}
}
