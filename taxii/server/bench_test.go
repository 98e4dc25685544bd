package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// BenchmarkGetObjects reads pages of objects of about half a kilobyte, without a network in between.
func BenchmarkGetObjects(b *testing.B) {
	s := accordtest.New(b)
	for n := 0; n < 5000; n += 1000 {
		s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(n, n+1000)...)
	}
	h := s.TAXII.Handler()
	for _, limit := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("limit=%d", limit), func(b *testing.B) {
			r := httptest.NewRequest("GET", fmt.Sprintf("%sobjects/?limit=%d", accordtest.Path("gsp"), limit), nil)
			r.SetBasicAuth("agency", accordtest.Password("agency"))
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				w.n = 0
				h.ServeHTTP(w, r)
			}
			b.SetBytes(int64(w.n))
			b.ReportMetric(float64(limit*b.N)/b.Elapsed().Seconds(), "objects/s")
		})
	}
}

// BenchmarkAddObjects adds envelopes of 100 new objects.
func BenchmarkAddObjects(b *testing.B) {
	s := accordtest.New(b)
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
	n      int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { s.n += len(b); return len(b), nil }
