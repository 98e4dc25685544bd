package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
)

// API serves administration over HTTP, as JSON: over the unix socket, and what may be done from afar under /accord/v1/ as
// well. Who may call it is decided before it: see Far. Whoever it is not told of is an operator.
type API struct {
	Store *store.Store
	Now   func() time.Time
	Actor func(*http.Request) store.Actor // who is recorded for what a request does

	// Deliveries, when set, knows who was given what.
	Deliveries *store.Deliveries

	// Failed, when set, is told of what the server itself failed at, when the one who asked is not.
	Failed func(*http.Request, error)

	// Local adds the routes that are for the machine itself: apply files and password hashes.
	Local bool
}

// route is one path of the API. do returns what is answered: JSON, or the bytes of a plain.
type route struct {
	method, path string
	reach        reach
	do           func(*API, *http.Request) (any, error)
}

// reach says who reaches a route.
type reach uint8

const (
	operators reach = iota
	local           // whoever may use the data folder
	accounts        // every account: what it does depends on who asks
)

// plain is an answer that is not JSON.
type plain struct {
	mediaType string
	body      []byte
}

// routes are all paths, below where the API is mounted. A path without its trailing slash is the same.
var routes = []route{
	{http.MethodGet, "agreements/", accounts, (*API).listAgreements},
	{http.MethodGet, "agreements/{name}/", accounts, (*API).showAgreement},
	{http.MethodPost, "agreements/{name}/renew/", operators, (*API).renew},
	{http.MethodPost, "agreements/{name}/suspend/", operators, (*API).suspend},
	{http.MethodPost, "agreements/{name}/resume/", operators, (*API).resume},
	{http.MethodPost, "agreements/{name}/terminate/", operators, (*API).terminate},
	{http.MethodPost, "apply/", local, (*API).apply},
	{http.MethodGet, "accounts/{name}/password-hash/", local, (*API).passwordHash},
}

// Handler serves the routes below prefix, which ends in a slash.
func (a *API) Handler(prefix string) http.Handler {
	mux := http.NewServeMux()
	for _, r := range slices.Concat(routes, auditRoutes, accountRoutes) {
		if r.reach == local && !a.Local {
			continue
		}
		serve := func(w http.ResponseWriter, req *http.Request) {
			v, err := a.ask(r, req)
			if err != nil {
				writeError(w, a.told(req, err))
				return
			}
			if p, ok := v.(plain); ok {
				write(w, http.StatusOK, p)
				return
			}
			writeJSON(w, http.StatusOK, v)
		}
		mux.HandleFunc(r.method+" "+prefix+r.path+"{$}", serve)
		mux.HandleFunc(r.method+" "+prefix+strings.TrimSuffix(r.path, "/"), serve)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pattern := mux.Handler(req); pattern == "" || !isPlain(req.URL.EscapedPath()) {
			writeError(w, unrouted(mux, req))
			return
		}
		mux.ServeHTTP(w, req)
	})
}

// ask has a route answer, if the caller reaches it.
func (a *API) ask(r route, req *http.Request) (any, error) {
	if r.reach == operators && !callerOf(req).Operator {
		return nil, errOperatorsOnly
	}
	return r.do(a, req)
}

// isPlain says whether a path has no empty segment, "." or "..": the mux would answer those by leading to another path.
func isPlain(p string) bool { return path.Clean(p) == strings.TrimSuffix(p, "/") }

// unrouted says why a request reaches no route: its path or its method is unknown.
func unrouted(mux *http.ServeMux, req *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := req.Clone(req.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		return &wrongMethod{req.Method, req.URL.Path, strings.Join(allowed, ", ")}
	}
	return notFound("there is no %s here", req.URL.Path)
}

// wrongMethod is a request to a path that takes other methods.
type wrongMethod struct{ method, path, allowed string }

func (e *wrongMethod) Error() string {
	return fmt.Sprintf("%s takes %s, not %s", e.path, e.allowed, e.method)
}

// limited is the error of a request that will do later: its account has reached a limit.
type limited interface {
	error
	RetryAfter() time.Duration
}

func (a *API) listAgreements(r *http.Request) (any, error) {
	list, err := Agreements(a.Store, a.Now())
	list = slices.DeleteFunc(list, func(g Agreement) bool { return !a.sees(r, &g) })
	return map[string]any{"agreements": list}, err
}

func (a *API) showAgreement(r *http.Request) (any, error) {
	g, err := a.shown(r)
	if err == nil && !a.sees(r, &g) {
		return nil, notFound("there is no agreement %s", nameIn(r))
	}
	return g, err
}

// sees says whether the caller may know of an agreement.
func (a *API) sees(r *http.Request, g *Agreement) bool {
	return agreement.Permit(&g.Agreement, callerOf(r), agreement.See, a.Now()) == nil
}

func (a *API) shown(r *http.Request) (Agreement, error) {
	return AgreementNamed(a.Store, nameIn(r), a.Now())
}

func nameIn(r *http.Request) agreement.Name { return agreement.Name(r.PathValue("name")) }

// termChange is the body of the four acts; each uses some of it.
type termChange struct {
	Until    string `json:"until,omitempty"` // renew: as agreement.ParseDate reads it
	Reason   string `json:"reason,omitempty"`
	Withdraw bool   `json:"withdraw,omitempty"` // terminate
}

func (a *API) renew(r *http.Request) (any, error) {
	var body termChange
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	until, err := agreement.ParseDate(body.Until)
	if err != nil {
		return nil, &badRequest{err}
	}
	if err := Renew(r.Context(), a.Store, a.Actor(r), nameIn(r), until, a.Now()); err != nil {
		return nil, err
	}
	return a.shown(r)
}

