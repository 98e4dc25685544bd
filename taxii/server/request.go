package server

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/budget"
	"github.com/accord-taxii/accord/taxii"
)

// request is one request and its answer. It is the ResponseWriter that everything below writes to.
type request struct {
	http.ResponseWriter

	id     string // of the request: in the answer's X-Request-Id, its error_id, and the log
	caller agreement.Caller
	route  string // the route's name; "" when none matched
	allow  string // the methods of that route, once the answer is a refusal
	began  time.Time
	limits *Limits
	usage  *accountUsage      // nil until the account is known
	memory budget.Reservation // of the body and the answer
	conn   *conn              // nil: writes cannot be joined

	mounted    bool      // a mounted package writes the answer
	unroutable bool      // its path leads nowhere, whatever the routes say
	pages      pageRules // of its account; zero values leave them to the API root
	unknown    []string  // names of query parameters that mean nothing
	limit      string    // which limit the request reached

	values []string // of the headers; the answer keeps them after the request has ended

	status int // 0 until the header was written
	bytes  int64
}

var requests = sync.Pool{New: func() any { return new(request) }}

// begin starts the answer to a request; end finishes it.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) *request {
	x := requests.Get().(*request)
	*x = request{ResponseWriter: w, id: newID(), began: time.Now(), limits: &s.limits, conn: connOf(r)}
	x.values = make([]string, 0, 4)
	h := w.Header()
	x.set(h, "X-Request-Id", x.id)
	h["X-Content-Type-Options"] = noSniff
	return x
}

// newID draws an id that tells requests apart; it protects nothing.
func newID() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64())
	var text [16]byte
	hex.Encode(text[:], b[:])
	return string(text[:])
}

// set gives a header one value. The values of an answer share one piece of memory.
func (x *request) set(h http.Header, name, value string) {
	x.values = append(x.values, value)
	h[name] = x.values[len(x.values)-1 : len(x.values) : len(x.values)]
}

func requestOf(c echo.Context) *request { return c.Response().Writer.(*request) }

// WriteHeader implements http.ResponseWriter.
func (x *request) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *request) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	if x.mounted && len(b) > smallAnswer {
		x.expectReader(len(b))
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (x *request) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// The values of headers that are the same in every answer, so that setting one allocates nothing.
var (
	taxiiType = []string{taxii.MediaType}
	noStore   = []string{"no-store"}
	noSniff   = []string{"nosniff"}
	noContent = []string{"default-src 'none'; frame-ancestors 'none'"} // for browsers that are led here: no answer is a page
)

// smallAnswer is a size that fits into the buffers of a connection: writing it seldom waits for the client, and the
// http.Server's own timeout bounds that.
const smallAnswer = 16 << 10

// write sends a TAXII resource, whose JSON is body, in one piece.
func (x *request) write(status int, body []byte) error {
	h := x.Header()
	h["Content-Type"] = taxiiType
	h["Content-Security-Policy"] = noContent
	h["Cache-Control"] = noStore // what a caller may see is for that caller, at that moment
	x.set(h, "Content-Length", strconv.Itoa(len(body)))
	if len(body) > smallAnswer {
		x.expectReader(len(body))
	}
	x.WriteHeader(status)
	var err error
	if x.conn != nil && len(body) > oneWrite {
		x.conn.buffer()
		_, err = x.Write(body)
		err = errors.Join(err, x.conn.release())
	} else {
		_, err = x.Write(body)
	}
	if err != nil {
		return &goneError{err}
	}
	return nil
}

// expectReader gives the client the time to read so many bytes; then the connection is closed.
func (x *request) expectReader(bytes int) {
	take := x.limits.AnswerTime + time.Duration(bytes/x.limits.AnswerRate)*time.Second
	http.NewResponseController(x).SetWriteDeadline(time.Now().Add(take))
}

// oneWrite is the size of a body that net/http writes together with the head anyway.
const oneWrite = 2 << 10

// compresses reports whether the answer to r, of so many bytes, is compressed, and sets the headers that say so.
func (x *request) compresses(r *http.Request, size int) bool {
	if size < leastCompressed {
		return false
	}
	h := x.Header()
	h["Vary"] = append(h["Vary"], varyCoding...)
	if !takesGzip(r.Header["Accept-Encoding"]) {
		return false
	}
	h["Content-Encoding"] = gzipCoding
	return true
}

// writeJSON sends a TAXII resource that is rare or small.
func (x *request) writeJSON(status int, resource any) error {
	body, err := encodeJSON(resource)
	if err != nil {
		return err
	}
	return x.write(status, body)
}

func encodeJSON(resource any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(resource); err != nil {
		return nil, fmt.Errorf("write %T: %w", resource, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// goneError says that the client went away while it was being answered, so that it cannot be told.
type goneError struct{ err error }

func (e *goneError) Error() string { return "write the answer: " + e.err.Error() }
func (e *goneError) Unwrap() error { return e.err }

// end answers a panic, writes the log line and recycles the request.
func (s *Server) end(x *request, r *http.Request) {
	if cause := recover(); cause != nil {
		if cause == http.ErrAbortHandler { // how net/http is told to drop a connection
			panic(cause)
		}
		s.log.Error().Str("request", x.id).Interface("panic", cause).Bytes("stack", debug.Stack()).Msg("a handler panicked")
		s.refuse(x, r, errPanic)
	}
	level := zerolog.InfoLevel
	if x.status == http.StatusInternalServerError {
		level = zerolog.ErrorLevel
	} else if x.status > http.StatusInternalServerError {
		level = zerolog.WarnLevel
	}
	line := s.log.WithLevel(level)
	line.Str("request", x.id).Str("method", r.Method).Str("path", r.URL.Path).Str("route", x.route).
		Int("status", x.status).Int64("bytes", x.bytes).Dur("took", time.Since(x.began)).
		Str("account", string(x.caller.Account)).Str("remote", r.RemoteAddr).Msg("request")
	if s.observed != nil {
		o := Observation{Route: x.route, Method: r.Method, Status: x.status, Took: time.Since(x.began), Unknown: len(x.unknown)}
		if x.status == http.StatusTooManyRequests || x.status == http.StatusServiceUnavailable {
			o.Caller, o.Address, o.Limit = x.caller, s.Address(r), x.limit
		}
		s.observed(o)
	}
	*x = request{}
	requests.Put(x)
}
