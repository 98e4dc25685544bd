package server

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/accord-taxii/accord/taxii"
)

// A request that net/http cannot read never comes to a handler: net/http itself writes a line of plain text, with a fixed
// head. Listener has those answers become TAXII errors like all others.

// Listener makes the connections that l accepts, of plain HTTP, answer what cannot be read as HTTP with an error resource
// (TAXII 2.1, section 3.6.1), and logs it. Over TLS the answer is encrypted before it comes here, and stays text. With
// ConnContext, answers are written in one piece.
func (s *Server) Listener(l net.Listener) net.Listener {
	return listener{l, func(c net.Conn) net.Conn { return &unreadConn{&conn{Conn: c, pool: headBuffers}, s} }}
}

// unreadConn is a connection that looks for net/http's own errors in what is written.
type unreadConn struct {
	*conn
	server *Server
}

// plainHead follows the status in such an error. No answer of a handler begins so: it has an X-Request-Id at least.
var plainHead = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

// unmetHead is how net/http begins to refuse an Expect it does not know, without a body. No handler answers so.
var unmetHead = []byte("HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\n")

// Write implements net.Conn. net/http writes such an error in one piece.
func (c *unreadConn) Write(b []byte) (int, error) {
	text, ok := plainError(b)
	if !ok {
		return c.conn.Write(b)
	}
	if _, err := c.conn.Write(c.server.unread(c.Conn, text)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// plainError is what net/http says in b, if b is an error of its own.
func plainError(b []byte) (text string, ok bool) {
	if bytes.HasPrefix(b, unmetHead) {
		return "417 Expectation Failed: of the expectations only 100-continue is met", true
	}
	line := bytes.IndexByte(b[:min(len(b), 200)], '\r')
	if line < 0 || !bytes.HasPrefix(b[line:], plainHead) || !bytes.HasPrefix(b, []byte("HTTP/1.1 ")) {
		return "", false
	}
	return string(b[line+len(plainHead):]), true
}

// unread is the answer to a request that cannot be read. text is what net/http says of it: a status and perhaps a reason.
func (s *Server) unread(c net.Conn, text string) []byte {
	code, reason, _ := strings.Cut(text, " ")
	status, err := strconv.Atoi(code)
	if err != nil { // the one whose text has no status
		status, reason = http.StatusNotImplemented, text
	}
	reason = strings.TrimPrefix(reason, http.StatusText(status)+": ")
	e := taxii.Error{Title: "The request cannot be read", ErrorID: newID(), ErrorCode: "unreadable", HTTPStatus: strconv.Itoa(status)}
	switch {
	case status == http.StatusRequestHeaderFieldsTooLarge:
		e.Description = "the header has more octets than are read here; send fewer or shorter fields, or a shorter query"
	case reason == http.StatusText(status):
		e.Description = "the request line or the header is not HTTP/1.1 (RFC 9112); look for stray bytes, and for a % in the path that two hexadecimal digits do not follow"
	default:
		e.Description = "the request is not HTTP/1.1 as it is read here (RFC 9112): " + reason
	}
	s.log.Info().Str("request", e.ErrorID).Int("status", status).Str("why", reason).Str("remote", c.RemoteAddr().String()).Msg("request that cannot be read")
	body, err := json.Marshal(&e)
	if err != nil {
		return nil
	}
	h := http.Header{
		"Content-Type": taxiiType, "Content-Length": {strconv.Itoa(len(body))}, "Cache-Control": noStore, "Connection": {"close"},
		"Content-Security-Policy": noContent, "X-Content-Type-Options": noSniff, "X-Request-Id": {e.ErrorID},
		"Date": {time.Now().UTC().Format(http.TimeFormat)},
	}
	var answer bytes.Buffer
	answer.WriteString("HTTP/1.1 " + e.HTTPStatus + " " + http.StatusText(status) + "\r\n")
	h.Write(&answer)
	answer.WriteString("\r\n")
	answer.Write(body)
	return answer.Bytes()
}
