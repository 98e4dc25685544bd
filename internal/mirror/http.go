package mirror

import (
	"io"
	"net/http"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
)

// HTTP returns a client that logs in at a remote server as terms say, for one goroutine. Answers are bounded, and redirects to
// other hosts not followed.
func HTTP(r *agreement.Remote, secret string) (*http.Client, error) {
	made, err := newRemote(r, secret, time.Now)
	if err != nil {
		return nil, err
	}
	client := *made.client
	client.Transport = &loggingIn{made}
	return &client, nil
}

// loggingIn adds credentials to requests.
type loggingIn struct{ *remote }

// RoundTrip implements http.RoundTripper.
func (t *loggingIn) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.once(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !t.login.renew() || req.GetBody == nil {
		return resp, err
	}
	resp.Body.Close()
	again := req.Clone(req.Context())
	if again.Body, err = req.GetBody(); err != nil {
		return nil, err
	}
	return t.once(again)
}

func (t *loggingIn) once(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if err := t.login.add(req.Context(), req); err != nil {
		return nil, err
	}
	resp, err := t.client.Transport.RoundTrip(req)
	if err != nil {
		return nil, connectionFault(req.Context(), err)
	}
	resp.Body = &bounded{io.LimitReader(resp.Body, t.most), resp.Body}
	return resp, nil
}

// CloseIdleConnections lets go of connections.
func (t *loggingIn) CloseIdleConnections() { t.close() }

// bounded is the body of an answer, up to a bound.
type bounded struct {
	io.Reader
	io.Closer
}
