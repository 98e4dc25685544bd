package server_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// A client that takes gzip gets the same pages as one that does not, also after an object of the page was deleted.
func TestCompressedPagesAreThePlainOnes(t *testing.T) {
	s := accordtest.New(t)
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(0, 50)...)
	base := accordtest.Path("gsp")
	ask := func(path, coding string) accordtest.Answer {
		return s.Do(accordtest.Request{As: "agency", Path: path, Header: http.Header{"Accept-Encoding": {coding}}})
	}
	compare := func(when string) {
		t.Helper()
		for _, path := range []string{base + "objects/?limit=20", base + "objects/", base + "manifest/", base + "objects/" + accordtest.IndicatorID(3) + "/"} {
			plain := ask(path, "identity")
			if got := plain.Header.Get("Content-Encoding"); got != "" {
				t.Errorf("%s, %s for identity: got Content-Encoding %q, want none", when, path, got)
			}
			packed := ask(path, "gzip")
			if len(plain.Body) < 1400 {
				if !bytes.Equal(packed.Body, plain.Body) {
					t.Errorf("%s, %s: a small answer differs", when, path)
				}
				continue
			}
			if got := packed.Header.Get("Content-Encoding"); got != "gzip" {
				t.Fatalf("%s, %s: got Content-Encoding %q, want gzip", when, path, got)
			}
			if got := packed.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("%s, %s: got Vary %q, want Accept-Encoding", when, path, got)
			}
			r, err := gzip.NewReader(bytes.NewReader(packed.Body))
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(r); err != nil || !bytes.Equal(text, plain.Body) {
				t.Errorf("%s, %s: what was compressed unpacks to other bytes, %v", when, path, err)
			}
		}
	}
	compare("at first")
	compare("once more")
	s.Do(accordtest.Request{As: "vendor", Method: "DELETE", Path: base + "objects/" + accordtest.IndicatorID(7) + "/"})
	compare("after a deletion")
}
