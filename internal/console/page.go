package console

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/budget"
)

// page is a request on its way to an answer.
type page struct {
	*Console
	w     http.ResponseWriter
	r     *http.Request
	route route

	session *session // nil: not logged in
	pending bool     // the session awaits a code
	key     sessionKey
	secret  string
	account auth.Account
	caller  agreement.Caller

	ended []func(whole bool) // of the deliveries that the page is made of
}

var (
	errCrossSite = errors.New("the request comes from a page of another site")
	errForm      = errors.New("the form is not of this session: go back, load the page again and repeat what you did")
	errNoPage    = errors.New("there is no such page")
)

// formError is an error in what a form says; what was typed is shown again with it.
type formError struct{ error }

// mostForm bounds the body of a form that holds no text of objects.
const mostForm = 64 << 10

// readForm reads the form of a POST, whose size is bounded by the route.
func (p *page) readForm() error {
	if p.r.Method != http.MethodPost {
		return nil
	}
	most := int64(cmp.Or(p.route.most, mostForm))
	if p.r.ContentLength > most {
		return &http.MaxBytesError{Limit: most}
	}
	if err := budget.From(p.context()).Add(p.context(), int(most)); err != nil {
		return err
	}
	p.r.Body = http.MaxBytesReader(p.w, p.r.Body, most)
	var err error
	switch kind, _, _ := mime.ParseMediaType(p.r.Header.Get("Content-Type")); kind {
	case "application/x-www-form-urlencoded":
		err = p.r.ParseForm()
	case "multipart/form-data":
		err = p.r.ParseMultipartForm(most) // larger than what is read: nothing goes to a disk
	default:
		err = formError{errors.New("the request carries no form")}
	}
	var large *http.MaxBytesError
	if err != nil && !errors.As(err, &large) {
		err = formError{fmt.Errorf("read the form: %w", err)}
	}
	return err
}

// value returns a field of the form, or a parameter of the address, without space around it.
func (p *page) value(name string) string {
	if p.r.Method == http.MethodPost {
		return strings.TrimSpace(p.r.PostFormValue(name))
	}
	return strings.TrimSpace(p.r.URL.Query().Get(name))
}

// number returns a parameter that is a whole number; 0 if it is none.
func (p *page) number(name string) uint64 {
	n, _ := strconv.ParseUint(p.value(name), 10, 63)
	return n
}

// view is what the layout of a page is made of.
type view struct {
	Title   string
	Account string
	Token   string // of the session's forms
	Theme   string
	Query   string // in the search field
	Nav     []navGroup
	Here    string // the page's own address
	Demo    bool

	Commands []command
	Main     any
}

// command is a command line that does, or shows, the same as a page.
type command struct{ What, Line string }

// show answers with a page. The deliveries that it is made of have ended when it is sent.
func (p *page) show(status int, name, title string, main any, commands ...command) error {
	v := view{Title: title, Theme: themeOf(p.r), Here: p.r.URL.RequestURI(), Commands: commands, Main: main, Demo: p.FactorOptional}
	if p.session != nil && !p.pending {
		v.Account, v.Token, v.Nav = p.account.Name, formToken(p.secret), p.navigation()
		if p.r.URL.Path == Prefix+"search/" {
			v.Query = strings.Join(p.r.URL.Query()["q"], " ")
		}
	}
	body := new(bytes.Buffer)
	if err := p.pages.write(body, name, p.r.Header.Get("HX-Request") != "", v); err != nil {
		return err
	}
	reserved := budget.From(p.context())
	reserved.Adjust(int(reserved.Held()) + body.Cap())
	h := p.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	p.w.WriteHeader(status)
	_, err := p.w.Write(body.Bytes())
	p.end(err == nil)
	return nil
}

// download answers with a file of our own name.
func (p *page) download(mediaType, name string, body []byte) error {
	h := p.w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, err := p.w.Write(body)
	p.end(err == nil)
	return nil
}

// end tells the deliveries of the page whether all of it was sent.
func (p *page) end(whole bool) {
	for _, ended := range p.ended {
		ended(whole)
	}
	p.ended = nil
}

// done sends the browser to the page that shows what a form has done.
func (p *page) done(path string) error {
	p.end(true)
	http.Redirect(p.w, p.r, path, http.StatusSeeOther)
	return nil
}

// failure is the page of an error.
type failure struct {
	Status  int
	Heading string
	Message string
}

// fail answers with an error.
func (p *page) fail(err error) {
	p.end(false)
	f := failureOf(err)
	if f.Status == http.StatusInternalServerError {
		p.Failed(p.r, err)
	}
	var limit interface{ RetryAfter() time.Duration }
	if errors.As(err, &limit) {
		p.w.Header().Set("Retry-After", auth.RetryAfter(limit.RetryAfter()))
	}
	if err := p.show(f.Status, "error", f.Heading, f); err != nil {
		p.Failed(p.r, err)
		http.Error(p.w, "the server failed", http.StatusInternalServerError)
	}
}

func failureOf(err error) failure {
	var outside *agreement.OutsideError
	var bad formError
	status := admin.StatusOf(err)
	switch {
	case errors.Is(err, errNoPage):
		status = http.StatusNotFound
	case errors.Is(err, errCrossSite), errors.Is(err, errForm):
		status = http.StatusForbidden
	case errors.As(err, &bad):
		status = http.StatusBadRequest
	case errors.As(err, &outside):
	case status == http.StatusForbidden:
		status = http.StatusNotFound // a screen of another role
	}
	f := failure{Status: status, Message: err.Error()}
	switch status {
	case http.StatusNotFound:
		f.Heading, f.Message = "Not found", "There is no such page, or nothing that this account may see here."
	case http.StatusForbidden:
		f.Heading = "Not allowed"
	case http.StatusTooManyRequests:
		f.Heading = "Too many requests"
	case http.StatusServiceUnavailable:
		f.Heading = "Not available now"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		f.Heading = "That cannot be answered"
	case http.StatusConflict:
		f.Heading = "Refused"
	case http.StatusRequestEntityTooLarge:
		f.Heading = "Too large"
	default:
		f.Heading = "The server failed"
		f.Message = "Its operator finds the cause in the log, at the time of this answer."
	}
	return f
}

// server is the URL of the server in commands.
func (p *page) server() string {
	if p.PublicURL != "" {
		return strings.TrimSuffix(p.PublicURL, "/")
	}
	scheme := "http"
	if p.TLS {
		scheme = "https"
	}
	return scheme + "://" + p.r.Host
}

// remote returns the flags with which a command reaches the server as the account that is logged in.
func (p *page) remote() string {
	return "--url " + quote(p.server()) + " --user " + quote(p.account.Name)
}

// atServer returns the flags with which an operator's command reaches the server.
func (p *page) atServer() string { return "--data " + quote(cmp.Or(p.Data, "DIR")) }

// quote writes a word for a shell.
func quote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@+,=") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// query writes parameters of an address, without the empty ones.
func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Add(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}
