package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/oidc"
)

// Prefix is the path below which the console is served.
const Prefix = "/console/"

// Config is what a Console is made of.
type Config struct {
	Admin    *admin.Service
	Accounts auth.Directory // as they are now

	// Identify returns the account whose name and password a request has in its Authorization header; it slows down those who
	// guess. The console makes that request from its login form.
	Identify func(*http.Request) (auth.Account, error)

	// OIDC, if set, has people log in at another issuer too. Admit admits an account that it found, Refuse records that it found none.
	OIDC   *oidc.Login
	Admit  func(a auth.Account, address string) error
	Refuse func(account, address string, err error) error

	// Enter admits an account's request, within the account's limits; see admin.Remote.
	Enter func(http.ResponseWriter, *http.Request, agreement.Caller) (leave func(), err error)

	// Address returns where a request comes from.
	Address func(*http.Request) string

	Sessions string        // the file that keeps the sessions
	Idle     time.Duration // a session ends when it is not used for so long
	Longest  time.Duration // and at the latest after so long

	// FactorOptional admits operators without a second factor: for the demo, whose passwords are public.
	FactorOptional bool

	// TLS says that browsers reach the console over TLS, by themselves or through a proxy.
	TLS bool

	// PublicURL is the URL of the server in the commands that pages show; "": that of the request.
	PublicURL string

	// Data is the data folder in the commands that pages show to operators.
	Data string

	// Health, if set, says how the server has done lately.
	Health func() Health

	// Servers, if set, says how the nodes of the cluster are.
	Servers func(context.Context) Servers

	// Limits, if set, says who reached which limit since the start.
	Limits func() []LimitHit

	Now func() time.Time

	// Failed, if set, is called with each failure of the console itself.
	Failed func(*http.Request, error)
}

// Console serves the web console.
type Console struct {
	Config
	sessions *sessions
	codes    *codeGate

	enrolments *enrolments

	forgery *http.CrossOriginProtection
	mux     *http.ServeMux
	pages   *pages
}

// New opens a console, which Close closes.
func New(c Config) (*Console, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Failed == nil {
		c.Failed = func(*http.Request, error) {}
	}
	opened, err := openSessions(c.Sessions, c.Idle, c.Longest)
	if err != nil {
		return nil, err
	}
	made := &Console{Config: c, sessions: opened, codes: newCodeGate(), enrolments: &enrolments{made: map[sessionKey]enrolment{}}, forgery: http.NewCrossOriginProtection(), mux: http.NewServeMux()}
	if made.pages, err = readPages(c.Now); err != nil {
		return nil, errors.Join(err, opened.close())
	}
	for _, r := range routes {
		made.mux.HandleFunc(r.method+" "+Prefix+r.path+"{$}", func(w http.ResponseWriter, req *http.Request) { made.serve(r, w, req) })
		if trimmed := strings.TrimSuffix(r.path, "/"); trimmed != r.path && trimmed != "" {
			made.mux.HandleFunc(r.method+" "+Prefix+trimmed, func(w http.ResponseWriter, req *http.Request) { made.serve(r, w, req) })
		}
	}
	return made, nil
}

// Close closes the file of the sessions. Sessions outlive it.
func (c *Console) Close() error { return c.sessions.close() }

// Sweep forgets sessions that have ended.
func (c *Console) Sweep() error { return c.sessions.sweep(c.Now()) }

// ServeHTTP is the way of every request: headers, forgery, files that scripts and style are in, then the screens.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header(), c.TLS)
	if r.URL.Path == strings.TrimSuffix(Prefix, "/") {
		http.Redirect(w, r, Prefix, http.StatusSeeOther)
		return
	}
	p := &page{Console: c, w: w, r: r}
	if err := c.forgery.Check(r); err != nil {
		p.fail(errCrossSite)
		return
	}
	if strings.HasPrefix(r.URL.Path, Prefix+"static/") {
		serveStatic(w, r)
		return
	}
	if _, pattern := c.mux.Handler(r); pattern == "" {
		if err := c.identify(p); err != nil {
			p.refuseLogin()
			return
		}
		p.fail(errNoPage)
		return
	}
	c.mux.ServeHTTP(w, r)
}

