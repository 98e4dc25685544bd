package server_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
	"github.com/accord-taxii/accord/taxii/server"
)

// wantRefused checks a refusal of overload: its status, Retry-After, and the error resource.
func wantRefused(t *testing.T, resp *http.Response, status int) {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("got %d %s, want %d", resp.StatusCode, body, status)
	}
	if wait, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || wait < 1 {
		t.Errorf("got Retry-After %q, want a number of seconds", resp.Header.Get("Retry-After"))
	}
	var e taxii.Error
	if err := json.Unmarshal(body, &e); err != nil || e.Title == "" || e.HTTPStatus != strconv.Itoa(status) {
		t.Errorf("got %s, want an error resource", body)
	}
}

func request(t *testing.T, s *accordtest.Server, account, method, path string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(account, accordtest.Password(account))
	r.Header.Set("Accept", taxii.MediaType)
	if body != nil {
		r.Header.Set("Content-Type", taxii.MediaType)
	}
	return r
}

func do(t *testing.T, s *accordtest.Server, r *http.Request) *http.Response {
	t.Helper()
	resp, err := s.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestAnAccountThatAsksTooOftenIsToldWhenToAskAgain(t *testing.T) { // T-035
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{AccountRate: 1.0 / 3600}))
	get := func(account string) *http.Response { return do(t, s, request(t, s, account, "GET", "/taxii2/", nil)) }
	for i := range 1 {
		if resp := get(accordtest.Agency); resp.StatusCode != http.StatusOK {
			t.Fatalf("request %d: got %d, want 200", i, resp.StatusCode)
		}
	}
	wantRefused(t, get(accordtest.Agency), http.StatusTooManyRequests)
	if resp := get(accordtest.Vendor); resp.StatusCode != http.StatusOK {
		t.Errorf("another account: got %d, want 200", resp.StatusCode)
	}
}

// slowPost begins a POST whose body goes on until finish is called, or the test ends. It returns when the request has been
// let in: the client waits with the body until the server reads it, which is when net/http says 100 Continue.
func slowPost(t *testing.T, s *accordtest.Server, account string) (answered chan *http.Response, finish func()) {
	t.Helper()
	body, w := io.Pipe()
	r := request(t, s, account, "POST", "/"+accordtest.Industry+"/collections/"+accordtest.ProgrammeID.String()+"/objects/", body)
	r.Header.Set("Expect", "100-continue")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ExpectContinueTimeout = time.Minute
	t.Cleanup(transport.CloseIdleConnections)
	t.Cleanup(func() { w.Close() })
	answered = make(chan *http.Response, 1)
	go func() {
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Errorf("POST: %v", err)
			close(answered)
			return
		}
		answered <- resp
	}()
	if _, err := io.WriteString(w, `{"objects":[`); err != nil {
		t.Fatal(err)
	}
	return answered, func() {
		io.WriteString(w, string(accordtest.Indicator(1, 0))+"]}")
		w.Close()
	}
}

func TestRequestsAtOnceAreBounded(t *testing.T) {
	for _, row := range []struct {
		name   string
		limits server.Limits
		status int
	}{
		{"of one account", server.Limits{AccountRequests: 2}, http.StatusTooManyRequests},
		{"of one party", server.Limits{PartyRequests: 2}, http.StatusTooManyRequests},
		{"of the server", server.Limits{Requests: 2, PartyRequests: 2}, http.StatusServiceUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := accordtest.New(t, accordtest.WithLimits(row.limits))
			first, finish1 := slowPost(t, s, accordtest.Vendor)
			second, finish2 := slowPost(t, s, accordtest.Vendor)
			wantRefused(t, do(t, s, request(t, s, accordtest.Vendor, "GET", "/taxii2/", nil)), row.status)
			finish1()
			finish2()
			for _, answered := range []chan *http.Response{first, second} {
				if resp := <-answered; resp != nil && resp.StatusCode != http.StatusAccepted {
					t.Errorf("got %d, want 202: what was let in is finished", resp.StatusCode)
				}
			}
			if resp := do(t, s, request(t, s, accordtest.Vendor, "GET", "/taxii2/", nil)); resp.StatusCode != http.StatusOK {
				t.Errorf("afterwards: got %d, want 200", resp.StatusCode)
			}
		})
	}
}

