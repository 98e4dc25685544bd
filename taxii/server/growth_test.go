package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// growing is something that a stranger sends, and can make larger.
type growing struct {
	name   string
	status int // of the answer
	most   int // the largest that is read
	make   func(n int) *http.Request
}

func growingInputs() []growing {
	objects := accordtest.Path("gsp") + "objects/"
	post := func(body string) *http.Request {
		r := httptest.NewRequest("POST", objects, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	get := func(query string) *http.Request { return httptest.NewRequest("GET", objects+"?limit=1&"+query, nil) }
	list := func(n int, format string) string {
		items := make([]string, n)
		for i := range items {
			if items[i] = format; strings.Contains(format, "%") {
				items[i] = fmt.Sprintf(format, i)
			}
		}
		return strings.Join(items, ",")
	}
	report := func(refs string) string {
		return `{"objects":[{"type":"report","spec_version":"2.1","id":"report--7d3f9c2a-51b4-4e08-9a6d-000000000001","created":"2024-03-01T12:00:00.000Z","modified":"2024-03-01T12:00:00.000Z",` +
			`"name":"r","published":"2024-03-01T12:00:00Z","object_refs":[` + refs + `]}]}`
	}
	return []growing{
		{"empty objects", 202, 8000, func(n int) *http.Request { return post(`{"objects":[` + list(n, `{}`) + `]}`) }},
		{"objects with a number", 202, 8000, func(n int) *http.Request { return post(`{"objects":[` + list(n, `{"n":%d}`) + `]}`) }},
		{"unknown types", 202, 8000, func(n int) *http.Request {
			return post(`{"objects":[` + list(n, `{"type":"x-%d","id":"x-a--7d3f9c2a-51b4-4e08-9a6d-000000000001"}`) + `]}`)
		}},
		{"names in one object", 202, 8000, func(n int) *http.Request { return post(`{"objects":[{"id":"x",` + list(n, `"m%d":1`) + `}]}`) }},
		{"names in the envelope", 202, 8000, func(n int) *http.Request { return post(`{` + list(n, `"m%d":1`) + `,"objects":[{}]}`) }},
		{"references", 202, 8000, func(n int) *http.Request {
			return post(report(list(n, `"indicator--7d3f9c2a-51b4-4e08-9a6d-%012d"`)))
		}},
		{"versions of one object", 202, 800, func(n int) *http.Request {
			return post(`{"objects":[` + list(n, `{"type":"tool","spec_version":"2.1","id":"tool--7d3f9c2a-51b4-4e08-9a6d-000000000001","created":"2020-03-01T12:00:00.000Z","modified":"2021-03-01T12:00:00.%06dZ","name":"t"}`) + `]}`)
		}},
		{"slashes in a path", 200, 8000, func(n int) *http.Request { return httptest.NewRequest("GET", objects+strings.Repeat("/", n), nil) }},
		{"unknown parameters", 200, 8000, func(n int) *http.Request { return get(strings.ReplaceAll(list(n, "p%d=1"), ",", "&")) }},
		{"types in a filter", 200, 800, func(n int) *http.Request { return get("match[type]=" + list(n, "t%d")) }},
		{"identifiers in a filter", 200, 800, func(n int) *http.Request { return get("match[id]=" + list(n, "tool--7d3f9c2a-51b4-4e08-9a6d-%012d")) }},
		{"versions in a filter", 200, 800, func(n int) *http.Request { return get("match[version]=" + list(n, "2021-03-01T12:00:00.%06dZ")) }},
	}
}

// growthServer has a thousand objects, and takes what is sent without limits.
func growthServer(t testing.TB) (serve func(g growing, n int) (done func())) {
	s := accordtest.New(t, accordtest.WithLimits(unlimited))
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(0, 1000)...)
	h := s.TAXII.Handler()
	return func(g growing, n int) func() {
		r := g.make(n)
		r.Host = strings.TrimPrefix(s.URL, "http://")
		r.SetBasicAuth("vendor", accordtest.Password("vendor"))
		w := &sink{header: http.Header{}}
		return func() {
			h.ServeHTTP(w, r)
			if w.status != g.status { // or something else is measured
				t.Fatalf("%s, %d of them: got %d, want %d", g.name, n, w.status, g.status)
			}
		}
	}
}

// What a stranger sends costs work in proportion to its length: ten times as much costs at most twelve times the allocations, in
// number and in bytes, beyond what any request may cost. Time would be measured on whatever machine this is; BenchmarkGrowth does that.
func TestWorkGrowsWithTheInput(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const anyCount, anyBytes = 100, 64 << 10
	serve := growthServer(t)
	work := func(g growing, n int) (count, size uint64) {
		count, size = ^uint64(0), ^uint64(0)
		for range 3 { // the least of several: others allocate, too
			do := serve(g, n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			do()
			runtime.ReadMemStats(&after)
			count, size = min(count, after.Mallocs-before.Mallocs), min(size, after.TotalAlloc-before.TotalAlloc)
		}
		return count, size
	}
	for _, g := range growingInputs() {
		most := min(g.most, 2000)
		fewer, fewerBytes := work(g, most/10)
		more, moreBytes := work(g, most)
		if more > 12*(fewer+anyCount) || moreBytes > 12*(fewerBytes+anyBytes) {
			t.Errorf("%s: %d of them cost %d allocations of %d bytes, %d cost %d of %d", g.name, most/10, fewer, fewerBytes, most, more, moreBytes)
		}
	}
}

// BenchmarkGrowth grows what a stranger sends tenfold from row to row: the time of a request may grow at most twelvefold.
// Compare the rows of one name side by side.
func BenchmarkGrowth(b *testing.B) {
	serve := growthServer(b)
	for _, g := range growingInputs() {
		for n := 80; n <= g.most; n *= 10 {
			b.Run(fmt.Sprintf("%s/%d", g.name, n), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					do := serve(g, n)
					b.StartTimer()
					do()
				}
			})
		}
	}
}
