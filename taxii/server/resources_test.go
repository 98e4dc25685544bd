package server_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// T-008, T-009, T-031, T-038, T-039, T-040.
func TestDiscoveryNamesTheCallersRoots(t *testing.T) {
	s := accordtest.New(t)
	for who, want := range map[string][]string{
		"vendor": {"/nicp/"}, "agency": {"/members/", "/nicp/"}, "member": {"/members/"}, "outsider": nil, "root": {"/members/", "/nicp/"},
	} {
		a := s.Get(who, "/taxii2/")
		var d taxii.Discovery
		s.JSON(a, &d)
		if !slices.Equal(d.APIRoots, want) || d.Title != accordtest.Exchange || d.Contact == "" || d.Description == "" {
			t.Errorf("%s: got %+v, want the roots %v", who, d, want)
		}
		if d.Default != "" && !slices.Contains(d.APIRoots, d.Default) || (d.Default == "") != (len(want) == 0) {
			t.Errorf("%s: got the default %q of %v", who, d.Default, d.APIRoots)
		}
		for _, root := range d.APIRoots {
			if a := s.Get(who, root); a.Status != 200 {
				t.Errorf("%s: the root %s that discovery names answers %d", who, root, a.Status)
			}
		}
		noEmptyList(t, a)
	}
}

// T-041, T-042.
func TestAPIRootStatesVersionsAndSize(t *testing.T) {
	s := accordtest.New(t, accordtest.WithRoot(store.Root{Name: "bare"}))
	for root, want := range map[string]int64{"nicp": 100 << 20, "members": accordtest.SmallBody, "bare": 100 << 20} {
		var r taxii.APIRoot
		s.JSON(s.Get("agency", "/"+root+"/"), &r)
		if r.MaxContentLength != want || r.Title == "" || !slices.Equal(r.Versions, []string{taxii.MediaType}) {
			t.Errorf("%s: got %+v, want max_content_length %d and %s", root, r, want, taxii.MediaType)
		}
	}
	refused(t, s, s.Get("agency", "/none/"), 404)
}

// T-032, T-051, T-052, T-054, T-055.
func TestCollectionsAreThoseOfTheCaller(t *testing.T) {
	s := accordtest.New(t)
	for _, row := range []struct{ who, root, aliases string }{
		{"vendor", "nicp", "gsp intake"},
		{"agency", "nicp", "gsp intake"},
		{"agency", "members", "circle watch"},
		{"member", "members", "circle"},
		{"member", "nicp", ""},
		{"outsider", "members", ""},
		{"root", "members", "circle tomorrow watch"},
	} {
		path := "/" + row.root + "/collections/"
		first := s.Get(row.who, path)
		var list taxii.Collections
		s.JSON(first, &list)
		var aliases []string
		for _, c := range list.Collections {
			aliases = append(aliases, c.Alias)
			if id, err := uuid.Parse(c.ID); err != nil || id.Version() != 4 {
				t.Errorf("%s: the id %s is no UUID of version 4", c.Alias, c.ID)
			}
			for _, name := range []string{c.ID, c.Alias} {
				var one taxii.Collection
				s.JSON(s.Get(row.who, path+name+"/"), &one)
				if one.ID != c.ID || one.CanRead != c.CanRead || one.CanWrite != c.CanWrite || one.Title != c.Title {
					t.Errorf("%s: got %+v alone and %+v in the list", name, one, c)
				}
			}
			want := []string{taxii.StixMediaType}
			if c.Alias == "circle" {
				want = []string{"application/stix+json;version=2.0", taxii.StixMediaType}
			}
			if !slices.Equal(c.MediaTypes, want) {
				t.Errorf("%s: got media types %v, want %v", c.Alias, c.MediaTypes, want)
			}
		}
		if got := strings.Join(aliases, " "); got != row.aliases {
			t.Errorf("%s in %s: got %q, want %q", row.who, row.root, got, row.aliases)
		}
		if row.aliases == "" && string(first.Body) != "{}" {
			t.Errorf("%s in %s: got %s, want {}", row.who, row.root, first.Body)
		}
		if again := s.Get(row.who, path); string(again.Body) != string(first.Body) {
			t.Errorf("the list changed between two requests:\n%s\n%s", first.Body, again.Body)
		}
	}
}

