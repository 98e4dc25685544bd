package server_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii/server"
)

// unlimited keeps the rate of an account out of what is measured.
var unlimited = server.Limits{AccountRate: 1e9}

// BenchmarkGetObjects reads what readers ask for, objects of about half a kilobyte, without a network in between: anew, and
// again when nothing has changed.
func BenchmarkGetObjects(b *testing.B) {
	s := accordtest.New(b, accordtest.WithLimits(unlimited))
	for n := 0; n < 5000; n += 1000 {
		s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(n, n+1000)...)
	}
	h := s.TAXII.Handler()
	objects := accordtest.Path("gsp") + "objects/"
	for _, row := range []struct{ name, path, coding string }{
		{"limit=1", objects + "?limit=1", ""},
		{"limit=100", objects + "?limit=100", ""},
		{"limit=1000", objects + "?limit=1000", ""},
		{"type", objects + "?limit=100&match[type]=indicator", ""},
		{"by_id", objects + accordtest.IndicatorID(77) + "/", ""},
		{"empty_poll", objects + "?added_after=2099-01-01T00:00:00.000Z", ""},
		{"limit=100/gzip", objects + "?limit=100", "gzip"},
		{"manifest=100", accordtest.Path("gsp") + "manifest/?limit=100", ""},
	} {
		for _, again := range []bool{false, true} {
			name := row.name + "/anew"
			if again {
				name = row.name + "/again"
			}
			b.Run(name, func(b *testing.B) {
				r := httptest.NewRequest("GET", row.path, nil)
				r.Host = strings.TrimPrefix(s.URL, "http://")
				r.SetBasicAuth("agency", accordtest.Password("agency"))
				if row.coding != "" {
					r.Header.Set("Accept-Encoding", row.coding)
				}
				w := &sink{header: http.Header{}}
				b.ReportAllocs()
				query, n := r.URL.RawQuery, 0
				for b.Loop() {
					if !again { // another question each time, with the same answer
						n++
						r.URL.RawQuery = query + "&n=" + strconv.Itoa(n)
					}
					clear(w.header)
					w.n = 0
					h.ServeHTTP(w, r)
				}
				if w.status != 200 {
					b.Fatalf("got %d", w.status)
				}
				b.SetBytes(int64(w.n))
			})
		}
	}
}

// BenchmarkAddObjects adds envelopes of 100 new objects.
func BenchmarkAddObjects(b *testing.B) {
	s := accordtest.New(b, accordtest.WithLimits(unlimited))
	n := 0
	for b.Loop() {
		a := s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(n, n+100)...)
		if a.Status != 202 {
			b.Fatalf("got %d", a.Status)
		}
		n += 100
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "objects/s")
}

// sink is a ResponseWriter that keeps nothing.
type sink struct {
	header http.Header
	status int
	n      int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { s.n += len(b); return len(b), nil }
