package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// controlName is the socket, in the cluster's folder of the data folder, by which commands reach a node that runs. The folder's
// mode is the login.
const controlName = "control.sock"

// ErrNotRunning says that no server has the data folder open as a node of a cluster.
var ErrNotRunning = errors.New("no server runs on this data folder as a node of a cluster")

// controlTime bounds a command.
const controlTime = time.Minute

// asked is what a command asks of a node, and answered what it gets.
type asked struct {
	Name   string `json:"name,omitempty"`
	Reader bool   `json:"reader,omitempty"`
	Follow string `json:"follow,omitempty"`
}

type answered struct {
	Token string `json:"token,omitempty"`
}

// serveControl serves the socket until the node stops.
func (n *Node) serveControl() error {
	path := filepath.Join(n.config.Dir, folderName, controlName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	address, done, err := socketAddress(path)
	if err != nil {
		return err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		return fmt.Errorf("listen on %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(err, l.Close())
	}
	act := func(do func(context.Context, asked) (answered, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var q asked
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&q); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			ctx, cancel := context.WithTimeout(r.Context(), controlTime)
			defer cancel()
			a, err := do(ctx, q)
			if err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
				return
			}
			json.NewEncoder(w).Encode(a)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(n.AskStatus(r.Context())) })
	mux.HandleFunc("POST /invite", act(func(ctx context.Context, q asked) (a answered, err error) {
		if q.Follow != "" {
			a.Token, err = n.InviteFollower(ctx, q.Name, q.Follow)
		} else {
			a.Token, err = n.Invite(ctx, q.Name, q.Reader)
		}
		return a, err
	}))
	mux.HandleFunc("POST /follow", act(func(ctx context.Context, q asked) (answered, error) { return answered{}, n.Follow(ctx, q.Name) }))
	mux.HandleFunc("POST /remove", act(func(ctx context.Context, q asked) (answered, error) { return answered{}, n.Remove(ctx, q.Name) }))
	mux.HandleFunc("POST /leave", act(func(ctx context.Context, _ asked) (answered, error) { return answered{}, n.Leave(ctx) }))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: handshakeTime}
	n.ended.Go(func() {
		<-n.stop
		server.Close()
		os.Remove(path)
	})
	n.ended.Go(func() { server.Serve(l) })
	return nil
}

// maxSocketAddress is the longest path that fits in a socket's address on every Unix.
const maxSocketAddress = 103

// socketAddress is a path to a socket that fits in an address, until done is called: a long one goes by the folder's descriptor.
func socketAddress(path string) (address string, done func(), err error) {
	if len(path) <= maxSocketAddress {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), func() { dir.Close() }, nil
}

// Control is a node that runs, as commands reach it.
type Control struct{ client *http.Client }

// Connect reaches the node that has a data folder open; ErrNotRunning if none has.
func Connect(dir string) (*Control, error) {
	path := filepath.Join(dir, folderName, controlName)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		address, done, err := socketAddress(path)
		if err != nil {
			return nil, err
		}
		defer done()
		var d net.Dialer
		return d.DialContext(ctx, "unix", address)
	}
	c, err := dial(context.Background(), "", "")
	if err != nil {
		return nil, ErrNotRunning
	}
	c.Close()
	return &Control{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}, nil
}

func (c *Control) ask(ctx context.Context, method, path string, q, into any) error {
	text, err := json.Marshal(q)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://node"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	a, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return answerError(a)
	}
	return json.NewDecoder(io.LimitReader(a.Body, maxJoinHead)).Decode(into)
}

// Status returns how the cluster is, as the node sees it.
func (c *Control) Status(ctx context.Context) (*Status, error) {
	s := &Status{}
	return s, c.ask(ctx, http.MethodGet, "/status", nil, s)
}

// Invite makes a token for a node that is to join.
func (c *Control) Invite(ctx context.Context, name string, reader bool) (string, error) {
	var a answered
	err := c.ask(ctx, http.MethodPost, "/invite", asked{Name: name, Reader: reader}, &a)
	return a.Token, err
}

// InviteFollower makes a token for a node that is to have the log from another one, over HTTPS.
func (c *Control) InviteFollower(ctx context.Context, name, follow string) (string, error) {
	var a answered
	err := c.ask(ctx, http.MethodPost, "/invite", asked{Name: name, Follow: follow}, &a)
	return a.Token, err
}

// Follow has the node, a follower, follow another one.
func (c *Control) Follow(ctx context.Context, name string) error {
	return c.ask(ctx, http.MethodPost, "/follow", asked{Name: name}, &answered{})
}

// Remove removes another node for good.
func (c *Control) Remove(ctx context.Context, name string) error {
	return c.ask(ctx, http.MethodPost, "/remove", asked{Name: name}, &answered{})
}

// Leave takes the node out of the cluster.
func (c *Control) Leave(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, "/leave", asked{}, &answered{})
}
