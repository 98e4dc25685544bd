package serve_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// Additions and deletions over HTTP race with suspensions, roles that are lost and accounts that are disabled. No entry of a party
// follows the loss of its right: the check at the end of the server reads every entry beside the terms in force.
func TestNoActFollowsTheLossOfItsRight(t *testing.T) {
	s := accordtest.New(t)
	for from := 0; from < 400; from += 50 { // bodies are small in this root
		s.Post(accordtest.Agency, accordtest.Path(accordtest.Circle), accordtest.Indicators(from, from+50)...)
	}
	var done atomic.Bool
	var acting sync.WaitGroup
	var acted atomic.Int64
	for worker := range 4 {
		acting.Go(func() {
			for i := worker; i < 4000 && !done.Load(); i += 4 {
				r := accordtest.Request{As: accordtest.Agency, Method: http.MethodDelete, Path: accordtest.Path(accordtest.Circle) + "objects/" + accordtest.IndicatorID(i%400) + "/"}
				if i%2 == 1 {
					r = accordtest.Request{As: accordtest.Agency, Method: http.MethodPost, Path: accordtest.Path(accordtest.Circle) + "objects/", Body: accordtest.Envelope(accordtest.Indicator(1000+i, 0))}
				}
				a, err := s.Try(r)
				if err != nil {
					t.Error(err)
					return
				}
				switch a.Status {
				case http.StatusOK, http.StatusAccepted:
					acted.Add(1)
				case http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable: // not now
				default:
					t.Errorf("%s %s: got %d %s", r.Method, r.Path, a.Status, a.Body)
				}
			}
		})
	}
	for i := range 8 {
		for before, end := acted.Load(), time.Now().Add(time.Second); acted.Load() < before+3 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		s.Change(accordtest.Circle, "suspend", func(a *agreement.Agreement) { a.Suspended = &agreement.Mark{Reason: "a test"} })
		s.Change(accordtest.Circle, "resume", func(a *agreement.Agreement) { a.Suspended = nil })
		roles := s.Collection(accordtest.Circle).Agreement().Parties
		s.Change(accordtest.Circle, "change", func(a *agreement.Agreement) {
			a.Parties = nil
			for _, m := range roles {
				if m.Party == accordtest.Agency {
					m.Roles = []agreement.Role{agreement.Auditor}
				}
				a.Parties = append(a.Parties, m)
			}
		})
		s.Change(accordtest.Circle, "change", func(a *agreement.Agreement) { a.Parties = roles; a.Description = fmt.Sprint("round ", i) })
	}
	done.Store(true)
	acting.Wait()
	counts := map[journal.Kind]int{}
	suspended := false
	err := s.Collection(accordtest.Circle).Entries(1, 1<<30, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		counts[e.Kind]++
		if e.Kind == journal.Terms {
			suspended = e.Act == "suspend"
		} else if suspended {
			t.Errorf("%v by %s while the agreement is suspended", e.Kind, e.Account)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if counts[journal.Deleted] == 0 || counts[journal.Added] < 401 {
		t.Errorf("got %v, want additions and deletions between the changes", counts)
	}
}
