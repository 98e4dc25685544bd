package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
)

// Client asks a Service to administer, wherever it runs: the transport decides how the requests reach it.
type Client struct {
	http  *http.Client
	base  string // URL of the routes, with a slash at its end
	peer  string // for errors: whom the client asks
	close func() error

	remote bool   // reached over the network
	by     string // sent with each request; see By
}

// By has what the client does recorded as done by a name, beside the user of the operating system. A server that is reached
// over the network records the account instead.
func (c *Client) By(name string) { c.by = name }

// Close lets go of the transport.
func (c *Client) Close() error { return c.close() }

// Audit returns a client for history that asks the same service.
func (c *Client) Audit() *audit.Client { return &audit.Client{Fetch: c.fetch} }

// NameKeys makes the signing key under a name. Keys that were made under another name are an error.
func (c *Client) NameKeys(ctx context.Context, name string) (list audit.KeyList, err error) {
	return list, c.do(ctx, http.MethodPost, "keys/", map[string]string{"name": name}, &list)
}

// ReplaceLostKeys makes a signing key in a data folder that has lost its own.
func (c *Client) ReplaceLostKeys(ctx context.Context, name string) (list audit.KeyList, err error) {
	return list, c.do(ctx, http.MethodPost, "keys/", map[string]string{"name": name, "replace": "lost"}, &list)
}

// RotateKey retires the signing key and makes its successor.
func (c *Client) RotateKey(ctx context.Context) (list audit.KeyList, err error) {
	return list, c.do(ctx, http.MethodPost, "keys/rotate/", nil, &list)
}

// do sends a request and reads the answer into v.
func (c *Client) do(ctx context.Context, method, path string, body, v any) error {
	return c.send(ctx, method, path, body, func(resp *http.Response) error {
		if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		return nil
	})
}

// fetch reads the answer to a GET as it is.
func (c *Client) fetch(ctx context.Context, path string) (text []byte, err error) {
	err = c.send(ctx, http.MethodGet, path, nil, func(resp *http.Response) (err error) {
		text, err = io.ReadAll(resp.Body)
		return err
	})
	return text, err
}

// stream reads a long answer. When the server failed halfway, its error is returned instead of that of reading.
func (c *Client) stream(ctx context.Context, path string, read func(io.Reader) error) error {
	return c.streamTo(ctx, http.MethodGet, path, read)
}

func (c *Client) streamTo(ctx context.Context, method, path string, read func(io.Reader) error) error {
	return c.send(ctx, method, path, nil, func(resp *http.Response) error {
		err := read(resp.Body)
		io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // the trailer comes after it
		if text, _ := url.QueryUnescape(resp.Trailer.Get(failedTrailer)); text != "" {
			return errors.New(text)
		}
		return err
	})
}

// send sends a request and has read take the answer. An error that the server sends comes back as it was there.
func (c *Client) send(ctx context.Context, method, path string, body any, read func(*http.Response) error) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.by != "" {
		req.Header.Set(byHeader, url.QueryEscape(c.by))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.peer, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return readError(resp)
	}
	return read(resp)
}

// AnswerError is a refusal by a server that is neither ErrNotFound nor ErrRefused, such as 401.
type AnswerError struct {
	Status  int
	Message string
	State   agreement.State // of the agreement, when that is why
}

func (e *AnswerError) Error() string { return e.Message }

// readError returns the error that writeError wrote.
func readError(resp *http.Response) error {
	var body errorBody
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.Title == "" {
		return &AnswerError{Status: resp.StatusCode, Message: "the server answered " + resp.Status}
	}
	switch {
	case body.File != nil:
		return body.File
	case resp.StatusCode == http.StatusNotFound:
		return &refusal{is: ErrNotFound, message: body.Title}
	case resp.StatusCode == http.StatusConflict:
		return &refusal{is: ErrRefused, message: body.Title}
	}
	state, _ := body.Details["state"].(string)
	return &AnswerError{Status: resp.StatusCode, Message: body.Title, State: agreement.State(state)}
}
