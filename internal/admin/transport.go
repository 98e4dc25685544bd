package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// ErrNoServer is the error of Connect when no server listens on the data folder's socket.
var ErrNoServer = errors.New("no server is running on this data folder")

// Connect reaches the server that has a data folder open, through its socket. Without one the error is ErrNoServer.
func Connect(dir string) (*Client, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		address, done, err := shortAddress(filepath.Join(dir, SocketName))
		if err != nil {
			return nil, err
		}
		defer done()
		var d net.Dialer
		return d.DialContext(ctx, "unix", address)
	}
	conn, err := dial(context.Background(), "", "")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("connect to %s: %w", filepath.Join(dir, SocketName), ErrNoServer)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	conn.Close()
	transport := &http.Transport{DialContext: dial, IdleConnTimeout: time.Minute}
	return &Client{
		http: &http.Client{Transport: transport}, base: "http://accord/", peer: "the server that has " + dir + " open",
		close: func() error { transport.CloseIdleConnections(); return nil },
	}, nil
}

// NewClient returns a client of a server that is reached over the network. base is what BaseURL returns; the transport
// adds credentials.
func NewClient(base string, transport http.RoundTripper) *Client {
	return &Client{
		http: &http.Client{Transport: transport, CheckRedirect: noRedirect}, base: base, peer: "the server", remote: true,
		close: func() error { return nil },
	}
}

// noRedirect leaves redirects alone: nothing below /accord/v1/ answers with one.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Client returns a client that asks this service without a connection, as the socket would. Closing it waits for what is
// under way.
func (s *Service) Client() *Client {
	transport := &inProcess{handler: s.local()}
	return &Client{
		http: &http.Client{Transport: transport}, base: "http://accord/", peer: "the data folder " + s.store.Dir(),
		close: func() error { transport.busy.Wait(); return nil },
	}
}

// inProcess is a transport to a handler in the same process.
type inProcess struct {
	handler http.Handler
	busy    sync.WaitGroup
}

// RoundTrip has the handler answer, in a goroutine that ends when the answer is complete or its body closed.
func (t *inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	body, pipe := io.Pipe()
	answer := &pipedAnswer{header: http.Header{}, trailer: http.Header{}, pipe: pipe, started: make(chan struct{})}
	served := req.Clone(context.WithValue(ctx, peerKey{}, self()))
	if served.Body == nil {
		served.Body = http.NoBody
	}
	t.busy.Go(func() {
		t.handler.ServeHTTP(answer, served)
		answer.finish()
		served.Body.Close()
	})
	select {
	case <-answer.started:
	case <-ctx.Done():
		cancel()
		body.Close()
		return nil, ctx.Err()
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", answer.status, http.StatusText(answer.status)), StatusCode: answer.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: answer.sent, Trailer: answer.trailer,
		ContentLength: -1, Body: &pipedBody{body, cancel}, Request: req,
	}, nil
}

// pipedBody is the body of an answer. Closing it tells the handler that the rest is not wanted.
type pipedBody struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *pipedBody) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

// pipedAnswer is a ResponseWriter into a pipe.
type pipedAnswer struct {
	header  http.Header
	sent    http.Header // a copy, from when the answer began
	status  int
	trailer http.Header // complete when the body ends
	pipe    *io.PipeWriter
	started chan struct{} // closed once status and sent are set
}

func (a *pipedAnswer) Header() http.Header { return a.header }

func (a *pipedAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status, a.sent = status, a.header.Clone()
		close(a.started)
	}
}

func (a *pipedAnswer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.pipe.Write(b)
}

// Flush makes a pipedAnswer an http.Flusher: what is written is read at once.
func (a *pipedAnswer) Flush() { a.WriteHeader(http.StatusOK) }

// finish ends the answer. The trailer is set before the reader sees the end of the body.
func (a *pipedAnswer) finish() {
	a.WriteHeader(http.StatusOK)
	for _, name := range a.sent.Values("Trailer") {
		a.trailer[http.CanonicalHeaderKey(name)] = a.header.Values(name)
	}
	a.pipe.Close()
}
