package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/boombuler/barcode/qr"

	"github.com/accord-taxii/accord/internal/auth"
)

// enrolment is a second factor that was drawn for a session and has not been confirmed: no account has it yet.
type enrolment struct {
	account  string
	factor   auth.Factor
	address  string
	recovery []string
	drawn    time.Time
}

// enrolments are in memory alone: a secret is written down once its owner has shown that an authenticator has it.
type enrolments struct {
	mu   sync.Mutex
	made map[sessionKey]enrolment // guarded by mu
}

const (
	enrolmentLifetime = 10 * time.Minute
	mostEnrolments    = 1000
)

// of returns the factor that was drawn for a session, and draws one if there is none.
func (e *enrolments) of(key sessionKey, issuer, account string, now time.Time) (enrolment, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, one := range e.made {
		if now.Sub(one.drawn) >= enrolmentLifetime || now.Before(one.drawn.Add(-time.Minute)) {
			delete(e.made, k)
		}
	}
	if one, ok := e.made[key]; ok && one.account == account {
		return one, nil
	}
	if len(e.made) >= mostEnrolments {
		return enrolment{}, auth.ErrBusy
	}
	f, address, recovery, err := auth.NewFactor(issuer, account, now)
	if err != nil {
		return enrolment{}, err
	}
	made := enrolment{account, f, address, recovery, now}
	e.made[key] = made
	return made, nil
}

// move keeps what was drawn for a session that has a new secret.
func (e *enrolments) move(from, to sessionKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if one, ok := e.made[from]; ok {
		delete(e.made, from)
		e.made[to] = one
	}
}

func (e *enrolments) drop(key sessionKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.made, key)
}

// enrolForm is what the page of an enrolment shows: the secret, or, once it is confirmed, the recovery codes.
type enrolForm struct {
	Path      string // of the form
	Next      string
	Error     string
	First     bool // at the first login: nothing else is shown before
	Replaces  bool // the account has a factor already
	Secret    string
	Address   string
	QR        *qrCode
	Recovery  []string
	Confirmed bool
}

// mustEnrol reports whether an account sees nothing before it has a second factor.
func (c *Console) mustEnrol(a auth.Account) bool {
	return a.Operator && a.Factor == nil && !c.FactorOptional
}

// showEnrol shows an operator without a second factor, after the password, the one that it will have.
func showEnrol(p *page) error {
	if !p.pending || !p.mustEnrol(p.account) {
		return p.done(Prefix + "login/")
	}
	return p.showEnrolment(http.StatusOK, enrolForm{Path: Prefix + "login/enrol/", Next: p.value("next"), First: true})
}

// enrolFirst gives an operator the second factor whose first code the form has.
func enrolFirst(p *page) error {
	if !p.pending || !p.mustEnrol(p.account) {
		return p.done(Prefix + "login/")
	}
	return p.enrol(enrolForm{Path: Prefix + "login/enrol/", Next: p.value("next"), First: true})
}

// showFactor shows an account that is logged in the second factor that it may have from now on.
func showFactor(p *page) error {
	return p.showEnrolment(http.StatusOK, enrolForm{Path: Prefix + "factor/", Replaces: p.account.Factor != nil})
}

func giveFactor(p *page) error {
	return p.enrol(enrolForm{Path: Prefix + "factor/", Replaces: p.account.Factor != nil})
}

func (p *page) showEnrolment(status int, form enrolForm) error {
	drawn, err := p.enrolments.of(p.key, p.Admin.Title(), p.account.Name, p.Now())
	if err != nil {
		return err
	}
	form.Address, form.Secret = drawn.address, spaced(drawn.factor.Secret)
	if form.QR, err = drawQR(drawn.address); err != nil {
		return err
	}
	return p.show(status, "enrol", "Second factor", form)
}

// enrol makes the factor that was drawn the account's, if the code is one of its own.
func (p *page) enrol(form enrolForm) error {
	a, now := p.account, p.Now()
	if wait := p.codes.closed(a.Name, now); wait > 0 {
		form.Error = "Too many wrong codes were given for this account. Wait a minute, then try again."
		return p.showEnrolment(http.StatusTooManyRequests, form)
	}
	drawn, err := p.enrolments.of(p.key, p.Admin.Title(), a.Name, now)
	if err != nil {
		return err
	}
	step, ok := drawn.factor.Step(p.value("code"), now)
	if !ok {
		p.codes.wrong(a.Name, now)
		form.Error = "That is not the code that an authenticator with this secret shows now. Read the secret in once more, and mind its clock."
		return p.showEnrolment(http.StatusUnauthorized, form)
	}
	replaces := ""
	if a.Factor != nil {
		replaces = a.Factor.Secret
	}
	if err := p.Admin.Enrol(context.WithoutCancel(p.context()), a.Name, replaces, drawn.factor); err != nil {
		return err
	}
	p.enrolments.drop(p.key)
	if _, err := p.sessions.useStep(a.Name, step); err != nil {
		return err
	}
	changed, ok := p.Accounts.Account(a.Name)
	if !ok || changed.Disabled {
		return errors.Join(errEnded, p.sessions.end(p.key))
	}
	if err := p.begin(changed, false); err != nil { // the change has ended the session before
		return err
	}
	p.account, p.pending = changed, false
	if p.session, p.key, err = p.sessions.find(p.secret, now); err != nil {
		return err
	}
	form.Confirmed, form.Recovery, form.Next = true, drawn.recovery, p.next()
	return p.show(http.StatusOK, "enrol", "Second factor", form)
}

// spaced writes a secret in groups of four, as people type it.
func spaced(secret string) string {
	var b strings.Builder
	for i, c := range secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// qrCode is a QR code as the path of an SVG picture, a unit a module.
type qrCode struct {
	Size int // with the quiet zone
	Path string
}

// quietZone is how many modules around a code stay empty (ISO/IEC 18004, section 5.3.8).
const quietZone = 4

func drawQR(text string) (*qrCode, error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return nil, err
	}
	size := code.Bounds().Dx()
	var path []byte
	number := func(command byte, n int) { path = strconv.AppendInt(append(path, command), int64(n), 10) }
	for y := range size {
		for x := 0; x < size; x++ {
			from := x
			for x < size && isDark(code.At(x, y)) {
				x++
			}
			if x > from { // a row of dark modules
				number('M', from+quietZone)
				number(' ', y+quietZone)
				number('h', x-from)
				path = append(path, 'v', '1')
				number('h', from-x)
				path = append(path, 'z')
			}
		}
	}
	return &qrCode{size + 2*quietZone, string(path)}, nil
}

func isDark(c interface{ RGBA() (r, g, b, a uint32) }) bool {
	r, _, _, _ := c.RGBA()
	return r == 0
}

// enrolPath is where an operator without a second factor goes after the password.
func enrolPath(next string) string {
	if next == "" {
		return Prefix + "login/enrol/"
	}
	return Prefix + "login/enrol/?" + url.Values{"next": {next}}.Encode()
}
