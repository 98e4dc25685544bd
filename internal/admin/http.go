package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// API serves administration over HTTP, as JSON: over the unix socket, and what may be done from afar under /accord/v1/ as
// well. Who may call it is decided before it.
type API struct {
	Store *store.Store
	Now   func() time.Time
	Actor func(*http.Request) store.Actor // who is recorded for what a request does

	// Local adds the routes that are for the machine itself: apply files and password hashes.
	Local bool
}

// route is one path of the API. do returns what is answered, as JSON.
type route struct {
	method, path string
	local        bool
	do           func(*API, *http.Request) (any, error)
}

// routes are all paths, below where the API is mounted. A path without its trailing slash is the same.
var routes = []route{
	{http.MethodGet, "agreements/", false, (*API).listAgreements},
	{http.MethodGet, "agreements/{name}/", false, (*API).showAgreement},
	{http.MethodPost, "agreements/{name}/renew/", false, (*API).renew},
	{http.MethodPost, "agreements/{name}/suspend/", false, (*API).suspend},
	{http.MethodPost, "agreements/{name}/resume/", false, (*API).resume},
	{http.MethodPost, "agreements/{name}/terminate/", false, (*API).terminate},
	{http.MethodPost, "apply/", true, (*API).apply},
	{http.MethodGet, "accounts/{name}/password-hash/", true, (*API).passwordHash},
}

// Handler serves the routes below prefix, which ends in a slash.
func (a *API) Handler(prefix string) http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		if r.local && !a.Local {
			continue
		}
		serve := func(w http.ResponseWriter, req *http.Request) {
			v, err := r.do(a, req)
			if err != nil {
				writeError(w, err)
				return
			}
			writeJSON(w, http.StatusOK, v)
		}
		mux.HandleFunc(r.method+" "+prefix+r.path+"{$}", serve)
		mux.HandleFunc(r.method+" "+prefix+strings.TrimSuffix(r.path, "/"), serve)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pattern := mux.Handler(req); pattern == "" {
			writeError(w, unrouted(mux, req))
			return
		}
		mux.ServeHTTP(w, req)
	})
}

// unrouted says why a request reaches no route: its path or its method is unknown.
func unrouted(mux *http.ServeMux, req *http.Request) error {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := req.Clone(req.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			return &wrongMethod{req.Method, req.URL.Path, method}
		}
	}
	return notFound("there is no %s here", req.URL.Path)
}

// wrongMethod is a request to a path that takes another method.
type wrongMethod struct{ method, path, allowed string }

func (e *wrongMethod) Error() string {
	return fmt.Sprintf("%s takes %s, not %s", e.path, e.allowed, e.method)
}

func (a *API) listAgreements(*http.Request) (any, error) {
	list, err := Agreements(a.Store, a.Now())
	return map[string]any{"agreements": list}, err
}

func (a *API) showAgreement(r *http.Request) (any, error) { return a.shown(r) }

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
	f, err := Parse(body.Name, []byte(body.Text))
	if err != nil {
		return nil, err
	}
	if err := f.setHashes(body.Hashes); err != nil {
		return nil, err
	}
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
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"title":"the answer could not be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// errorBody is an error as JSON, with the members of TAXII's error message (TAXII 2.1, section 3.6) that apply.
type errorBody struct {
	Title   string         `json:"title"`
	Status  string         `json:"http_status"`
	Details map[string]any `json:"details,omitempty"`

	File *FileError `json:"apply_file,omitempty"`
}

func writeError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var bad *badRequest
	var method *wrongMethod
	body := errorBody{Title: err.Error()}
	switch {
	case errors.As(err, &body.File):
		status = http.StatusUnprocessableEntity
	case errors.As(err, &bad):
		status = http.StatusBadRequest
	case errors.As(err, &method):
		status = http.StatusMethodNotAllowed
		w.Header().Set("Allow", method.allowed)
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, ErrRefused):
		status = http.StatusConflict
	}
	body.Status = strconv.Itoa(status)
	writeJSON(w, status, body)
}
