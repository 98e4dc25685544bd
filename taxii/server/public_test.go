package server_test

import (
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/taxii/server"
)

// What is public is read without credentials; everything else asks for them, and nothing is named.
func TestPublicAgreementsAreReadWithoutCredentials(t *testing.T) {
	var parties []agreement.PartyName
	s := filled(t, 5, accordtest.WithDelivered(func(d server.Delivery) { parties = append(parties, d.Party) }))
	s.Post("vendor", accordtest.Path("intake"), accordtest.Indicators(0, 5)...)
	for _, path := range []string{"/taxii2/", "/nicp/", accordtest.Path("gsp") + "objects/"} {
		if a := s.Get("", path); a.Status != 401 {
			t.Errorf("before anything is public: %s got %d, want 401", path, a.Status)
		}
	}
	s.Change("gsp", "change", func(a *agreement.Agreement) {
		a.Public, a.Accept.MaxTLP, a.Accept.DefaultTLP = true, 1, 1
	})
	for path, want := range map[string]int{
		"/taxii2/": 200, "/nicp/": 200, "/nicp/collections/": 200, accordtest.Path("gsp"): 200, accordtest.Path("gsp") + "objects/": 200,
		accordtest.Path("gsp") + "manifest/": 200, accordtest.Path("gsp") + "objects/" + accordtest.IndicatorID(1) + "/versions/": 200,
		accordtest.Path("intake"): 401, accordtest.Path("intake") + "objects/": 401, "/nicp/collections/nothing/": 401,
		"/members/": 401, "/nothing/": 401, "/members/collections/": 401, "/nicp/status/2b6e8d10-94c7-4f3a-8e21-000000000001/": 401,
	} {
		a := s.Get("", path)
		if a.Status != want {
			t.Errorf("%s: got %d, want %d", path, a.Status, want)
		}
		if strings.Contains(string(a.Body), "ntake") || strings.Contains(string(a.Body), "members") {
			t.Errorf("%s names what is not public: %s", path, a.Body)
		}
	}
	for _, r := range []accordtest.Request{
		{Method: "POST", Path: accordtest.Path("gsp") + "objects/", Body: accordtest.Envelope(accordtest.Indicator(1, 0))},
		{Method: "DELETE", Path: accordtest.Path("gsp") + "objects/" + accordtest.IndicatorID(1) + "/"},
	} {
		if a := s.Do(r); a.Status != 401 {
			t.Errorf("%s: got %d, want 401", r.Method, a.Status)
		}
	}
	if len(parties) == 0 || parties[0] != agreement.PublicParty {
		t.Errorf("deliveries are noted for %q, want the public party", parties)
	}
	s.Change("gsp", "suspend", func(a *agreement.Agreement) { a.Suspended = &agreement.Mark{At: s.Clock.Now(), By: "root"} })
	if a := s.Get("", accordtest.Path("gsp")+"objects/"); a.Status != 401 {
		t.Errorf("suspended: got %d, want 401", a.Status)
	}
}

func TestCallersWithoutCredentialsAreSlowedByAddress(t *testing.T) {
	s := filled(t, 1, accordtest.WithLimits(server.Limits{PublicRate: 1.0 / 3600}))
	s.Change("gsp", "change", func(a *agreement.Agreement) {
		a.Public, a.Accept.MaxTLP, a.Accept.DefaultTLP = true, 1, 1
	})
	if a := s.Get("", "/taxii2/"); a.Status != 200 {
		t.Fatalf("got %d, want 200", a.Status)
	}
	if a := s.Get("", "/taxii2/"); a.Status != 429 || a.Header.Get("Retry-After") == "" {
		t.Errorf("the second: got %d, want 429 with Retry-After", a.Status)
	}
	if a := s.Get("agency", "/taxii2/"); a.Status != 200 {
		t.Errorf("an account from the same address: got %d, want 200", a.Status)
	}
}