func (a *API) suspend(r *http.Request) (any, error) {
	var body termChange
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	if err := Suspend(r.Context(), a.Store, a.Actor(r), nameIn(r), body.Reason, a.Now()); err != nil {
		return nil, err
	}
	return a.shown(r)
}

func (a *API) resume(r *http.Request) (any, error) {
	var body termChange
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	if err := Resume(r.Context(), a.Store, a.Actor(r), nameIn(r), a.Now()); err != nil {
		return nil, err
	}
	return a.shown(r)
}

func (a *API) terminate(r *http.Request) (any, error) {
	var body termChange
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	if err := Terminate(r.Context(), a.Store, a.Actor(r), nameIn(r), body.Withdraw, body.Reason, a.Now()); err != nil {
		return nil, err
	}
	return a.shown(r)
}

// applyRequest is an apply file on its way to the server. Passwords stay with the client: it sends hashes.
type applyRequest struct {
	Name   string            `json:"name"`
	Text   string            `json:"text"`
	Hashes map[string]string `json:"password_hashes,omitempty"` // by account
	Faults []Problem         `json:"faults,omitempty"`          // what the client found, passwords included
}

// applyAnswer has a line a thing of the file.
type applyAnswer struct {
	Lines []Line `json:"lines"`
}

func (a *API) apply(r *http.Request) (any, error) {
	var body applyRequest
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	f := read(body.Name, []byte(body.Text))
	if len(body.Faults) > 0 {
		f.faults = body.Faults // the client has read it too
	}
	f.setHashes(body.Hashes)
	lines, err := Apply(r.Context(), a.Store, a.Actor(r), f)
	return applyAnswer{lines}, err
}

type hashAnswer struct {
	Hash string `json:"password_hash"`
}

func (a *API) passwordHash(r *http.Request) (any, error) {
	account, _ := a.Store.Registry().Account(r.PathValue("name"))
	return hashAnswer{account.PasswordHash}, nil
}

// badRequest is an error in what a request says.
type badRequest struct{ error }

func (e *badRequest) Unwrap() error { return e.error }

// maxBody bounds a request: an apply file, escaped as JSON.
const maxBody = 2*MaxFile + 1<<20

// readJSON reads a request's body; an empty one leaves v as it is.
func readJSON(r *http.Request, v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return &badRequest{fmt.Errorf("read the request: %w", err)}
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // documents whose digest is known stay what they are
	if err := enc.Encode(v); err != nil {
		status, body = http.StatusInternalServerError, *bytes.NewBufferString(`{"title":"the answer could not be written"}`)
	}
	write(w, status, plain{"application/json", bytes.TrimSuffix(body.Bytes(), []byte("\n"))})
}

func write(w http.ResponseWriter, status int, p plain) {
	h := w.Header()
	h.Set("Content-Type", p.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(p.body)))
	h.Set("Cache-Control", "no-store") // what a caller may see is for that caller, at that moment
	w.WriteHeader(status)
	w.Write(p.body)
}

// errorBody is an error as JSON, with the members of TAXII's error message (TAXII 2.1, section 3.6) that apply.
type errorBody struct {
	Title   string         `json:"title"`
	Status  string         `json:"http_status"`
	Details map[string]any `json:"details,omitempty"`

	File *FileError `json:"apply_file,omitempty"`
}

// errInternal is what the network is told when the server failed: the cause is for its log.
var errInternal = errors.New("the server failed; its operator finds the cause in the log, at the time of this answer")

// told is what whoever asked is told of an error. At the machine that is all of it.
func (a *API) told(r *http.Request, err error) error {
	if a.Local || statusOf(err) != http.StatusInternalServerError {
		return err
	}
	if a.Failed != nil {
		a.Failed(r, err)
	}
	return errInternal
}

func writeError(w http.ResponseWriter, err error) {
	status := statusOf(err)
	body := errorBody{Title: err.Error(), Status: strconv.Itoa(status)}
	errors.As(err, &body.File)
	var method *wrongMethod
	var slow *auth.SlowError
	var limit limited
	switch {
	case errors.As(err, &method):
		w.Header().Set("Allow", method.allowed)
	case errors.As(err, &slow):
		w.Header().Set("Retry-After", seconds(slow.After))
	case errors.As(err, &limit):
		w.Header().Set("Retry-After", seconds(limit.RetryAfter()))
	case status == http.StatusUnauthorized:
		w.Header()["Www-Authenticate"] = auth.Challenge()
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, body)
}

// seconds is how Retry-After writes a time: whole seconds, at least one (RFC 9110, section 10.2.3).
func seconds(d time.Duration) string { return strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))) }

// statusOf is what an error means in HTTP; what it does not know is the server's own failure.
func statusOf(err error) int {
	var file *FileError
	var bad *badRequest
	var method *wrongMethod
	var slow *auth.SlowError
	var limit limited
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &file):
		return http.StatusUnprocessableEntity
	case errors.As(err, &bad):
		return http.StatusBadRequest
	case errors.As(err, &method):
		return http.StatusMethodNotAllowed
	case errors.Is(err, ErrNotFound), errors.Is(err, agreement.ErrNoRole):
		return http.StatusNotFound
	case errors.Is(err, agreement.ErrNotAllowed), errors.Is(err, errOperatorsOnly):
		return http.StatusForbidden
	case errors.Is(err, auth.ErrMissing), errors.Is(err, auth.ErrWrong):
		return http.StatusUnauthorized
	case errors.Is(err, auth.ErrBusy), errors.Is(err, store.ErrClosed):
		return http.StatusServiceUnavailable
	case errors.As(err, &slow), errors.As(err, &limit):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrRefused):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}
