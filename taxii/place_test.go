package taxii

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// A client that goes from node to node of a cluster says how far it has seen the log.
func TestTheClientBringsBackTheLatestPlace(t *testing.T) {
	var got []string
	places := []string{"", "7", "5", "x", "9"}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get(HeaderPlace))
		w.Header().Set(HeaderPlace, places[len(got)-1])
		w.Header().Set("Content-Type", MediaType)
		fmt.Fprint(w, `{}`)
	}))
	defer s.Close()
	c, err := NewClient(ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range places {
		if _, err := c.get(context.Background(), s.URL+"/", &struct{}{}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"", "", "7", "7", "7"}; !slices.Equal(got, want) {
		t.Errorf("got the places %q, want %q", got, want)
	}
}
