package main

import (
	"slices"
	"strings"
	"testing"
)

func TestBenchmarksAreReadAsGoTestPrintsThem(t *testing.T) {
	const said = `goos: linux
pkg: github.com/accord-taxii/accord/store
BenchmarkPage100/of_a_million-2  	    1000	   1500.0 ns/op	 900.00 MB/s	      64 B/op	       2 allocs/op
BenchmarkPage100/of_a_million-2  	    1000	   2500.0 ns/op	 700.00 MB/s	      64 B/op	       2 allocs/op
BenchmarkAppend100-2             	      10	25000000 ns/op	      4000 objects/s
PASS
ok  	github.com/accord-taxii/accord/store	1.0s
pkg: github.com/accord-taxii/accord/taxii
BenchmarkBroken
BenchmarkCursor 	 1 	 12.5 ns/op
`
	var got []string
	for _, b := range readBenchmarks(strings.NewReader(said)) {
		got = append(got, strings.Join([]string{b.layer, b.name, b.time(), b.rate(), b.value("B/op"), b.value("allocs/op")}, "|"))
	}
	want := []string{"store|Page100/of_a_million|2.00 µs|800 MB/s|64|2", "store|Append100|25.00 ms|4,000 objects/s||", "taxii|Cursor|12.5 ns|||"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPackagesWithBenchmarksAreFound(t *testing.T) {
	got, err := benchmarked("../../store")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 0 {
		t.Error("got none, want those of the store")
	}
}
