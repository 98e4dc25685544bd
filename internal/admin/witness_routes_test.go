package admin_test

import (
	"net/http"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
)

// The server sends requests to the addresses of witnesses: over the network not even an operator names one.
func TestWitnessesAreNamedAtTheMachineOnly(t *testing.T) {
	s := accordtest.New(t)
	for account, want := range map[string]int{accordtest.Operator: 200, accordtest.Agency: 403} {
		if got := s.Get(account, admin.Prefix+"witnesses/"); got.Status != want {
			t.Errorf("the list as %s: got %d %s, want %d", account, got.Status, got.Body, want)
		}
	}
	for _, path := range []string{"witnesses/", "witnesses/remove/"} {
		got := s.Do(accordtest.Request{As: accordtest.Operator, Method: http.MethodPost, Path: admin.Prefix + path,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"key":"x","url":"https://witness.example/"}`)})
		if got.Status != 404 && got.Status != 405 {
			t.Errorf("POST %s as an operator: got %d %s, want it not to be there", path, got.Status, got.Body)
		}
	}
}
