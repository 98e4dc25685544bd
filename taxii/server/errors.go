package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

var (
	errHost     = errors.New("this server does not serve the host that the request names")
	errPanic    = errors.New("a handler panicked")
	errRevealed = errors.New("this account has no role in the agreement of this collection")
	errLost     = errors.New("the file of this agreement cannot be read; its operator has to repair it or restore it from a backup")
	errTheirs   = errors.New("the object belongs to another party, and only its owner deletes it")
)

// missingError says that something does not exist, or not for this caller.
type missingError struct{ text string }

func (e *missingError) Error() string { return e.text }

func missing(format string, args ...any) error {
	return &missingError{fmt.Sprintf(format, args...)}
}

// tooLargeError says that a body has more octets than its API root takes.
type tooLargeError struct{ most int64 }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the body has more than %d octets, which is this API root's max_content_length; send the objects in several smaller envelopes", e.most)
}

// bodyError says that a body ended early.
type bodyError struct{ err error }

func (e *bodyError) Error() string {
	return "the body ended early, and nothing of it was used: " + e.err.Error()
}
func (e *bodyError) Unwrap() error { return e.err }

// meanings is the table of errors: what each means in HTTP. The first row that applies decides; an error without a row is
// the server's own failure.
var meanings = []struct {
	applies func(error) bool
	status  int
	code    string // error_code: the kind of error, for programs
	title   string
}{
	{is(errHost), http.StatusMisdirectedRequest, "host", "The host is another one"},
	{is(auth.ErrMissing), http.StatusUnauthorized, "credentials-missing", "Credentials are needed"},
	{is(auth.ErrWrong), http.StatusUnauthorized, "credentials-wrong", "The credentials are not accepted"},
	{is(auth.ErrBusy), http.StatusServiceUnavailable, "busy", "Too many logins at once"},
	{as[*auth.SlowError], http.StatusTooManyRequests, "login-slow", "Too many wrong passwords"},
	{limitIs(http.StatusTooManyRequests), http.StatusTooManyRequests, "account-limit", "Too many requests"},
	{limitIs(http.StatusServiceUnavailable), http.StatusServiceUnavailable, "busy", "The server is busy"},
	{is(echo.ErrMethodNotAllowed), http.StatusMethodNotAllowed, "method", "The method is not offered here"},
	{as[*taxii.NotAcceptableError], http.StatusNotAcceptable, "not-acceptable", "No acceptable media type"},
	{as[*missingError], http.StatusNotFound, "not-found", "Not found"},
	{is(echo.ErrNotFound), http.StatusNotFound, "not-found", "Not found"},
	{is(agreement.ErrNoRole), http.StatusNotFound, "not-found", "Not found"}, // not to reveal that it exists
	{is(agreement.ErrNotAllowed), http.StatusForbidden, "forbidden", "Not allowed"},
	{is(errRevealed), http.StatusForbidden, "forbidden", "Not allowed"},
	{as[*store.RejectedError], http.StatusForbidden, "forbidden", "Not allowed"}, // since the request began
	{is(errTheirs), http.StatusForbidden, "forbidden", "Not allowed"},
	{as[*taxii.UnsupportedMediaError], http.StatusUnsupportedMediaType, "media-type", "The body has an unsupported media type"},
	{as[*tooLargeError], http.StatusRequestEntityTooLarge, "too-large", "The body is too large"},
	{as[*taxii.ParameterError], http.StatusBadRequest, "parameter", "A query parameter is malformed"},
	{is(os.ErrDeadlineExceeded), http.StatusRequestTimeout, "body-slow", "The body took too long to arrive"},
	{as[*bodyError], http.StatusBadRequest, "body-incomplete", "The body is incomplete"},
	{as[*taxii.SplitError], http.StatusUnprocessableEntity, "envelope", "The body is not an envelope of STIX objects"},
	{as[*ingest.NotJSONError], http.StatusUnprocessableEntity, "not-json", "The body is not JSON"},
	{is(errLost), http.StatusServiceUnavailable, "storage", "The agreement is not available"},
	{as[*notReadyError], http.StatusServiceUnavailable, "cluster", "This node of the cluster is not ready"},
	{as[*behindError], http.StatusServiceUnavailable, "cluster", "This node of the cluster is behind"},
	{is(store.ErrNotProposed), http.StatusServiceUnavailable, "cluster", "The cluster takes no writes here now"},
	{is(store.ErrUndecided), http.StatusServiceUnavailable, "cluster", "It is not known whether it is kept"},
	{as[*store.TooLargeError], http.StatusRequestEntityTooLarge, "too-large", "The body is too large"},
	{is(store.ErrStale), http.StatusServiceUnavailable, "busy", "The agreement's terms keep changing"},
	{is(store.ErrClosed), http.StatusServiceUnavailable, "closing", "The server is closing"},
	{is(context.Canceled), http.StatusServiceUnavailable, "given-up", "The request was given up"},
	{is(context.DeadlineExceeded), http.StatusServiceUnavailable, "given-up", "The request took too long"},
}

// diskErrors are the answers when the disk fails a request. The log has the details.
var diskErrors = map[store.DiskError]struct {
	status      int
	title, text string
}{
	store.Full: {http.StatusInsufficientStorage, "The server's disk is full",
		"nothing of the request was kept; what was kept before can be read; send it again once the operator has made room"},
	store.Failing: {http.StatusServiceUnavailable, "The server's disk fails",
		"nothing of the request was answered with success; what was kept before can be read; send it again later"},
	store.Damaged: {http.StatusServiceUnavailable, "A file of this agreement is damaged",
		"its operator has to repair it or restore it from a backup; other agreements are not affected"},
}

