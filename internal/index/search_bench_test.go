package index_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/index"
)

// BenchmarkSearch asks questions of a collection of objects of a kilobyte, of which ACCORD_SCALE says how many there are.
func BenchmarkSearch(b *testing.B) {
	scale, err := strconv.Atoi(os.Getenv("ACCORD_SCALE"))
	if err != nil {
		scale = 20_000
	}
	s := accordtest.New(b)
	x, err := index.Open(s.Store, index.Options{Failed: func(err error) { b.Error(err) }})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); x.Run(ctx) }()
	defer func() { cancel(); <-ended; x.Close() }()
	const each = 500
	for from := 0; from < scale; from += each {
		list := make([][]byte, each)
		for i := range list {
			list[i] = []byte(kilobyte(from + i))
		}
		if a := s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), list...); a.Status != 202 {
			b.Fatalf("post: %d %.300s", a.Status, a.Body)
		}
	}
	scope := scopeOf(s, accordtest.Programme)
	for {
		if a, err := x.Search(ctx, scope, index.Query{Limit: 1}); err == nil && a.Behind == 0 {
			break
		}
	}
	many := make([]string, index.MostValues)
	for i := range many {
		many[i] = fmt.Sprintf("host-%d.example", 2*i*scale/len(many))
	}
	b.Run("a domain of many", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Search(ctx, scope, index.Query{Values: []string{fmt.Sprintf("host-%d.example", rand.IntN(scale))}, Limit: 10, Facets: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, q := range []struct {
		name  string
		query index.Query
	}{
		{"domain", index.Query{Values: []string{"host-777.example"}, Limit: 10}},
		{"domain with facets", index.Query{Values: []string{"host-777.example"}, Limit: 10, Facets: true}},
		{"rare words with facets", index.Query{Values: []string{"made-up thing 777"}, Limit: 10, Facets: true}},
		{"common words with facets", index.Query{Values: []string{"told at length"}, Limit: 10, Facets: true}},
		{"everything with facets", index.Query{Limit: 10, Facets: true}},
		{"10000 domains with facets", index.Query{Values: many, Limit: 10, Facets: true}},
	} {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Search(ctx, scope, q.query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// kilobyte is an indicator of about a kilobyte whose words repeat, but for its number.
func kilobyte(n int) string {
	return indicator(n, fmt.Sprintf("[domain-name:value = 'host-%d.example']", n),
		fmt.Sprintf(`"name":"Made-up thing %d","labels":["label-%d"],"description":%q`, n, n%20, strings.Repeat("What was seen there is told at length. ", 15)))
}
