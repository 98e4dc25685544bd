package console

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/auth"
)

// codeGate slows down guesses of codes: of each account, codesFree wrong ones without effect, then one every codesGap.
type codeGate struct {
	mu   sync.Mutex
	from map[string]time.Time // account -> from when its wrong codes would all have been paid for
}

const (
	codesFree = 10
	codesGap  = time.Minute
)

func newCodeGate() *codeGate { return &codeGate{from: map[string]time.Time{}} }

// closed returns for how long codes of an account are refused unseen.
func (g *codeGate) closed(account string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, at := range g.from {
		if !at.After(now) {
			delete(g.from, name)
		}
	}
	at, known := g.from[account]
	if !known {
		return 0
	}
	return max(0, at.Sub(now)-(codesFree-1)*codesGap)
}

func (g *codeGate) wrong(account string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.from[account]
	if at.Before(now) {
		at = now
	}
	g.from[account] = at.Add(codesGap)
}

// loginForm is what the page of the login form shows.
type loginForm struct {
	Name, Next string
	Error      string
	Code       bool   // the code of the second factor is asked for
	Elsewhere  string // the issuer at which one can log in too
	Go         string // where a login at that issuer goes on
}

func showLogin(p *page) error {
	return p.showForm(http.StatusOK, loginForm{Next: p.value("next")})
}

func (p *page) showForm(status int, form loginForm) error {
	if p.OIDC != nil {
		form.Elsewhere = p.OIDC.Issuer()
	}
	return p.show(status, "login", "Log in", form)
}

// next returns the path to go to after a login.
func (p *page) next() string {
	if path := p.value("next"); isOwn(path) {
		return path
	}
	return Prefix
}

// logIn begins a session for the account whose name and password the form has. With a second factor, the session is pending until
// the code is given.
func logIn(p *page) error {
	form := loginForm{Name: p.value("name"), Next: p.value("next")}
	a, err := p.verifyPassword(form.Name, p.r.PostFormValue("password"))
	if err != nil {
		return p.refuse(form, err)
	}
	return p.admit(a, form, func(path string) error { return p.done(path) })
}

// admit begins a session for an account whose owner has shown who it is. With a second factor, the session is pending until the code is
// given. on sends the browser on to a path.
func (p *page) admit(a auth.Account, form loginForm, on func(path string) error) error {
	enrols := p.mustEnrol(a)
	if err := p.begin(a, enrols || a.Factor != nil); err != nil {
		return err
	}
	if enrols {
		return on(enrolPath(form.Next))
	}
	if a.Factor != nil {
		return on(Prefix + "login/code/" + query("next", form.Next))
	}
	if !isOwn(form.Next) {
		form.Next = Prefix
	}
	return on(form.Next)
}

// refuse shows the login form again.
func (p *page) refuse(form loginForm, err error) error {
	var slow *auth.SlowError
	switch {
	case errors.Is(err, auth.ErrWrong), errors.Is(err, auth.ErrMissing):
		form.Error = "The name or the password is wrong."
		return p.showForm(http.StatusUnauthorized, form)
	case errors.As(err, &slow), errors.Is(err, auth.ErrBusy):
		form.Error = "Too many logins were tried. Wait half a minute, then try again."
		return p.showForm(http.StatusTooManyRequests, form)
	}
	return err
}

// verifyPassword returns the account that a name and a password are of. Tokens are for programs.
func (p *page) verifyPassword(name, password string) (auth.Account, error) {
	if name == "" || password == "" || strings.Contains(name, ":") || strings.HasPrefix(password, auth.TokenPrefix) {
		return auth.Account{}, auth.ErrMissing
	}
	asked := p.r.Clone(p.context())
	asked.TLS = nil // no client certificate counts here
	asked.Header = http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))}}
	if forwarded := p.r.Header.Values("X-Forwarded-For"); forwarded != nil {
		asked.Header["X-Forwarded-For"] = forwarded
	}
	return p.Identify(asked)
}

// begin begins a session, which has a new secret: also in place of the one that the request came with.
func (p *page) begin(a auth.Account, pending bool) error {
	now := p.Now()
	made := session{Account: a.Name, Revision: a.Revision, Begun: now, Seen: now, Asked: now, Pending: pending,
		Address: p.Address(p.r), Browser: browser(p.r.UserAgent())}
	var replaced sessionKey
	if secret := cookieOf(p.r); secret != "" {
		replaced = keyOf(secret)
	}
	secret, err := p.sessions.begin(made, replaced)
	if err != nil {
		return err
	}
	p.secret, p.key = secret, keyOf(secret)
	p.enrolments.move(replaced, p.key)
	setCookie(p.w, secret)
	return nil
}

