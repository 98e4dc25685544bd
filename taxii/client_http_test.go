package taxii

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

type answering func(*http.Request) *http.Response

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// FuzzAnswer has a client read and write where a server answers anything: it never waits longer than allowed, sends
// nothing to another host, and stops when the answers do not lead on.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{`{"objects":[{}],"more":true,"next":"a"}`, `{"more":true}`, `{"objects":[null]}`, `{"id":"../x","status":"pending"}`, `{"title":"t","http_status":"429"}`, `[`} {
		f.Add(200, MediaType, "", body)
		f.Add(429, "application/json", "4294967296", body)
	}
	f.Add(503, "text/html", "Fri, 31 Dec 9999 23:59:59 GMT", "")
	f.Add(302, MediaType, "-1", "")
	const collection = "https://taxii.example/root/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/"
	f.Fuzz(func(t *testing.T, status int, kind, again, body string) {
		asked := 0
		c, err := NewClient(ClientOptions{User: "u", Password: "p", MaxWait: time.Minute, HTTP: &http.Client{Transport: answering(func(r *http.Request) *http.Response {
			asked++
			if r.URL.Host != "taxii.example" || r.URL.Scheme != "https" {
				t.Errorf("asked %s", r.URL)
			}
			h := http.Header{"Content-Type": {kind}, "Retry-After": {again}, "Location": {again}, http.CanonicalHeaderKey(HeaderLast): {again}}
			return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}
		})}})
		if err != nil {
			t.Fatal(err)
		}
		waited := time.Duration(0)
		c.sleep = func(_ context.Context, d time.Duration) error {
			if waited += d; d < 0 || d > time.Minute {
				t.Errorf("waits %v", d)
			}
			return nil
		}
		for page, err := range c.Objects(context.Background(), collection, Query{}) {
			if err == nil && len(page.Items) == 0 || err != nil && len(page.Items) > 0 {
				t.Errorf("got the page %+v with %v", page, err)
			}
		}
		for range c.Manifest(context.Background(), collection, Query{}) {
		}
		c.AddEnvelope(context.Background(), collection, [][]byte{[]byte("{}")})
		if asked > 200 || waited > time.Hour {
			t.Errorf("asked %d times, waited %v", asked, waited)
		}
		c.Discovery(context.Background(), "https://taxii.example/taxii2/")
	})
}