func TestABodyBeyondTheMemoryOfAnAccountIsRefused(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{AccountMemory: 100 << 10, Memory: 300 << 10}))
	_, finish := slowPost(t, s, accordtest.Vendor) // holds 64 KiB
	defer finish()
	path := "/" + accordtest.Industry + "/collections/" + accordtest.ProgrammeID.String() + "/objects/"
	wantRefused(t, do(t, s, request(t, s, accordtest.Vendor, "POST", path, strings.NewReader(`{"objects":[`))), http.StatusTooManyRequests)
}

func TestWrongPasswordsSlowDownAndLockNobodyOut(t *testing.T) {
	s := accordtest.New(t)
	attempt := func(password string) (int, time.Duration) {
		r := request(t, s, accordtest.Agency, "GET", "/taxii2/", nil)
		r.SetBasicAuth(accordtest.Agency, password)
		began := time.Now()
		resp := do(t, s, r)
		resp.Body.Close()
		return resp.StatusCode, time.Since(began)
	}
	for i := range 10 {
		if status, _ := attempt("wrong" + strconv.Itoa(i)); status != http.StatusUnauthorized {
			t.Fatalf("attempt %d: got %d, want 401", i, status)
		}
	}
	if status, took := attempt("wrong"); status != http.StatusUnauthorized || took < 300*time.Millisecond {
		t.Errorf("the eleventh: got %d after %v, want 401 after half a second", status, took)
	}
	// Many with the same wrong password wait for one verification, and keep no other account waiting.
	var all sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	for range 20 {
		all.Go(func() {
			status, _ := attempt("wrong at once")
			mu.Lock()
			got[status]++
			mu.Unlock()
		})
	}
	other := do(t, s, request(t, s, accordtest.Vendor, "GET", "/taxii2/", nil))
	if other.StatusCode != http.StatusOK {
		t.Errorf("another account: got %d, want 200", other.StatusCode)
	}
	all.Wait()
	if got[http.StatusUnauthorized] != 20 {
		t.Errorf("20 at once: got %v, want 401 for all", got)
	}
	if status, _ := attempt(accordtest.Password(accordtest.Agency)); status != http.StatusOK {
		t.Errorf("the right password: got %d, want 200 after a while", status)
	}
}

func TestPagesBeyondTheMemoryOfTheServerAreRefused(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{AccountMemory: 100 << 10, Memory: 100 << 10}))
	answered, finish := slowPost(t, s, accordtest.Vendor) // holds 64 KiB
	path := accordtest.Path(accordtest.Programme) + "objects/"
	wantRefused(t, do(t, s, request(t, s, accordtest.Agency, "GET", path, nil)), http.StatusServiceUnavailable)
	finish()
	(<-answered).Body.Close()
	// Once the body is stored there is room again; a request that comes a moment earlier waits for it.
	resp := do(t, s, request(t, s, accordtest.Agency, "GET", path, nil))
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("afterwards: got %d, want 200", resp.StatusCode)
	}
}

func TestAnAnswerThatIsNotTakenIsCut(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{AnswerTime: 300 * time.Millisecond, AnswerRate: 1 << 30}))
	path := accordtest.Path(accordtest.Programme)
	var objects [][]byte
	for n := range 12 { // more than the buffers between two sockets
		objects = append(objects, []byte(strings.Replace(string(accordtest.Indicator(n, 0)), `{`, `{"x_text":"`+strings.Repeat("x", 1<<20)+`",`, 1)))
	}
	if got := s.Post(accordtest.Vendor, path, objects...); got.Status != http.StatusAccepted {
		t.Fatalf("got %d %s, want 202", got.Status, got.Body)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	if err := request(t, s, accordtest.Agency, "GET", path+"objects/", nil).Write(conn); err != nil {
		t.Fatal(err)
	}
	// Nothing is read until the server has given up.
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); !strings.Contains(s.Log.String(), "the answer was cut short"); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the server still waits for its answer to be taken")
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err == nil || errors.Is(err, os.ErrDeadlineExceeded) || n >= resp.ContentLength {
		t.Errorf("got %d of %d bytes and %v, want less and an error", n, resp.ContentLength, err)
	}
	if resp := do(t, s, request(t, s, accordtest.Agency, "GET", path+"objects/?limit=1", nil)); resp.StatusCode != http.StatusOK {
		t.Errorf("one who takes the answer: got %d, want 200", resp.StatusCode)
	}
}
