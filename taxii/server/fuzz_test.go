package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/taxii"
)

// fuzzed is a request as an account sends it, without a network in between; ok is false for what is no request.
func fuzzed(as, method, target string, body []byte) (_ *http.Request, ok bool) {
	u, err := url.ParseRequestURI(target)
	if err != nil || strings.HasPrefix(u.Path, "/accord/") { // another package's answers
		return nil, false
	}
	r := &http.Request{Method: method, URL: u, RequestURI: target, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host: "accord.example", RemoteAddr: "192.0.2.1:1", Body: http.NoBody}
	if body != nil {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	r.SetBasicAuth(as, accordtest.Password(as))
	return r, true
}

// answered has h answer r and holds the answer against what every answer is: TAXII's type, JSON, never a failure of the
// server's own, and an error resource when it is a refusal (T-035, T-036).
func answered(t *testing.T, h http.Handler, r *http.Request) (int, []byte) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	what := r.Method + " " + strconv.Quote(r.RequestURI)
	body := w.Body.Bytes()
	if w.Header().Get("Content-Encoding") == "gzip" {
		unpacker, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(unpacker)
		}
		if err != nil {
			t.Fatalf("%s: the body does not unpack: %v", what, err)
		}
	}
	if got := w.Header().Get("Content-Type"); got != taxii.MediaType {
		t.Errorf("%s: got the type %q in an answer of %d", what, got, w.Code)
	}
	if r.Method == http.MethodDelete && w.Code == http.StatusOK { // section 5.7: a success says nothing
		if len(body) != 0 {
			t.Errorf("%s: got %q", what, body)
		}
		return w.Code, body
	}
	if !json.Valid(body) {
		t.Errorf("%s: got an answer of %d that is not JSON: %q", what, w.Code, body)
	}
	if w.Code < 400 {
		return w.Code, body
	}
	var refusal taxii.Error
	if err := json.Unmarshal(body, &refusal); err != nil || refusal.Title == "" || refusal.HTTPStatus != strconv.Itoa(w.Code) || refusal.ErrorID == "" {
		t.Errorf("%s: got %d with %q, want a TAXII error resource", what, w.Code, body)
	}
	if w.Code >= 500 {
		t.Errorf("%s: got %d: %s", what, w.Code, body)
	}
	return w.Code, body
}

// FuzzRequest asks for anything, as anybody, in any way. Where a page says how to go on, going on works.
func FuzzRequest(f *testing.F) {
	s := accordtest.New(f, accordtest.WithLimits(unlimited))
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 8)...)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(0, 1), accordtest.Domain("x"))
	h := s.TAXII.Handler()
	gsp := accordtest.Path(accordtest.Programme)
	for i, target := range []string{"/taxii2/", "/nicp/", "/nicp/collections/", "/nicp/status/2a3f9d94-4a0c-4d0e-8c3f-52f9f3f5a9b1/", gsp,
		gsp + "manifest/?limit=2&match[type]=indicator", gsp + "objects/?added_after=2024-01-01T00:00:00Z&limit=3",
		gsp + "objects/?match[id]=" + accordtest.IndicatorID(0) + "&match[version]=all", gsp + "objects/" + accordtest.IndicatorID(0) + "/?match[spec_version]=2.1",
		gsp + "objects/" + accordtest.IndicatorID(0) + "/versions/?limit=1", gsp + "objects/%2e%2e/", "//", "/%00/", "/accord/v1/agreements/", "/nicp/collections/91A7B528-80EB-42ED-A74D-C6FBD5A26116/objects/?next=AAAA"} {
		f.Add(uint8(i), uint8(0), target, taxii.MediaType, "gzip")
	}
	f.Add(uint8(4), uint8(9), gsp+"objects/"+accordtest.IndicatorID(7)+"/?match[version]=first", "", "")
	f.Add(uint8(4), uint8(4), gsp+"objects/"+accordtest.IndicatorID(7)+"/?match[version]=first", "", "")
	methods := []string{"GET", "GET", "HEAD", "OPTIONS", "DELETE", "PUT", "POST", "TRACE", "", "get"}
	accounts := []string{accordtest.Vendor, accordtest.Agency, accordtest.Outsider, accordtest.Operator}
	f.Fuzz(func(t *testing.T, account, method uint8, target, accept, coding string) {
		as := accounts[int(account)%len(accounts)]
		r, ok := fuzzed(as, methods[int(method)%len(methods)], target, nil)
		if !ok {
			return
		}
		r.Header["Accept"], r.Header["Accept-Encoding"] = []string{accept}, []string{coding}
		status, body := answered(t, h, r)
		if status != http.StatusOK || r.Method == http.MethodDelete {
			return
		}
		var page struct {
			More bool
			Next string
		}
		if json.Unmarshal(body, &page) != nil || page.More != (page.Next != "") {
			t.Errorf("%q: got a page with more %t and next %q", target, page.More, page.Next)
		}
		if !page.More {
			return
		}
		next, ok := fuzzed(as, "GET", r.URL.EscapedPath()+"?next="+page.Next, nil)
		if !ok {
			t.Fatalf("%q cannot be gone on from with next=%s", target, page.Next)
		}
		var rest struct{ Objects, Versions []json.RawMessage }
		if status, body := answered(t, h, next); status != http.StatusOK || json.Unmarshal(body, &rest) != nil || len(rest.Objects)+len(rest.Versions) == 0 {
			t.Errorf("%q: got %d and an empty page by next", target, status)
		}
	})
}