// browsers are names in User-Agent headers, the most specific first.
var browsers = []struct{ in, name string }{{"Firefox/", "Firefox"}, {"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}

// browser names a browser in a list of sessions.
func browser(agent string) string {
	for _, b := range browsers {
		if strings.Contains(agent, b.in) {
			return b.name
		}
	}
	return "another program"
}

func showCode(p *page) error {
	if !p.pending {
		return p.done(Prefix + "login/")
	}
	if p.mustEnrol(p.account) {
		return p.done(enrolPath(p.value("next")))
	}
	return p.show(http.StatusOK, "login", "Log in", loginForm{Next: p.value("next"), Code: true})
}

// giveCode makes a session of a pending one, if the code is right.
func giveCode(p *page) error {
	if !p.pending || p.account.Factor == nil {
		return p.done(Prefix + "login/")
	}
	form := loginForm{Next: p.value("next"), Code: true}
	if err := p.verifyCode(p.value("code")); err != nil {
		return p.refuseCode(form, err)
	}
	a, _ := p.Accounts.Account(p.account.Name) // a recovery code has changed it
	if err := p.begin(a, false); err != nil {
		return err
	}
	return p.done(p.next())
}

func (p *page) refuseCode(form loginForm, err error) error {
	var slow *auth.SlowError
	if errors.As(err, &slow) {
		form.Error = "Too many wrong codes were given for this account. Wait a minute, then try again."
		return p.show(http.StatusTooManyRequests, "login", "Log in", form)
	}
	if !errors.Is(err, auth.ErrWrong) {
		return err
	}
	form.Error = "The code is wrong, or was used already. Wait for the next one."
	return p.show(http.StatusUnauthorized, "login", "Log in", form)
}

// verifyCode accepts a code of the account's authenticator, or a recovery code.
func (p *page) verifyCode(code string) error {
	a, now := p.account, p.Now()
	if wait := p.codes.closed(a.Name, now); wait > 0 {
		return &auth.SlowError{After: wait}
	}
	if a.Factor != nil {
		if step, ok := a.Factor.Step(code, now); ok {
			fresh, err := p.sessions.useStep(a.Name, step)
			if err != nil || fresh {
				return err
			}
		} else if used, err := p.Admin.UseRecovery(context.WithoutCancel(p.context()), a.Name, code); err != nil || used {
			return err
		}
	}
	p.codes.wrong(a.Name, now)
	return &auth.WrongError{Reason: "the code is wrong", Account: a.Name}
}

// logOut ends the session.
func logOut(p *page) error {
	if err := p.sessions.end(p.key); err != nil {
		return err
	}
	dropCookie(p.w)
	return p.done(Prefix + "login/")
}

// againForm asks for the password, or a code, before an act.
type againForm struct {
	Path   string
	Code   bool
	Error  string
	Fields []field // of the form that asked for the act
}

type field struct{ Name, Value string }

// askAgain has the account confirm that it is still the one that logged in, with the fields of the act that was asked for, and does
// the act then.
func (p *page) askAgain() {
	form := againForm{Path: p.r.URL.RequestURI(), Code: p.account.Factor != nil}
	err := error(auth.ErrMissing)
	if given := p.r.PostFormValue("again"); given != "" {
		if form.Code {
			err = p.verifyCode(strings.TrimSpace(given))
		} else {
			_, err = p.verifyPassword(p.account.Name, given)
		}
	}
	var slow *auth.SlowError
	status := http.StatusForbidden
	switch {
	case err == nil:
		p.confirmed()
		return
	case errors.Is(err, auth.ErrWrong):
		form.Error = "That is wrong."
	case errors.As(err, &slow), errors.Is(err, auth.ErrBusy):
		form.Error, status = "Too many were tried. Wait a minute, then try again.", http.StatusTooManyRequests
	case !errors.Is(err, auth.ErrMissing):
		p.fail(err)
		return
	}
	for _, name := range sortedKeys(p.r.PostForm) {
		if name == "token" || name == "again" {
			continue
		}
		for _, value := range p.r.PostForm[name] {
			form.Fields = append(form.Fields, field{name, value})
		}
	}
	if err := p.show(status, "again", "Confirm that it is you", form); err != nil {
		p.fail(err)
	}
}

// confirmed does the act that the account has confirmed, under a session with a new secret.
func (p *page) confirmed() {
	a, _ := p.Accounts.Account(p.account.Name) // a recovery code has changed it
	if err := p.begin(a, false); err != nil {
		p.fail(err)
		return
	}
	if err := p.route.do(p); err != nil {
		p.fail(err)
	}
}

func sortedKeys(v url.Values) []string {
	var names []string
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// sessionList is the page of one's own sessions.
type sessionList struct {
	Sessions      []listed
	Current       string
	Idle, Longest time.Duration
}

func showSessions(p *page) error {
	list, err := p.sessions.list(p.account.Name, p.Now())
	if err != nil {
		return err
	}
	return p.show(http.StatusOK, "sessions", "Your sessions", sessionList{list, p.key.id(), p.Idle, p.Longest})
}

// endSessions ends one of the account's sessions, or all of them.
func endSessions(p *page) error {
	if p.value("id") == "all" {
		if err := p.sessions.endAll(p.account.Name); err != nil {
			return err
		}
		dropCookie(p.w)
		return p.done(Prefix + "login/")
	}
	list, err := p.sessions.list(p.account.Name, p.Now())
	if err != nil {
		return err
	}
	for _, one := range list {
		if one.ID() == p.value("id") {
			if err := p.sessions.end(one.key); err != nil {
				return err
			}
		}
	}
	return p.done(Prefix + "sessions/")
}

// setTheme keeps the choice between light, dark and the browser's own.
func setTheme(p *page) error {
	c := &http.Cookie{Name: themeCookie, Value: p.value("theme"), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: 365 * 86400}
	if c.Value != "light" && c.Value != "dark" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(p.w, c)
	return p.done(p.next())
}
