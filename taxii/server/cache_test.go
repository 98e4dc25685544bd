package server_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/taxii/server"
)

// A request right after a change sees it, however often the same was requested before: additions, versions, deletions,
// and what a manifest says of media types.
func TestAnswersThatAreGivenAgainAreNeverOld(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(unlimited))
	base := accordtest.Path("gsp")
	paths := []string{
		base + "objects/?limit=5", base + "objects/", base + "objects/?match[version]=all", base + "manifest/", base + "manifest/?match[version]=all",
		base + "objects/" + accordtest.IndicatorID(2) + "/", base + "objects/" + accordtest.IndicatorID(2) + "/versions/",
		base + "objects/?match[id]=" + accordtest.IndicatorID(3), base + "objects/?added_after=2099-01-01T00:00:00Z",
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	for round := range 60 {
		n := random.IntN(6)
		switch random.IntN(4) {
		case 0:
			s.Do(accordtest.Request{As: "vendor", Method: "DELETE", Path: base + "objects/" + accordtest.IndicatorID(n) + "/"})
		default:
			s.Post("vendor", base, accordtest.Indicator(n, random.IntN(5)))
		}
		for _, path := range paths {
			// Another spelling of the same question has never been asked.
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			want := s.Get("agency", fmt.Sprintf("%s%slimit=%d", path, sep, 1000+round))
			if strings.Contains(path, "limit=") {
				want = s.Get("agency", fmt.Sprintf("%s&x=%d", path, round))
			}
			for again := range 4 {
				got := s.Get("agency", path)
				if got.Status != want.Status || got.Status == 200 && !bytes.Equal(got.Body, want.Body) {
					t.Fatalf("seed %d, round %d, %s asked %d times: got %d %.300s, want %d %.300s", seed, round, path, again+1, got.Status, got.Body, want.Status, want.Body)
				}
				for _, name := range []string{"X-Taxii-Date-Added-First", "X-Taxii-Date-Added-Last"} {
					if got, want := got.Header.Get(name), want.Header.Get(name); got != want {
						t.Fatalf("seed %d, round %d, %s asked %d times: got %s %q, want %q", seed, round, path, again+1, name, got, want)
					}
				}
			}
		}
	}
}

// While writers add, everybody who asks the same finds, at once, whatever was added before the request was sent.
func TestAnswersThatAreGivenAgainUnderWriters(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(unlimited))
	base := accordtest.Path("gsp")
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for n := range 40 {
				number := w*1000 + n
				if a := s.Post("vendor", base, accordtest.Indicator(number, 0)); a.Status != 202 {
					t.Errorf("got %d for an addition", a.Status)
				}
				for range 3 {
					if a := s.Get("agency", base+"objects/"); !bytes.Contains(a.Body, []byte(accordtest.IndicatorID(number))) {
						t.Errorf("an object that was added before the request is not in the answer")
					}
				}
			}
		})
	}
	group.Wait()
}

// Rights are judged before an answer is given again, and account is kept of each time.
func TestAnswersThatAreGivenAgainHoldNoRights(t *testing.T) {
	var mu sync.Mutex
	delivered := map[agreement.AccountName]int{}
	s := accordtest.New(t, accordtest.WithDelivered(func(d server.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		delivered[d.Account] += len(d.Positions)
	}))
	base := accordtest.Path("gsp")
	s.Post("vendor", base, accordtest.Indicators(0, 3)...)
	path := base + "objects/?limit=3"
	for range 5 {
		if a := s.Get("agency", path); a.Status != 200 {
			t.Fatalf("got %d, want 200", a.Status)
		}
	}
	s.Get("vendor", path)
	s.Do(accordtest.Request{As: "agency", Method: http.MethodHead, Path: path})
	if delivered["agency"] != 15 || delivered["vendor"] != 3 {
		t.Errorf("got %v delivered, want 15 to the agency and 3 to the vendor", delivered)
	}
	if a := s.Get(accordtest.Outsider, path); a.Status != 404 {
		t.Errorf("an account without a role: got %d, want 404", a.Status)
	}
	s.Change("gsp", "suspend", func(a *agreement.Agreement) { a.Suspended = &agreement.Mark{} })
	if a := s.Get("agency", path); a.Status != 403 {
		t.Errorf("after a suspension: got %d, want 403", a.Status)
	}
}