// FuzzAdd posts anything. What is answered with success can be read back and says what was sent.
func FuzzAdd(f *testing.F) {
	s := accordtest.New(f, accordtest.WithLimits(unlimited))
	h := s.TAXII.Handler()
	circle := accordtest.Path(accordtest.Circle)
	f.Add(accordtest.Envelope(accordtest.Indicator(0, 0), accordtest.Tool20(0, 0), accordtest.Domain("x")), taxii.MediaType)
	f.Add(accordtest.Envelope(accordtest.Domain("x"), accordtest.Domain("y"), accordtest.Domain("x")), "application/taxii+json")
	f.Add([]byte(`{"objects":[{"type":"x-a","id":"x-a--7d3f9c2a-51b4-4e08-9a6d-000000000001","spec_version":"2.1","created":"2024-03-01T12:00:00Z","modified":"2024-03-01T12:00:00Z","n":1.0}]}`), "")
	f.Add([]byte(`{"type":"bundle","id":"bundle--7d3f9c2a-51b4-4e08-9a6d-000000000001","objects":[1]}`), taxii.MediaType)
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		r, _ := fuzzed(accordtest.Agency, "POST", circle+"objects/", body)
		r.Header["Content-Type"], r.Header["Accept"] = []string{kind}, []string{taxii.MediaType}
		code, answer := answered(t, h, r)
		if code != http.StatusAccepted {
			return
		}
		var status taxii.Status
		if err := json.Unmarshal(answer, &status); err != nil {
			t.Fatal(err)
		}
		var envelope struct{ Objects []json.RawMessage }
		if json.Unmarshal(body, &envelope) != nil {
			t.Fatalf("%q is taken as an envelope", body)
		}
		if status.Status != "complete" || status.PendingCount != 0 || status.SuccessCount+status.FailureCount != len(envelope.Objects) ||
			status.TotalCount != len(envelope.Objects) || len(status.Successes) != status.SuccessCount || len(status.Failures) != status.FailureCount {
			t.Errorf("%d objects: got %s", len(envelope.Objects), answer)
		}
		for _, added := range status.Successes {
			wantHeld(t, h, circle, added, envelope.Objects)
		}
	})
}

// wantHeld reads a version back that was answered with success, and looks for it among what was sent.
func wantHeld(t *testing.T, h http.Handler, collection string, added taxii.StatusDetail, sent []json.RawMessage) {
	t.Helper()
	r, ok := fuzzed(accordtest.Agency, "GET", collection+"objects/"+url.PathEscape(added.ID)+"/?match[spec_version]=2.0,2.1&match[version]="+added.Version, nil)
	if !ok {
		t.Fatalf("got the id %q", added.ID)
	}
	code, answer := answered(t, h, r)
	var held taxii.Envelope
	if code != http.StatusOK || json.Unmarshal(answer, &held) != nil || len(held.Objects) == 0 {
		t.Fatalf("%s %s was added, reading it gives %d %s", added.ID, added.Version, code, answer)
	}
	for _, object := range held.Objects {
		for _, text := range sent {
			if ijson.Equal(object, text) {
				return
			}
		}
	}
	t.Errorf("%s %s was added, what is read is none of what was sent: %s", added.ID, added.Version, answer)
}
