package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii/server"
)

// With deliveries that must be noted first, a page that could not be noted is not sent.
func TestAPageThatCannotBeNotedIsNotSent(t *testing.T) {
	var fail error
	noted := 0
	s := accordtest.New(t, accordtest.WithDelivering(func(_ context.Context, d server.Delivery) (func(bool), error) {
		noted += len(d.Positions)
		return func(bool) {}, fail
	}))
	path := accordtest.Path(accordtest.Programme)
	s.Post(accordtest.Vendor, path, accordtest.Indicators(0, 3)...)
	if got := s.Get(accordtest.Agency, path+"objects/"); got.Status != http.StatusOK || noted != 3 {
		t.Errorf("got %d and %d positions noted, want 200 and 3", got.Status, noted)
	}
	fail = errors.New("the disk of deliveries is full")
	got := s.Get(accordtest.Agency, path+"objects/")
	if got.Status != http.StatusInternalServerError || strings.Contains(string(got.Body), "indicator--") || strings.Contains(string(got.Body), "disk") {
		t.Errorf("got %d %s, want 500 without objects or causes", got.Status, got.Body)
	}
	if !strings.Contains(s.Log.String(), "the disk of deliveries is full") {
		t.Error("the log does not say why")
	}
}

// A page is noted before its first byte, and a client that breaks it off does not have it counted as sent whole.
func TestAPageThatIsBrokenOffIsNotWhole(t *testing.T) {
	begun, ended := make(chan int, 10), make(chan bool, 10)
	s := accordtest.New(t, accordtest.WithDelivering(func(_ context.Context, d server.Delivery) (func(bool), error) {
		begun <- len(d.Positions)
		return func(whole bool) { ended <- whole }, nil
	}))
	path := accordtest.Path(accordtest.Programme)
	const objects = 400
	for n := 0; n < objects; n += 100 {
		var list [][]byte
		for _, o := range accordtest.Indicators(n, n+100) {
			list = append(list, bytes.Replace(o, []byte("Version 0"), bytes.Repeat([]byte("x"), 50_000), 1))
		}
		if got := s.Post(accordtest.Vendor, path, list...); got.Status != http.StatusAccepted {
			t.Fatalf("got %d %.200s", got.Status, got.Body)
		}
	}
	req, err := http.NewRequest(http.MethodGet, s.URL+path+"objects/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(accordtest.Agency, accordtest.Password(accordtest.Agency))
	req.Header.Set("Accept-Encoding", "identity") // these objects would be small
	resp, err := s.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if n := <-begun; n != objects {
		t.Errorf("got %d positions noted, want %d", n, objects)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close() // which closes the connection: 20 MB are not read
	if <-ended {
		t.Error("a page that was broken off counts as sent whole")
	}
	s.Get(accordtest.Agency, path+"objects/?limit=2")
	if n, whole := <-begun, <-ended; n != 2 || !whole {
		t.Errorf("a page that was read: got %d positions, whole %t", n, whole)
	}
}
