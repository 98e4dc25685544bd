package main

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// What a subject is compared with must be the same in everything that a client sees.
func TestReferencesRepeatWhatWasRecorded(t *testing.T) {
	dir := t.TempDir()
	body := []byte(`{"objects":[{}]}`)
	said := http.Header{"Content-Type": {mediaType}, "X-Taxii-Date-Added-Last": {"2026-01-01T00:00:00.000000Z"}, "Content-Length": {"16"}, "Date": {"once"}}
	if err := record(dir, "page", body, said); err != nil {
		t.Fatal(err)
	}
	answers, err := recordings(dir)
	if err != nil {
		t.Fatal(err)
	}
	for kind, h := range map[string]http.Handler{kindNetHTTP: bare(answers), kindEcho: bareEcho(answers)} {
		t.Run(kind, func(t *testing.T) {
			for range 2 {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/page?limit=100", nil))
				if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), body) {
					t.Errorf("got %d %q, want 200 %q", w.Code, w.Body, body)
				}
				if got, want := slices.Sorted(maps.Keys(w.Header())), []string{"Content-Length", "Content-Type", "X-Taxii-Date-Added-Last"}; !slices.Equal(got, want) {
					t.Errorf("got the headers %q, want %q", got, want)
				}
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/other", nil))
			if w.Code != http.StatusNotFound {
				t.Errorf("what was not recorded: got %d, want 404", w.Code)
			}
		})
	}
	if got, want := locations(answers), "location = /page {"; !strings.Contains(got, want) || !strings.Contains(got, `add_header X-Taxii-Date-Added-Last "2026-01-01T00:00:00.000000Z";`) {
		t.Errorf("got %q, want a location that adds the header", got)
	}
}
