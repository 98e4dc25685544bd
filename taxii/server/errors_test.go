package server_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii/server"
)

// A panic is a TAXII error of status 500 with an id; the log has the cause under it, the client has not. T-016, T-035.
func TestAPanicIsA500WithAnID(t *testing.T) {
	s := accordtest.New(t, accordtest.WithMount("/console/", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })))
	e := refused(t, s, s.Get("", "/console/x"), 500)
	log := s.Log.String()
	if !strings.Contains(log, "boom") || !strings.Contains(log, e.ErrorID) || strings.Contains(e.Description, "boom") {
		t.Errorf("got the description %q and the log\n%s", e.Description, log)
	}
	if a := s.Get("", "/consoles"); a.Status != 401 {
		t.Errorf("beside the mounted room: got %d, want 401", a.Status)
	}
}

// The log has a line a request and no secret.
func TestTheLogHasALineARequestAndNoSecret(t *testing.T) {
	s := accordtest.New(t)
	s.Get("vendor", "/taxii2/?secret=hush")
	s.Post("vendor", accordtest.Path("gsp"), []byte(`{"type":"tool","id":"tool--broken"}`))
	s.Do(accordtest.Request{Path: "/taxii2/", Header: http.Header{"Authorization": {"Bearer accord_hush"}}})
	log := s.Log.String()
	for _, want := range []string{`"method":"GET"`, `"path":"/taxii2/"`, `"status":200`, `"account":"vendor"`, `"route":"/{root}/collections/{collection}/objects/"`,
		`"status":202`, `"status":401`, `"object":"tool--broken"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
	for _, secret := range []string{"hush", accordtest.Password("vendor"), "dmVuZG9y"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// Config.Delivering is called with each delivery, once for a page.
func TestDeliveriesAreTold(t *testing.T) {
	var mu sync.Mutex
	var told []server.Delivery
	s := accordtest.New(t, accordtest.WithDelivered(func(d server.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, d)
	}))
	path := accordtest.Path("gsp")
	s.Post("vendor", path, accordtest.Indicators(0, 5)...)
	s.Get("agency", path+"objects/?limit=3")
	s.Get("agency", path+"manifest/")
	s.Get("agency", path+"objects/?match[type]=tool")
	s.Do(accordtest.Request{As: "agency", Method: "HEAD", Path: path + "objects/"})
	s.Get("agency", path+"objects/"+accordtest.IndicatorID(4)+"/")
	s.Get("vendor", "/taxii2/") // the telling of the request before is over when this one is answered
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 3 {
		t.Fatalf("got %d deliveries, want 3: %+v", len(told), told)
	}
	first, none, second := told[0], told[1], told[2]
	if len(none.Positions) != 0 || !slices.Equal(none.Filter.Types, []string{"tool"}) {
		t.Errorf("an empty page: got %+v", none)
	}
	if first.Account != "agency" || first.Party != "agency" || first.Agreement != "gsp" || first.Collection != accordtest.ProgrammeID || first.Query != "limit=3" {
		t.Errorf("got %+v", first)
	}
	// Position 1 is the agreement's own first entry.
	if !slices.Equal(first.Positions, []journal.Position{2, 3, 4}) || !slices.Equal(second.Positions, []journal.Position{6}) {
		t.Errorf("got the positions %v and %v, want 2 3 4 and 6", first.Positions, second.Positions)
	}
}
