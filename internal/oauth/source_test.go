package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// endpoint gives a token to each question, numbered from 1.
func endpoint(t *testing.T, answer func(n int) (status int, body string)) (c Config, asked func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n++
		if id, secret, _ := r.BasicAuth(); id != "mirror%2Fgsp" || secret != "s%3Acret" {
			t.Errorf("credentials %q %q are not form-encoded", id, secret)
		}
		if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "read" || r.PostFormValue("resource") != "https://taxii.example/" {
			t.Errorf("form %v", r.PostForm)
		}
		status, body := answer(n)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(srv.Close)
	return Config{TokenURL: srv.URL, ClientID: "mirror/gsp", Secret: "s:cret", Scope: "read", Resource: "https://taxii.example/", Client: srv.Client()},
		func() int {
			mu.Lock()
			defer mu.Unlock()
			return n
		}
}

func give(n int) (int, string) {
	return 200, fmt.Sprintf(`{"access_token":"t%d","token_type":"Bearer","expires_in":300}`, n)
}

func TestATokenIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	c, asked := endpoint(t, give)
	now := time.Unix(1_800_000_000, 0)
	c.Now = func() time.Time { return now }
	s := New(c)
	want := func(want, refused string) {
		t.Helper()
		if got, err := s.Token(context.Background(), refused); err != nil || got != want {
			t.Errorf("token %q, %v; want %q", got, err, want)
		}
	}
	want("t1", "")
	now = now.Add(269 * time.Second)
	want("t1", "")
	now = now.Add(2 * time.Second)
	want("t2", "")
	want("t2", "t1") // another caller was refused the one before
	want("t3", "t2")
	if asked() != 3 {
		t.Errorf("asked %d times", asked())
	}
}

func TestCallersShareAQuestion(t *testing.T) {
	c, asked := endpoint(t, give)
	s := New(c)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := s.Token(context.Background(), ""); err != nil || got != "t1" {
				t.Errorf("token %q, %v", got, err)
			}
		})
	}
	all.Wait()
	if asked() != 1 {
		t.Errorf("asked %d times", asked())
	}
}

func TestAnswersWithoutATokenAreRefusals(t *testing.T) {
	for name, answer := range map[string]string{
		"an error":                     `401 {"error":"invalid_client\n"}`,
		"no JSON":                      `200 <html>`,
		"no token":                     `200 {"token_type":"Bearer"}`,
		"a token that ends the header": `200 {"access_token":"a\r\nX: y","token_type":"Bearer"}`,
		"a token of another type":      `200 {"access_token":"a","token_type":"DPoP"}`,
	} {
		t.Run(name, func(t *testing.T) {
			var status int
			code, body, _ := strings.Cut(answer, " ")
			fmt.Sscan(code, &status)
			c, _ := endpoint(t, func(int) (int, string) { return status, body })
			token, err := New(c).Token(context.Background(), "")
			var refusal *Refusal
			if token != "" || !errors.As(err, &refusal) || strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), "cret") {
				t.Errorf("token %q, error %v", token, err)
			}
		})
	}
}
