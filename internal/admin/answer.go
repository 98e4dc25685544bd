package admin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/control"
	"github.com/accord-taxii/accord/internal/index"
	"github.com/accord-taxii/accord/internal/live"
	"github.com/accord-taxii/accord/store"
)

// wrongMethod is a request to a path that takes other methods.
type wrongMethod struct{ method, path, allowed string }

func (e *wrongMethod) Error() string {
	return fmt.Sprintf("%s takes %s, not %s", e.path, e.allowed, e.method)
}

// limited is the error of a request that will do later: its account or party has reached a limit, or the server is busy.
type limited interface {
	error
	RetryAfter() time.Duration
	Busy() bool
}

// badRequest is an error in what a request says.
type badRequest struct{ error }

func (e *badRequest) Unwrap() error { return e.error }

// maxBody bounds a request: an apply file, escaped as JSON.
const maxBody = 2*applyfile.MaxFile + 1<<20

// readJSON reads a request's body; an empty one leaves v as it is. Its texts are of one line, except those of severalLines.
func readJSON(r *http.Request, v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return &badRequest{fmt.Errorf("read the request: %w", err)}
	}
	if err := checkLines("", reflect.ValueOf(v)); err != nil {
		return &badRequest{err}
	}
	return nil
}

// severalLines are the members of requests that may have line breaks, or are compared with what is stored and nothing else: an
// apply file, certificates, passwords and their hashes, what is searched for, and signed notes.
var severalLines = []string{"text", "client_ca", "client_cas", "password", "password_hash", "password_hashes", "q", "signed", "successions"}

// checkLines refuses characters that act on a terminal, or on a page, in the texts of a request.
func checkLines(name string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return checkLines(name, v.Elem())
		}
	case reflect.String:
		if err := control.CheckLine(v.String()); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 { // JSON or other bytes, which are no text
			return nil
		}
		for i := range v.Len() {
			if err := checkLines(name, v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			member, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !field.IsExported() || slices.Contains(severalLines, member) {
				continue
			}
			if err := checkLines(cmp.Or(member, name), v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) { write(w, status, jsonOf(v)) }

// jsonOf encodes an answer. What it is made of are structs of ours, which can be encoded.
func jsonOf(v any) plain {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // documents whose digest is known stay what they are
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("write %T: %v", v, err))
	}
	return plain{mediaType: "application/json", body: bytes.TrimSuffix(body.Bytes(), []byte("\n"))}
}

func write(w http.ResponseWriter, status int, p plain) error {
	h := w.Header()
	h.Set("Content-Type", p.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(p.body)))
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'") // for browsers that are led here: no answer is a page
	h.Set("Cache-Control", "no-store")                                             // what a caller may see is for that caller, at that moment
	w.WriteHeader(status)
	_, err := w.Write(p.body)
	return err
}

// errorBody is an error as JSON, with the members of TAXII's error message (TAXII 2.1, section 3.6) that apply.
type errorBody struct {
	Title   string         `json:"title"`
	Status  string         `json:"http_status"`
	Details map[string]any `json:"details,omitempty"`

	File *applyfile.Error `json:"apply_file,omitempty"`
}

// errInternal stands for a failure of the server in answers over the network. Its cause is in the log.
var errInternal = errors.New("the server failed; its operator finds the cause in the log, at the time of this answer")

// outward returns the error that a caller over the network sees in place of err.
func (s *Service) outward(r *http.Request, err error) error {
	if statusOf(err) != http.StatusInternalServerError {
		return err
	}
	if s.failed != nil {
		s.failed(r, err)
	}
	return errInternal
}

func writeError(w http.ResponseWriter, err error) {
	status := statusOf(err)
	body := errorBody{Title: refusedText(err), Status: strconv.Itoa(status)}
	errors.As(err, &body.File)
	var outside *agreement.OutsideError
	if errors.As(err, &outside) {
		body.Details = map[string]any{"state": outside.State}
	}
	var method *wrongMethod
	var slow *auth.SlowError
	var limit limited
	switch {
	case errors.As(err, &method):
		w.Header().Set("Allow", method.allowed)
	case errors.As(err, &slow):
		w.Header().Set("Retry-After", auth.RetryAfter(slow.After))
	case errors.As(err, &limit):
		w.Header().Set("Retry-After", auth.RetryAfter(limit.RetryAfter()))
	case status == http.StatusUnauthorized:
		w.Header()["Www-Authenticate"] = auth.Challenge()
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	if x, ok := w.(interface{ Limited(by string) }); ok && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) {
		x.Limited(body.Title)
	}
	writeJSON(w, status, body)
}

// refusedText is what a caller is told of an error, without the steps that led to it where a right is what is missing.
func refusedText(err error) string {
	var rejected *store.RejectedError
	if errors.As(err, &rejected) {
		return rejected.Error()
	}
	return agreement.Refused(err)
}

// statusOf returns the status of an error; an unknown one is the server's own failure.
func statusOf(err error) int {
	var file *applyfile.Error
	var bad *badRequest
	var query *audit.QueryError
	var events *live.QueryError
	var method *wrongMethod
	var slow *auth.SlowError
	var limit limited
	var large *http.MaxBytesError
	var rejected *store.RejectedError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &file):
		return http.StatusUnprocessableEntity
	case errors.Is(err, index.ErrUnavailable):
		return http.StatusServiceUnavailable
	case errors.As(err, &bad), errors.As(err, &query), errors.As(err, &events), errors.Is(err, index.ErrQuery):
		return http.StatusBadRequest
	case errors.As(err, &method):
		return http.StatusMethodNotAllowed
	case errors.Is(err, ErrNotFound), errors.Is(err, audit.ErrNotFound), errors.Is(err, agreement.ErrNoRole):
		return http.StatusNotFound
	case errors.As(err, &rejected), errors.Is(err, agreement.ErrNotAllowed), errors.Is(err, errOperatorsOnly), errors.Is(err, errCrossOrigin):
		return http.StatusForbidden
	case errors.Is(err, errNotJSON):
		return http.StatusUnsupportedMediaType
	case errors.Is(err, auth.ErrMissing), errors.Is(err, auth.ErrWrong):
		return http.StatusUnauthorized
	case errors.Is(err, store.ErrNotProposed), errors.Is(err, store.ErrUndecided), errors.Is(err, store.ErrStale):
		return http.StatusServiceUnavailable
	case errors.Is(err, auth.ErrBusy), errors.Is(err, live.ErrBusy), errors.Is(err, store.ErrClosed):
		return http.StatusServiceUnavailable
	case errors.As(err, &limit) && limit.Busy():
		return http.StatusServiceUnavailable
	case errors.As(err, &slow), errors.As(err, &limit):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrRefused), errors.Is(err, audit.ErrNotNoted):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}