// T-010, T-011, T-012, T-013, T-119: every endpoint with and without its slash, HEAD like GET, 405 for the rest.
func TestEveryEndpointInEveryForm(t *testing.T) {
	s := accordtest.New(t)
	var status taxii.Status
	s.JSON(s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicator(1, 0)), &status)
	names := strings.NewReplacer("{root}", "nicp", "{collection}", "gsp", "{object}", accordtest.IndicatorID(1), "{status}", status.ID)
	for _, route := range s.TAXII.Routes() {
		path := names.Replace(route.Path)
		t.Run(route.Path, func(t *testing.T) {
			get := s.Get("vendor", path)
			bare := s.Get("vendor", strings.TrimSuffix(path, "/"))
			if get.Status != 200 || bare.Status != 200 || string(get.Body) != string(bare.Body) || !json.Valid(get.Body) {
				t.Errorf("got %d %s and, without the slash, %d %s, want 200 and one JSON text", get.Status, get.Body, bare.Status, bare.Body)
			}
			noEmptyList(t, get)
			head := s.Do(accordtest.Request{As: "vendor", Method: "HEAD", Path: path})
			if head.Status != 200 || len(head.Body) != 0 || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") ||
				head.Header.Get("Content-Type") != taxii.MediaType {
				t.Errorf("HEAD: got %d %v, want what GET has: %v", head.Status, head.Header, get.Header)
			}
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
				if slices.Contains(route.Methods, method) {
					continue
				}
				a := s.Do(accordtest.Request{As: "vendor", Method: method, Path: path})
				refused(t, s, a, http.StatusMethodNotAllowed)
				if got, want := a.Header.Get("Allow"), strings.Join(route.Methods, ", "); got != want {
					t.Errorf("%s: got Allow %q, want %q", method, got, want)
				}
			}
		})
	}
}

var emptyList = regexp.MustCompile(`\[\s*\]`)

// T-034.
func noEmptyList(t *testing.T, a accordtest.Answer) {
	t.Helper()
	if emptyList.Match(a.Body) {
		t.Errorf("an empty list in %s", a.Body)
	}
}

// T-037: what is malformed is 400, also where no parameter is defined.
func TestMalformedQueriesAre400(t *testing.T) {
	s := accordtest.New(t)
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicator(1, 0))
	c := accordtest.Path("gsp")
	for _, path := range []string{"/nicp/collections/", c, c + "objects/", c + "manifest/", c + "objects/" + accordtest.IndicatorID(1) + "/"} {
		for _, query := range []string{"limit=%zz", "a=b;c=d", "%"} {
			refused(t, s, s.Get("vendor", path+"?"+query), 400)
		}
	}
}

// Weird paths are 404 and no worse. T-016, T-035.
func TestStrangePathsAre404(t *testing.T) {
	s := accordtest.New(t)
	for _, path := range []string{"/", "//", "/taxii2/x/", "/taxii/", "/nicp/./collections/", "/nicp/../taxii2/", "/nicp/collections/gsp/objects/%2e%2e/",
		"/nicp/collections/gsp/objects/a%2Fb/", "/nicp/collections/%67%73%70%00/", "/nicp/nothing/", "/%6eicp/collections/gsp/objects/%ff/", "/nicp/collections/gsp/objects/x/versions/y/"} {
		a := s.Get("vendor", path)
		refused(t, s, a, 404)
	}
	if a := s.Get("vendor", "/n%69cp/collections/%67sp/"); a.Status != 200 {
		t.Errorf("a percent-encoded path: got %d, want 200", a.Status)
	}
}