// serve answers one route.
func (c *Console) serve(rt route, w http.ResponseWriter, r *http.Request) {
	p := &page{Console: c, w: w, r: r, route: rt}
	defer func() { p.end(false) }()
	err := c.identify(p)
	if rt.reach == strangers {
		if err == nil && rt.path == "login/" && rt.method == get {
			http.Redirect(w, r, Prefix, http.StatusSeeOther)
			return
		}
		if err := p.readForm(); err != nil {
			p.fail(err)
			return
		}
		if err := rt.do(p); err != nil {
			p.fail(err)
		}
		return
	}
	if err != nil {
		p.refuseLogin()
		return
	}
	leave, err := c.Enter(w, r, p.caller)
	if err != nil {
		p.fail(err)
		return
	}
	defer leave()
	if rt.reach == operators && !p.caller.Operator {
		p.fail(errNoPage) // another role's screens do not exist
		return
	}
	if err := p.readForm(); err != nil {
		p.fail(err)
		return
	}
	if r.Method == http.MethodPost && !p.session.verifies(p.secret, r.PostFormValue("token")) {
		p.fail(errForm)
		return
	}
	if rt.again && !p.session.recently(c.Now()) {
		p.askAgain()
		return
	}
	if err := rt.do(p); err != nil {
		p.fail(err)
	}
}

// identify finds the session of a request, and the account as it is now.
func (c *Console) identify(p *page) error {
	secret := cookieOf(p.r)
	if secret == "" {
		return auth.ErrMissing
	}
	s, key, err := c.sessions.find(secret, c.Now())
	if err != nil {
		return err
	}
	a, ok := c.Accounts.Account(s.Account)
	if !ok || a.Revision != s.Revision || a.Bounds(c.Address(p.r), c.Now()) != nil {
		return errors.Join(errEnded, c.sessions.end(key))
	}
	p.pending = s.Pending
	p.session, p.key, p.secret, p.account = s, key, secret, a
	p.caller = agreement.Caller{Account: agreement.AccountName(a.Name), Party: agreement.PartyName(a.Party), Operator: a.Operator, ReadOnly: a.ReadOnly()}
	if s.Pending {
		return errEnded
	}
	return nil
}

// refuseLogin sends a caller without a session to the login form, or a script the status alone: no browser is asked for a
// password of its own.
func (p *page) refuseLogin() {
	to := Prefix + "login/"
	if p.r.Method == http.MethodGet && p.r.URL.Path != Prefix {
		to += "?" + url.Values{"next": {p.r.URL.RequestURI()}}.Encode()
	}
	if p.r.Header.Get("HX-Request") != "" || p.r.Header.Get("Sec-Fetch-Dest") == "empty" {
		p.w.Header().Set("HX-Redirect", to)
		p.w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(p.w, p.r, to, http.StatusSeeOther)
}

// ask has a route of /accord/v1/ answer with the caller's rights. Its answer is a T.
func ask[T any](p *page, path string) (T, error) { return askWith[T](p, http.MethodGet, path, nil) }

// askWith is ask with a method and a body.
func askWith[T any](p *page, method, path string, body any) (answer T, err error) {
	reply, err := p.Admin.Ask(p.context(), admin.Question{Caller: p.caller, Method: method, Path: path, Body: body})
	if err != nil {
		return answer, err
	}
	p.ended = append(p.ended, reply.Ended)
	switch a := reply.Answer.(type) {
	case T:
		return a, nil
	case *T:
		return *a, nil
	}
	return answer, errors.New("the answer to " + path + " is of another type")
}

func (p *page) context() context.Context { return p.r.Context() }
