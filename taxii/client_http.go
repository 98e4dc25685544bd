package taxii

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ResponseError is an answer whose status is not 2xx.
type ResponseError struct {
	Method, URL string
	StatusCode  int
	TAXII       *Error // what the server says about it; nil when it sent no TAXII error
}

func (e *ResponseError) Error() string {
	text := fmt.Sprintf("%s %s: the server answered %d %s", e.Method, e.URL, e.StatusCode, http.StatusText(e.StatusCode))
	if e.TAXII != nil {
		text += ": " + e.TAXII.Error()
		if e.TAXII.ErrorID != "" {
			text += " (error id " + e.TAXII.ErrorID + ")"
		}
	}
	return text
}

func (e *ResponseError) Unwrap() error {
	if e.TAXII == nil {
		return nil
	}
	return e.TAXII
}

// get reads a resource into value and returns the response's header.
func (c *Client) get(ctx context.Context, url string, value any) (http.Header, error) {
	response, body, err := c.send(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return response.Header, c.decode(response, body, value)
}

func (c *Client) decode(response *http.Response, body []byte, value any) error {
	where := response.Request.Method + " " + response.Request.URL.Redacted()
	if kind := response.Header.Get("Content-Type"); !strings.Contains(strings.ToLower(kind), "json") {
		return fmt.Errorf("%s: the answer has the type %s, expected %s; is this the URL of a TAXII server?", where, quote(kind), MediaType)
	}
	if err := json.Unmarshal(body, value); err != nil {
		return fmt.Errorf("%s: read the answer: %w", where, err)
	}
	return nil
}

// send sends one request, repeats it while it is refused with 429 or 503, and returns a successful response with its
// body.
func (c *Client) send(ctx context.Context, method, url string, body []byte) (*http.Response, []byte, error) {
	for attempt := 0; ; attempt++ {
		response, answer, err := c.sendOnce(ctx, method, url, body)
		if err != nil {
			return nil, nil, err
		}
		if response.StatusCode/100 == 2 {
			return response, answer, nil
		}
		refusal := refusalOf(method, response, answer)
		busy := response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable
		if !busy || attempt >= c.options.Retries {
			return nil, nil, refusal
		}
		wait := c.retryAfter(response.Header.Get("Retry-After"), attempt)
		if wait > c.options.MaxWait {
			return nil, nil, fmt.Errorf("%w; it asks to wait %v, longer than %v", refusal, wait, c.options.MaxWait)
		}
		if err := c.sleep(ctx, wait); err != nil {
			return nil, nil, errors.Join(refusal, err)
		}
	}
}

func (c *Client) sendOnce(ctx context.Context, method, url string, body []byte) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", method, quote(url), err)
	}
	request.Header.Set("Accept", MediaType)
	if body != nil {
		request.Header.Set("Content-Type", MediaType)
	}
	response, answer, err := c.exchange(request)
	if err == nil && answer == nil {
		return nil, nil, errors.Join(fmt.Errorf("%s %s: the answer is a stream of events", method, quote(url)), response.Body.Close())
	}
	return response, answer, err
}

// exchange sends a request with the client's credentials and reads the answer's body. It does not read a stream of events:
// the body is then nil, and the caller reads it from the response.
func (c *Client) exchange(request *http.Request) (*http.Response, []byte, error) {
	request.Header.Set("User-Agent", c.options.UserAgent)
	if place := c.place.Load(); place > 0 {
		request.Header.Set(HeaderPlace, strconv.FormatUint(place, 10))
	}
	response, err := c.logIn(request)
	if err != nil {
		return nil, nil, err // *url.Error has the method and the URL
	}
	c.saw(response.Header.Get(HeaderPlace))
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "text/event-stream" && response.StatusCode == http.StatusOK {
		return response, nil, nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	where := request.Method + " " + request.URL.Redacted()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: read the answer: %w", where, err)
	}
	if len(answer) > maxResponse {
		return nil, nil, fmt.Errorf("%s: the answer has more than %d bytes; ask for fewer objects a page", where, maxResponse)
	}
	return response, answer, nil
}

// saw keeps the latest place that a node of a cluster has named, so that another node is not behind it.
func (c *Client) saw(place string) {
	at, err := strconv.ParseUint(place, 10, 64)
	if err != nil {
		return
	}
	for before := c.place.Load(); at > before && !c.place.CompareAndSwap(before, at); before = c.place.Load() {
	}
}

// logIn sends a request with the client's credentials. With a source of tokens it sends it once more if the token was refused.
func (c *Client) logIn(request *http.Request) (*http.Response, error) {
	if c.options.Token == "" && c.options.User == "" && c.options.Tokens == nil {
		return c.http.Do(request)
	}
	if err := c.mayCarryCredentials(request); err != nil {
		return nil, err
	}
	switch {
	case c.options.Token != "":
		request.Header.Set("Authorization", "Bearer "+c.options.Token)
	case c.options.User != "":
		request.SetBasicAuth(c.options.User, c.options.Password)
	default:
		token, err := c.options.Tokens(request.Context(), "")
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := c.http.Do(request)
		if err != nil || response.StatusCode != http.StatusUnauthorized || request.Body != nil && request.GetBody == nil {
			return response, err
		}
		if err := response.Body.Close(); err != nil {
			return nil, err
		}
		if token, err = c.options.Tokens(request.Context(), token); err != nil {
			return nil, err
		}
		again := request.Clone(request.Context())
		if request.GetBody != nil {
			if again.Body, err = request.GetBody(); err != nil {
				return nil, err
			}
		}
		again.Header.Set("Authorization", "Bearer "+token)
		return c.http.Do(again)
	}
	return c.http.Do(request)
}

// RoundTrip makes a Client the transport of an http.Client, for what a server has beside TAXII: it adds the credentials,
// and repeats a GET that is refused with 429 or 503 as Retry-After says.
func (c *Client) RoundTrip(request *http.Request) (*http.Response, error) {
	for attempt := 0; ; attempt++ {
		response, answer, err := c.exchange(request.Clone(request.Context()))
		if err != nil {
			var failed *url.Error // the caller's http.Client wraps it again
			if errors.As(err, &failed) {
				err = failed.Err
			}
			return nil, err
		}
		if answer == nil {
			return response, nil
		}
		response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(answer)), int64(len(answer))
		busy := response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable
		if !busy || request.Method != http.MethodGet || attempt >= c.options.Retries {
			return response, nil
		}
		wait := c.retryAfter(response.Header.Get("Retry-After"), attempt)
		if wait > c.options.MaxWait {
			return response, nil
		}
		if err := c.sleep(request.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// refusalOf reads the error resource of a refused request, if any.
func refusalOf(method string, response *http.Response, body []byte) *ResponseError {
	e := &ResponseError{Method: method, URL: response.Request.URL.Redacted(), StatusCode: response.StatusCode}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	var resource Error
	if strings.HasSuffix(kind, "json") && json.Unmarshal(body, &resource) == nil && resource.Title != "" {
		e.TAXII = &resource
	}
	return e
}

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3); without one the wait doubles from a second on.
func (c *Client) retryAfter(header string, attempt int) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(c.now()), 0)
	}
	return min(time.Second<<min(attempt, 20), c.options.MaxWait)
}
