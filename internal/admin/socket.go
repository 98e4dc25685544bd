package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// SocketName is the name of the unix socket in a data folder.
const SocketName = "admin.sock"

// Socket serves administration at DIR/admin.sock to every process that may use the data folder: the file's mode is the
// login.
type Socket struct {
	path   string
	server *http.Server
	done   chan error
}

// Listen begins to serve the socket, until Close. The caller has the store open for writing, so a file in the socket's
// place is left over from a process that has ended.
func (s *Service) Listen() (*Socket, error) {
	path := filepath.Join(s.store.Dir(), SocketName)
	listener, err := listenPrivately(path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	k := &Socket{
		path:   path,
		server: &http.Server{Handler: s.local(), ConnContext: withPeer, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute},
		done:   make(chan error, 1),
	}
	go func() { k.done <- k.server.Serve(listener) }()
	return k, nil
}

// local serves all routes to callers at the machine.
func (s *Service) local() http.Handler {
	handler := s.withBackup(s.handler("/", true))
	return againstForgery(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, withCaller(r, localCaller(r))) }))
}

// Path returns the path of the socket.
func (k *Socket) Path() string { return k.path }

// Close stops taking requests, lets those in flight finish until ctx ends, and removes the socket.
func (k *Socket) Close(ctx context.Context) error {
	err := k.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, k.server.Close())
	}
	if served := <-k.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if removed := os.Remove(k.path); removed != nil && !os.IsNotExist(removed) {
		err = errors.Join(err, removed)
	}
	if err != nil {
		return fmt.Errorf("close %s: %w", k.path, err)
	}
	return nil
}

// listenPrivately makes the socket in a folder that other users cannot enter and moves it to its place once its mode is set:
// between bind and chmod it would be anyone's.
func listenPrivately(path string) (net.Listener, error) {
	private := filepath.Join(filepath.Dir(path), ".admin")
	if err := os.RemoveAll(private); err != nil {
		return nil, err
	}
	if err := os.Mkdir(private, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	made := filepath.Join(private, SocketName)
	address, done, err := shortAddress(made)
	if err != nil {
		return nil, err
	}
	defer done()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // it does not stay where it was made
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// maxAddress is the longest path that fits in a socket's address on every Unix.
const maxAddress = 103

// shortAddress is a path to a socket that fits in an address, valid until done is called: what is too long goes by the
// folder's descriptor, where the system shows those as files.
func shortAddress(path string) (address string, done func(), err error) {
	if len(path) <= maxAddress {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), func() { dir.Close() }, nil
}
