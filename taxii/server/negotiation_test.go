package server_test

import (
	"net/http"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii"
)

// T-014 to T-018, T-020: Accept on each resource.
func TestAcceptDecidesOnEveryResource(t *testing.T) {
	s := accordtest.New(t)
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicator(1, 0))
	objects := accordtest.Path("gsp") + "objects/"
	resources := []string{"/taxii2/", "/nicp/", "/nicp/collections/", accordtest.Path("gsp"), accordtest.Path("gsp") + "manifest/",
		objects, objects + accordtest.IndicatorID(1) + "/", objects + accordtest.IndicatorID(1) + "/versions/"}
	const manifest = 4
	for _, row := range []struct {
		name, accept string
		served       bool
		manifest     bool // served there at least
	}{
		{"the TAXII type", taxii.MediaType, true, true},
		{"without its version", "application/taxii+json", true, true},
		{"with spaces and another case", "Application/TAXII+JSON ; Version=2.1", true, true},
		{"with a quoted version", `application/taxii+json;version="2.1"`, true, true},
		{"with a charset", "application/taxii+json;version=2.1;charset=utf-8", true, true},
		{"after another type", "text/html, application/taxii+json;version=2.1", true, true},
		{"after another version", "application/taxii+json;version=2.0,application/taxii+json;version=2.1", true, true},
		{"as the manifest's definition has it", "application/taxii+json;version=2.1,application/stix+json;version=2.1", true, true},
		{"anything", "*/*", true, true},
		{"any application", "application/*", true, true},
		{"as a browser has it", "text/html,application/xhtml+xml,*/*;q=0.8", true, true},
		{"no header", "-", true, true},
		{"STIX alone", "application/stix+json;version=2.1", false, true},
		{"version 2.0", "application/taxii+json;version=2.0", false, false},
		{"version 3.0", "application/taxii+json;version=3.0", false, false},
		{"refused by q=0", "application/taxii+json;version=2.1;q=0", false, false},
		{"the deprecated alias", "application/vnd.oasis.taxii+json; version=2.1", false, false},
		{"plain JSON", "application/json", false, false},
		{"HTML", "text/html", false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			for i, path := range resources {
				a := s.Do(accordtest.Request{As: "vendor", Path: path, Accept: row.accept})
				if served := row.served || row.manifest && i == manifest; !served {
					refused(t, s, a, http.StatusNotAcceptable)
				} else if a.Status != 200 || a.Header.Get("Content-Type") != taxii.MediaType {
					t.Errorf("%s: got %d as %q, want 200 as %s", path, a.Status, a.Header.Get("Content-Type"), taxii.MediaType)
				}
			}
		})
	}
}

// T-019, T-109: Content-Type and Content-Encoding of a body.
func TestContentTypeDecidesOnAdding(t *testing.T) {
	s := accordtest.New(t)
	for _, row := range []struct {
		name, contentType string
		header            http.Header
		status            int
	}{
		{"the TAXII type", taxii.MediaType, nil, 202},
		{"without its version", "application/taxii+json", nil, 202},
		{"spelled otherwise", `application/TAXII+json; version="2.1"; charset=utf-8`, nil, 202},
		{"version 2.0", "application/taxii+json;version=2.0", nil, 415},
		{"plain JSON", "application/json", nil, 202},
		{"STIX", "application/stix+json;version=2.1", nil, 202},
		{"STIX 2.0", "application/stix+json; version=2.0", nil, 202},
		{"the deprecated alias", "application/vnd.oasis.stix+json; version=2.0", nil, 415},
		{"none", "-", nil, 415},
		{"compressed", "", http.Header{"Content-Encoding": {"gzip"}}, 415},
		{"compressed in no way", "", http.Header{"Content-Encoding": {"identity"}}, 202},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := s.Do(accordtest.Request{As: "vendor", Method: "POST", Path: accordtest.Path("gsp") + "objects/",
				ContentType: row.contentType, Header: row.header, Body: accordtest.Envelope(accordtest.Indicator(1, 0))})
			if a.Status != row.status {
				t.Errorf("got %d, want %d\n%s", a.Status, row.status, a.Body)
			}
			if a.Status != 202 {
				refused(t, s, a, row.status)
			}
		})
	}
	t.Run("it means nothing on GET and DELETE", func(t *testing.T) {
		header := http.Header{"Content-Type": {"text/plain"}}
		path := accordtest.Path("gsp") + "objects/" + accordtest.IndicatorID(1) + "/"
		for _, method := range []string{"GET", "DELETE"} {
			if a := s.Do(accordtest.Request{As: "vendor", Method: method, Path: path, Header: header}); a.Status != 200 {
				t.Errorf("%s: got %d, want 200", method, a.Status)
			}
		}
	})
}
