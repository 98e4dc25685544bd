package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/taxii"
)

// realData is a folder of published STIX bundles beside the repository; it is no part of it.
const realData = "../../../shared/data"

// release is one bundle, its objects as they stand in it.
type release struct {
	name    string
	objects []json.RawMessage
}

// releases reads the bundles in the order in which they were published.
func releases(t testing.TB) []release {
	var files []string
	for _, pattern := range []string{"attack/*.json", "mvt/*.stix2"} {
		found, err := filepath.Glob(filepath.Join(realData, pattern))
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(found, func(a, b string) int { return slices.Compare(releaseNumber(a), releaseNumber(b)) })
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skipf("no real data: %s is absent", realData)
	}
	var list []release
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var bundle struct{ Objects []json.RawMessage }
		if err := json.Unmarshal(text, &bundle); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		list = append(list, release{name: filepath.Base(file), objects: bundle.Objects})
	}
	return list
}

// releaseNumber is what a file's name sorts by: "ics-attack-10.1.json" comes after "ics-attack-8.2.json".
func releaseNumber(file string) []int {
	var major, minor int
	name := filepath.Base(file)
	fmt.Sscanf(name[strings.LastIndex(name, "-")+1:], "%d.%d", &major, &minor)
	return []int{major, minor}
}

// version names one version of an object, whichever way its instant is spelled.
type version struct{ id, instant string }

func versionAt(t testing.TB, id, text string) version {
	in, err := stix.ParseInstant(text)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return version{id, string(in.AppendKey(nil))}
}

func versionOf(t testing.TB, text []byte) version {
	var o struct{ ID, Created, Modified string }
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	if o.Modified == "" {
		o.Modified = o.Created
	}
	return versionAt(t, o.ID, o.Modified)
}

// Real content goes in and comes out the same, by every way of paging and while another client keeps writing. T-067,
// T-093, T-097.
func TestRealDataComesBackAsItWasSent(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	all := releases(t)
	s := accordtest.New(t)
	path := accordtest.Path("gsp")
	sent := map[version]string{} // the compact text that was first
	conflicts, refusals := 0, 0
	for _, r := range all {
		again, other := 0, 0
		var objects [][]byte
		for _, o := range r.objects {
			compact, err := ijson.Compact(o)
			if err != nil {
				t.Fatal(err)
			}
			v := versionOf(t, compact)
			switch first, known := sent[v]; {
			case !known:
				sent[v] = string(compact)
			case ijson.Equal([]byte(first), compact):
				again++
			default:
				other++
			}
			objects = append(objects, o)
		}
		status := added(t, s, s.Post("vendor", path, objects...))
		if status.TotalCount != len(r.objects) {
			t.Errorf("%s: got a total of %d, want %d", r.name, status.TotalCount, len(r.objects))
		}
		stays := 0
		for _, f := range status.Failures {
			if strings.Contains(f.Message, "the stored one stays") {
				stays++
				continue
			}
			refusals++
			delete(sent, versionAt(t, f.ID, f.Version))
			if refusals < 10 {
				t.Errorf("%s: %s was refused: %s", r.name, f.ID, f.Message)
			}
		}
		present := 0
		for _, o := range status.Successes {
			if strings.Contains(o.Message, "already present") {
				present++
			}
		}
		if stays != other || present != again {
			t.Errorf("%s: got %d refused for other content and %d already present, want %d and %d", r.name, stays, present, other, again)
		}
		conflicts += other
	}
	t.Logf("%d versions sent, %d later ones refused because the version was there with other content, %d refused otherwise", len(sent), conflicts, refusals)
	comesBack(t, s, sent)
}

// comesBack reads everything by next and by added_after while another account writes, and compares.
func comesBack(t *testing.T, s *accordtest.Server, sent map[version]string) {
	done := make(chan struct{})
	var other sync.WaitGroup
	other.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			if _, err := s.Try(accordtest.Request{As: "vendor", Method: http.MethodPost, Path: accordtest.Path("gsp") + "objects/",
				Body: accordtest.Envelope(accordtest.Indicator(n, 0))}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for _, way := range []struct {
		limit  int
		byNext bool
	}{{0, true}, {10_000, true}, {97, false}, {2000, false}} {
		got := map[version]string{}
		query := "match[version]=all"
		more := true
		for more {
			q := query
			if way.limit > 0 {
				q += fmt.Sprintf("&limit=%d", way.limit)
			}
			a := s.Get("agency", accordtest.Path("gsp")+"objects/?"+q)
			var e taxii.Envelope
			s.JSON(a, &e)
			for _, o := range e.Objects {
				v := versionOf(t, o)
				if _, twice := got[v]; twice {
					t.Errorf("%v came twice", v)
				}
				got[v] = string(o)
			}
			// The other client never ends, so a page that is not full is the end.
			more = e.More && len(got) < 2*len(sent)
			if query = "match[version]=all&added_after=" + a.Header.Get(taxii.HeaderLast); way.byNext {
				query = "next=" + e.Next
			}
		}
		maps.DeleteFunc(got, func(v version, _ string) bool { return strings.HasPrefix(v.id, "indicator--7d3f9c2a-51b4-4e08-9a6d-") })
		if len(got) != len(sent) {
			t.Errorf("limit %d, by next %v: got %d versions, want %d", way.limit, way.byNext, len(got), len(sent))
		}
		different := 0
		for v, text := range sent {
			if got[v] != text {
				different++
			}
		}
		if different > 0 {
			t.Errorf("limit %d, by next %v: %d versions differ from what was sent", way.limit, way.byNext, different)
		}
	}
	close(done)
	other.Wait()
}
