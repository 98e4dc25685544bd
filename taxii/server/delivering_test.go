package server_test

import (
	"context"
	"errors"
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
	s := accordtest.New(t, accordtest.WithDelivering(func(_ context.Context, d server.Delivery) error {
		noted += len(d.Positions)
		return fail
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
