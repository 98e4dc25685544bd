package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// pacedBody is a body that has to arrive at a least rate, so that a client that stalls does not hold memory and a place
// among the requests for as long as a slow one may. After bodyGrace, the octets that came must have made up for the time
// since: as a deadline, that is one more second for each Limits.BodyRate octets.
type pacedBody struct {
	body       io.ReadCloser
	connection *http.ResponseController
	rate       int64 // octets a second; below 1: none is asked for
	began      time.Time
	last       time.Time // no octet counts after it
	deadline   time.Time // as it is set
	read       int64
	late       bool // its time passed before its end
}

// bodyGrace is the time before a body is held to its rate.
const bodyGrace = 10 * time.Second

// pace makes the body of a request a paced one.
func (s *Server) pace(x *request, r *http.Request) *pacedBody {
	now := time.Now()
	p := &pacedBody{body: r.Body, connection: http.NewResponseController(x), rate: int64(s.limits.BodyRate), began: now, last: now.Add(s.limits.BodyTime)}
	p.expect()
	return p
}

// expect sets the deadline of the next read.
func (p *pacedBody) expect() {
	deadline := p.last
	if p.rate > 0 {
		owed := time.Duration(p.read / p.rate)
		if owed < p.last.Sub(p.began)/time.Second {
			if at := p.began.Add(bodyGrace + owed*time.Second); at.Before(deadline) {
				deadline = at
			}
		}
	}
	if !deadline.Equal(p.deadline) {
		p.deadline = deadline
		p.connection.SetReadDeadline(deadline)
	}
}

// Read implements io.Reader.
func (p *pacedBody) Read(b []byte) (int, error) {
	n, err := p.body.Read(b)
	p.read += int64(n)
	if err == nil {
		p.expect()
	}
	p.late = p.late || errors.Is(err, os.ErrDeadlineExceeded)
	return n, err
}

// Close implements io.Closer.
func (p *pacedBody) Close() error { return p.body.Close() }

// done ends the pacing: the body has arrived.
func (p *pacedBody) done() { p.connection.SetReadDeadline(time.Time{}) }
