package server

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"

	"github.com/accord-taxii/accord/store/journal"
)

func TestWhatAsksForGzip(t *testing.T) {
	for name, tc := range map[string]struct {
		lines []string
		want  bool
	}{
		"no header":                         {nil, false},
		"an empty header":                   {[]string{""}, false},
		"gzip":                              {[]string{"gzip"}, true},
		"what Python sends":                 {[]string{"gzip, deflate, br"}, true},
		"in upper case":                     {[]string{"GZIP"}, true},
		"on a second line":                  {[]string{"br", "gzip"}, true},
		"with a weight":                     {[]string{"br;q=1.0, gzip; q=0.5"}, true},
		"gzip excluded":                     {[]string{"gzip;q=0"}, false},
		"gzip excluded with more digits":    {[]string{"gzip;q=0.000, *"}, false},
		"anything":                          {[]string{"*"}, true},
		"nothing":                           {[]string{"*;q=0"}, false},
		"identity":                          {[]string{"identity"}, false},
		"a coding whose name contains gzip": {[]string{"notgzip"}, false},
		"a weight that is no number":        {[]string{"gzip;q=x"}, false},
	} {
		if got := takesGzip(tc.lines); got != tc.want {
			t.Errorf("%s: got %t, want %t", name, got, tc.want)
		}
	}
}

// FuzzTakesGzip reads any Accept-Encoding: lines are one list, and a coding that is excluded by name is not chosen.
func FuzzTakesGzip(f *testing.F) {
	for _, header := range []string{"gzip;q=0.5, *;q=0", "gzip;q=NaN", "x-gzip;Q=1e999", ", ;q=,*"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := takesGzip([]string{header})
		if parts := strings.Split(header, ","); takesGzip(parts) != got {
			t.Errorf("%q: got %t in one line, not in %d", header, got, len(parts))
		}
		if takesGzip([]string{header, "gzip;q=0"}) || !takesGzip([]string{header, "gzip"}) {
			t.Errorf("%q: what is said of gzip by name behind it is not heard", header)
		}
	})
}

func unpacked(t *testing.T, compressed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCompressedPagesAreBounded(t *testing.T) {
	p := newCompressedPages(4000)
	col := uuid.New()
	body := func(n int) []byte { return bytes.Repeat([]byte{byte(n), byte(n >> 8), 7, 9}, 500) }
	id := func(n int) pageID {
		return pageOf(col, []journal.Position{journal.Position(n)}, []byte(`],"more":false}`))
	}
	first := p.get(id(0), body(0))
	for n := range 1000 {
		if got := unpacked(t, p.get(id(n), body(n))); !bytes.Equal(got, body(n)) {
			t.Fatalf("page %d does not unpack to what it was", n)
		}
		if again := p.get(id(0), body(0)); &again[0] != &first[0] {
			t.Fatalf("after page %d the first one, asked for each time, is gone", n)
		}
		if got := p.pages.Size(); got > 4000 {
			t.Fatalf("after page %d it keeps %d bytes, want at most 4000", n, got)
		}
	}
}

func TestPagesThatDifferAreNotTakenForEachOther(t *testing.T) {
	a, b := uuid.New(), uuid.New()
	seen := map[pageID]string{}
	for name, id := range map[string]pageID{
		"a page":                   pageOf(a, []journal.Position{1, 2}, []byte("]}")),
		"in another collection":    pageOf(b, []journal.Position{1, 2}, []byte("]}")),
		"one version fewer":        pageOf(a, []journal.Position{1}, []byte("]}")),
		"another version":          pageOf(a, []journal.Position{1, 3}, []byte("]}")),
		"another end":              pageOf(a, []journal.Position{1, 2}, []byte("],}")),
		"the same bytes otherwise": pageOf(a, []journal.Position{1}, append([]byte{0, 0, 0, 0, 0, 0, 0, 2}, "]}"...)),
	} {
		if other, taken := seen[id]; taken {
			t.Errorf("%s has the identity of %s", name, other)
		}
		seen[id] = name
	}
}
