package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
)

// ErrNoServer: nobody serves the data folder's socket.
var ErrNoServer = errors.New("no server is running on this data folder")

// Client administers a running server through its unix socket.
type Client struct {
	dir  string
	http *http.Client
}

// Connect reaches the server that has a data folder open. Without one the error is ErrNoServer.
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
	return &Client{dir: dir, http: &http.Client{Transport: &http.Transport{DialContext: dial, IdleConnTimeout: time.Minute}}}, nil
}

// Close drops idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Apply has the server apply a file whose passwords are resolved.
func (c *Client) Apply(ctx context.Context, f *File) ([]Line, error) {
	var answer applyAnswer
	err := c.do(ctx, http.MethodPost, "apply/", applyRequest{Name: f.Name, Text: string(f.Text), Hashes: f.hashes(), Faults: f.faults}, &answer)
	return answer.Lines, err
}

// PasswordHash is the hash of an account's password, "" when it has none.
func (c *Client) PasswordHash(ctx context.Context, account string) (string, error) {
	var answer hashAnswer
	err := c.do(ctx, http.MethodGet, "accounts/"+url.PathEscape(account)+"/password-hash/", nil, &answer)
	return answer.Hash, err
}

// Agreements lists all agreements by name.
func (c *Client) Agreements(ctx context.Context) ([]Agreement, error) {
	var answer struct {
		Agreements []Agreement `json:"agreements"`
	}
	err := c.do(ctx, http.MethodGet, "agreements/", nil, &answer)
	return answer.Agreements, err
}

// Agreement finds one agreement.
func (c *Client) Agreement(ctx context.Context, name agreement.Name) (a Agreement, err error) {
	err = c.do(ctx, http.MethodGet, "agreements/"+url.PathEscape(string(name))+"/", nil, &a)
	return a, err
}

// Renew moves the end of an agreement's term.
func (c *Client) Renew(ctx context.Context, name agreement.Name, until time.Time) (Agreement, error) {
	return c.change(ctx, name, "renew", termChange{Until: agreement.FormatDate(until)})
}

// Suspend stops an agreement for a time.
func (c *Client) Suspend(ctx context.Context, name agreement.Name, reason string) (Agreement, error) {
	return c.change(ctx, name, "suspend", termChange{Reason: reason})
}

// Resume ends a suspension.
func (c *Client) Resume(ctx context.Context, name agreement.Name) (Agreement, error) {
	return c.change(ctx, name, "resume", termChange{})
}

// Terminate ends an agreement for good.
func (c *Client) Terminate(ctx context.Context, name agreement.Name, withdraw bool, reason string) (Agreement, error) {
	return c.change(ctx, name, "terminate", termChange{Withdraw: withdraw, Reason: reason})
}

func (c *Client) change(ctx context.Context, name agreement.Name, act string, body termChange) (a Agreement, err error) {
	err = c.do(ctx, http.MethodPost, "agreements/"+url.PathEscape(string(name))+"/"+act+"/", body, &a)
	return a, err
}

// do sends a request and reads the answer into v. An error that the server sends comes back as it was there.
func (c *Client) do(ctx context.Context, method, path string, body, v any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://accord/"+path, reader)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server that has %s open: %w", c.dir, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return readError(resp)
	}
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// readError is the error that writeError wrote.
func readError(resp *http.Response) error {
	var body errorBody
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.Title == "" {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	switch {
	case body.File != nil:
		return body.File
	case resp.StatusCode == http.StatusNotFound:
		return &refusal{is: ErrNotFound, message: body.Title}
	case resp.StatusCode == http.StatusConflict:
		return &refusal{is: ErrRefused, message: body.Title}
	}
	return errors.New(body.Title)
}
