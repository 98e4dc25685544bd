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

// A request that net/http cannot read never reaches a handler: net/http itself writes a line of plain text, with a fixed
// head. Listener turns those answers into TAXII errors.

// Listener wraps a listener for plain HTTP: what cannot be read as HTTP is logged and answered with an error resource
// (TAXII 2.1, section 3.6.1). Over TLS that answer is encrypted before it comes here, and stays text. With ConnContext,
// answers are written in one piece.
func (s *Server) Listener(l net.Listener) net.Listener {
	return listener{l, func(c net.Conn) net.Conn { return &protocolErrorConn{&conn{Conn: c, pool: headBuffers}, s} }}
}

// protocolErrorConn is a connection that finds net/http's own errors in what is written.
type protocolErrorConn struct {
	*conn
	server *Server
}

// plainHead follows the status in such an error. An answer of a handler never begins so: it has an X-Request-Id.
var plainHead = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

// unmetHead begins net/http's answer to an unknown Expect, which has no body. No handler answers so.
var unmetHead = []byte("HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\n")

// Write implements net.Conn. net/http writes such an error in one piece.
func (c *protocolErrorConn) Write(b []byte) (int, error) {
	text, ok := plainError(b)
	if !ok {
		return c.conn.Write(b)
	}
	if _, err := c.conn.Write(c.server.protocolError(c.Conn, text)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// plainError returns the text of net/http's own error in b, if it is one.
func plainError(b []byte) (text string, ok bool) {
	if bytes.HasPrefix(b, unmetHead) {
		return "417 Expectation Failed: only the expectation 100-continue is supported", true
	}
	line := bytes.IndexByte(b[:min(len(b), 200)], '\r')
	if line < 0 || !bytes.HasPrefix(b[line:], plainHead) || !bytes.HasPrefix(b, []byte("HTTP/1.1 ")) {
		return "", false
	}
	return string(b[line+len(plainHead):]), true
}

// protocolError is the answer to a request that cannot be read. text is net/http's: a status and perhaps a reason.
func (s *Server) protocolError(c net.Conn, text string) []byte {
	code, reason, _ := strings.Cut(text, " ")
	status, err := strconv.Atoi(code)
	if err != nil { // the one whose text has no status
		status, reason = http.StatusNotImplemented, text
	}
	reason = strings.TrimPrefix(reason, http.StatusText(status)+": ")
	e := taxii.Error{Title: "The request cannot be read", ErrorID: newID(), ErrorCode: "unreadable", HTTPStatus: strconv.Itoa(status)}
	switch {
	case status == http.StatusRequestHeaderFieldsTooLarge:
		e.Description = "the header has more octets than the server reads; send fewer or shorter fields, or a shorter query"
	case reason == http.StatusText(status):
		e.Description = "the request line or the header is not HTTP/1.1 (RFC 9112); look for stray bytes, and for a % in the path that two hexadecimal digits do not follow"
	default:
		e.Description = "the request is not valid HTTP/1.1 (RFC 9112): " + reason
	}
	s.log.Info().Str("request", e.ErrorID).Int("status", status).Str("why", reason).Str("remote", c.RemoteAddr().String()).Msg("unreadable request")
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
