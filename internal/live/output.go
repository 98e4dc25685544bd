package live

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A stream over HTTP/1 takes its connection over: nothing of the HTTP server is left of it then but the connection, so that a stream on
// which nothing happens takes a few kilobytes. Other streams are written as answers.

// output is where a stream is written.
type output interface {
	// write sends a piece, within a time: it fails when the reader takes longer.
	write(p piece, within time.Duration) error

	// finish ends the answer as one that is whole.
	finish(within time.Duration)

	// close lets go of what the stream is written to.
	close()
}

// piece is events that are written at once, in the frame of a chunk of HTTP/1.1.
type piece struct {
	framed []byte
	head   int // of the frame, before the events
}

// newPiece frames events.
func newPiece(events []byte) piece {
	b := make([]byte, 0, len(events)+12)
	b = append(strconv.AppendUint(b, uint64(len(events)), 16), "\r\n"...)
	head := len(b)
	return piece{append(append(b, events...), "\r\n"...), head}
}

func (p piece) events() []byte { return p.framed[p.head : len(p.framed)-2] }

// answer is an output by way of the HTTP server.
type answer struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// write gives each piece its own time, whatever else the server bounds an answer by.
func (a *answer) write(p piece, within time.Duration) error {
	a.rc.SetWriteDeadline(time.Now().Add(within)) // an answer within the process has none
	if _, err := a.w.Write(p.events()); err != nil {
		return err
	}
	if err := a.rc.Flush(); err != nil {
		return err
	}
	a.rc.SetWriteDeadline(time.Time{}) // HTTP/2 ends a stream whose deadline passes while nothing is written
	return nil
}

func (a *answer) finish(within time.Duration) { a.rc.SetWriteDeadline(time.Now().Add(within)) }

func (a *answer) close() {}

// taken is a connection that a stream has taken over from the HTTP server, after the head of the answer.
type taken struct {
	conn    net.Conn
	chunked bool // by the protocol of the request
	closed  func(net.Conn)
}

// takeOver takes over the connection of a request whose answer has begun; nil if it cannot be.
func takeOver(w http.ResponseWriter, r *http.Request, closed func(net.Conn)) (*taken, error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	return &taken{conn: conn, chunked: r.ProtoAtLeast(1, 1), closed: closed}, nil
}

// canTakeOver reports whether the connection of a request can be taken over, before anything is written.
func canTakeOver(w http.ResponseWriter, r *http.Request) bool {
	if r.ProtoMajor != 1 || r.Method != http.MethodGet {
		return false
	}
	for {
		if _, can := w.(http.Hijacker); can {
			return true
		}
		wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = wrapped.Unwrap()
	}
}

func (t *taken) write(p piece, within time.Duration) error {
	t.conn.SetWriteDeadline(time.Now().Add(within))
	b := p.framed
	if !t.chunked {
		b = p.events()
	}
	_, err := t.conn.Write(b)
	return err
}

func (t *taken) finish(within time.Duration) {
	if t.chunked {
		t.conn.SetWriteDeadline(time.Now().Add(within))
		t.conn.Write([]byte("0\r\n\r\n")) // a reader that has gone needs no end
	}
}

func (t *taken) close() {
	t.conn.Close()
	t.closed(t.conn)
}

// watch ends a context when the reader closes the connection. What a reader sends is not read: it has nothing to say.
func (t *taken) watch(gone context.CancelFunc) {
	var b [1]byte
	if _, err := t.conn.Read(b[:]); err != nil {
		gone()
	}
}

// detached is a request that outlives its handler: what is needed to find out anew who sent it.
func detached(ctx context.Context, r *http.Request) *http.Request {
	kept := r.WithContext(ctx)
	kept.Body, kept.GetBody, kept.Response, kept.Form, kept.PostForm, kept.MultipartForm = http.NoBody, nil, nil, nil, nil, nil
	return kept
}

// errTaken would be a mistake of this package: the answer had begun, and its connection could not be taken over.
var errTaken = errors.New("take over the connection")
