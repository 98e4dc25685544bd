package console

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/oidc"
)

// OIDCPath is the path to which another issuer sends browsers back.
const OIDCPath = Prefix + "login/oidc/answer/"

// attemptCookie keeps a login at another issuer while the browser is there. Browsers send it when they come back from there, which they
// do not with the session's.
const attemptCookie = "__Host-accord-oidc"

const attemptLifetime = 10 * time.Minute

// attempt is what attemptCookie holds.
type attempt struct {
	oidc.Attempt
	Next string `json:"next,omitempty"`
}

func setAttempt(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: attemptCookie, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: age})
}

// logInElsewhere sends the browser to the other issuer.
func logInElsewhere(p *page) error {
	if p.OIDC == nil {
		return errNoPage
	}
	begun, to, err := p.OIDC.Begin(p.context())
	if err != nil {
		return p.refuseElsewhere(p.value("next"), err)
	}
	text, err := json.Marshal(attempt{begun, p.value("next")})
	if err != nil {
		return err
	}
	setAttempt(p.w, base64.RawURLEncoding.EncodeToString(text), int(attemptLifetime.Seconds()))
	http.Redirect(p.w, p.r, to, http.StatusSeeOther)
	return nil
}

// comeBack begins a session for the account of who has logged in at the other issuer. The answer is a page, and no redirect: browsers
// send the session's cookie only where one of the console's own pages led them.
func comeBack(p *page) error {
	if p.OIDC == nil {
		return errNoPage
	}
	begun := readAttempt(p.r)
	setAttempt(p.w, "", -1)
	a, err := p.OIDC.Finish(p.context(), begun.Attempt, p.r.URL.Query())
	if err != nil {
		return p.refuseElsewhere(begun.Next, p.Refuse("", p.Address(p.r), err))
	}
	if err := p.Admit(a, p.Address(p.r)); err != nil {
		return p.refuseElsewhere(begun.Next, err)
	}
	return p.admit(a, loginForm{Next: begun.Next}, func(path string) error {
		return p.show(http.StatusOK, "login", "Log in", loginForm{Go: path})
	})
}

// readAttempt returns the attempt that a browser began; the zero attempt if it began none.
func readAttempt(r *http.Request) (a attempt) {
	found := r.CookiesNamed(attemptCookie)
	if len(found) != 1 {
		return attempt{}
	}
	text, err := base64.RawURLEncoding.DecodeString(found[0].Value)
	if err != nil || json.Unmarshal(text, &a) != nil {
		return attempt{}
	}
	return a
}

// refuseElsewhere shows the login form, with why the login at the other issuer came to nothing.
func (p *page) refuseElsewhere(next string, err error) error {
	form := loginForm{Next: next}
	var wrong *auth.WrongError
	switch {
	case errors.Is(err, oidc.ErrUnavailable):
		form.Error = "The server " + p.OIDC.Issuer() + " does not answer. Try again in a moment, or log in here with a password."
		return p.showForm(http.StatusServiceUnavailable, form)
	case errors.As(err, &wrong):
		form.Error = "You are not logged in: " + wrong.Reason + "."
		return p.showForm(http.StatusUnauthorized, form)
	}
	return err
}
