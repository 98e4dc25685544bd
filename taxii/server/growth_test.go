package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// BenchmarkGrowth grows what a stranger sends tenfold from row to row: the time of a request may grow at most twelvefold.
// Compare the rows of one name side by side.
func BenchmarkGrowth(b *testing.B) {
	s := accordtest.New(b, accordtest.WithLimits(unlimited))
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(0, 1000)...)
	objects := accordtest.Path("gsp") + "objects/"
	post := func(body string) *http.Request {
		r := httptest.NewRequest("POST", objects, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	list := func(n int, format string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(items, ",")
	}
	for _, input := range []struct {
		name   string
		status int // of the answer
		make   func(n int) *http.Request
	}{
		{"empty objects", 202, func(n int) *http.Request { return post(`{"objects":[` + list(n, `{"n":%d}`) + `]}`) }},
		{"names in one object", 202, func(n int) *http.Request { return post(`{"objects":[{"id":"x",` + list(n, `"m%d":1`) + `}]}`) }},
		{"names in the envelope", 202, func(n int) *http.Request { return post(`{` + list(n, `"m%d":1`) + `,"objects":[{}]}`) }},
		{"slashes in a path", 200, func(n int) *http.Request { return httptest.NewRequest("GET", objects+strings.Repeat("/", n), nil) }},
		{"unknown parameters", 200, func(n int) *http.Request {
			return httptest.NewRequest("GET", objects+"?limit=1&"+strings.ReplaceAll(list(n, "p%d=1"), ",", "&"), nil)
		}},
		{"values of a filter", 200, func(n int) *http.Request {
			return httptest.NewRequest("GET", objects+"?limit=1&match[type]="+list(n, "t%d"), nil)
		}},
	} {
		for _, n := range []int{80, 800, 8000} {
			if n == 8000 && strings.Contains(input.name, "filter") {
				continue // more than are read
			}
			b.Run(fmt.Sprintf("%s/%d", input.name, n), func(b *testing.B) {
				h := s.TAXII.Handler()
				for b.Loop() {
					b.StopTimer()
					r := input.make(n)
					r.Host = strings.TrimPrefix(s.URL, "http://")
					r.SetBasicAuth("vendor", accordtest.Password("vendor"))
					w := &sink{header: http.Header{}}
					b.StartTimer()
					h.ServeHTTP(w, r)
					if w.status != input.status { // or something else is measured
						b.Fatalf("got %d, want %d", w.status, input.status)
					}
				}
			})
		}
	}
}