// is returns a matcher for a sentinel.
func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// as is a matcher of an error type.
func as[T error](err error) bool {
	var e T
	return errors.As(err, &e)
}

// refuse is the only place where an error becomes an answer: a TAXII error resource (TAXII 2.1, section 3.6.1), whatever
// went wrong and wherever. The server's own failures go to the log; the client gets an id to ask about.
func (s *Server) refuse(x *request, r *http.Request, cause error) {
	if as[*goneError](cause) || x.status != 0 {
		s.log.Debug().Str("request", x.id).Err(cause).Msg("the answer was cut short")
		return
	}
	status, e := http.StatusInternalServerError, taxii.Error{
		Title:       "The server failed",
		Description: "The request may well be right. The operator finds the cause in the log under the error_id.",
		ErrorCode:   "internal",
	}
	known := false
	for i := range meanings {
		if m := &meanings[i]; m.applies(cause) {
			known, status = true, m.status
			e = taxii.Error{Title: m.title, Description: refusedText(cause), ErrorCode: m.code}
			break
		}
	}
	if t := store.DiskErrorOf(cause); !known && t != store.NoDiskError {
		known, status = true, diskErrors[t].status
		e = taxii.Error{Title: diskErrors[t].title, Description: diskErrors[t].text, ErrorCode: "storage"}
		s.log.Error().Str("request", x.id).Str("route", x.route).Err(cause).Str("advice", t.Advice()).Msg("the disk failed a request")
	}
	if !known && !errors.Is(cause, errPanic) {
		s.log.Error().Str("request", x.id).Str("route", x.route).Err(cause).Msg("a request failed")
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		x.limit = e.Description
	}
	if wait := retryAfter(cause); wait > 0 {
		x.Header().Set("Retry-After", auth.RetryAfter(wait))
	}
	s.explain(x, r, status, &e)
	e.ErrorID, e.HTTPStatus = x.id, strconv.Itoa(status)
	large := new(tooLargeError)
	switch {
	case errors.As(cause, &large) && x.answerFirst(r): // a client that waits for the answer sends no more before it
		defer x.drain(r, large.most)
	case !as[*bodyError](cause): // after which no more of it comes
		x.drain(r, drainBytes)
	}
	if err := x.writeJSON(status, &e); err != nil {
		s.log.Debug().Str("request", x.id).Err(err).Msg("the answer was cut short")
	}
}

// refusedText is what a client is told of an error that has a meaning. What the store says about an account or a right comes
// wrapped in the steps that led there, which are the server's own.
func refusedText(cause error) string {
	var rejected *store.RejectedError
	if errors.As(cause, &rejected) {
		return rejected.Error()
	}
	return agreement.Refused(cause)
}

// answerFirst prepares to answer while the body of the request still arrives; the answer is the last on its connection.
func (x *request) answerFirst(r *http.Request) bool {
	if http.NewResponseController(x).EnableFullDuplex() != nil {
		return false
	}
	if r.ProtoMajor == 1 {
		x.Header()["Connection"] = []string{"close"}
	}
	return true
}

// retryAfter is how long to wait before a request is repeated, for errors that know (RFC 9110, section 10.2.3).
func retryAfter(cause error) time.Duration {
	var limit *limitError
	var slow *auth.SlowError
	switch {
	case errors.As(cause, &limit):
		return limit.after
	case errors.As(cause, &slow):
		return slow.After
	}
	return retrying(cause)
}

// explain adds the headers that a status requires, and a description where the error has none.
func (s *Server) explain(x *request, r *http.Request, status int, e *taxii.Error) {
	h := x.Header()
	switch status {
	case http.StatusUnauthorized:
		h["Www-Authenticate"] = auth.Challenge()
		sayVersion(r, e)
	case http.StatusServiceUnavailable, http.StatusInsufficientStorage:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", "1")
		}
	case http.StatusNotFound:
		if e.Description == echo.ErrNotFound.Error() {
			e.Description = fmt.Sprintf("there is nothing at %s; discovery is at /taxii2/", r.URL.Path)
		}
	case http.StatusMethodNotAllowed:
		h.Set("Allow", x.allow)
		e.Description = fmt.Sprintf("%s is not offered here, only %s", r.Method, x.allow)
		sayVersion(r, e)
	}
}

// sayVersion tells a client of TAXII 1, which posts XML to any path, that it has the wrong server.
func sayVersion(r *http.Request, e *taxii.Error) {
	if r.Header.Get("X-TAXII-Content-Type") != "" || r.Header.Get("X-TAXII-Services") != "" {
		e.Description += ". This is a TAXII 2.1 server; a client of TAXII 1 needs another server, or a newer client"
	}
}

// A client that is still sending when the connection closes often never sees the answer. So the rest of a refused body is
// read, within these bounds.
const (
	drainBytes = 1 << 20
	drainTime  = 10 * time.Second
)

// drain reads the rest of a refused body, up to a number of octets. It reads nothing from unknown callers, nor from a client
// that waits for 100 Continue (Expect), which never sends.
func (x *request) drain(r *http.Request, most int64) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	connection := http.NewResponseController(x)
	connection.SetReadDeadline(time.Now().Add(drainTime)) // for what net/http itself reads, too
	if x.status != 0 {
		connection.Flush()
	}
	if x.caller.Account != "" && r.Header.Get("Expect") == "" {
		io.CopyN(io.Discard, r.Body, most)
	}
}
