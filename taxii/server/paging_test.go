package server_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
	"github.com/accord-taxii/accord/taxii/server"
)

var (
	timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`)
	urlSafe   = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// pageOf is what one answer of a list says.
type pageOf struct {
	Objects []struct{ ID, Modified, Version string }
	More    *bool
	Next    string
}

// readAll pages through a list, by next or by added_after, and returns what it got, in order. It holds every page to what
// each must obey. T-033, T-086, T-089, T-091, T-092, T-093, T-099, T-100.
func readAll(t *testing.T, s *accordtest.Server, who, path, filters string, limit int, byNext bool) []string {
	t.Helper()
	var got []string
	position, query := "", filters
	for page := 0; ; page++ {
		if page > 10_000 {
			t.Fatalf("%s does not end", path)
		}
		q := query
		if limit > 0 {
			q += fmt.Sprintf("&limit=%d", limit)
		}
		a := s.Get(who, path+"?"+q)
		if a.Status != 200 {
			t.Fatalf("%s: got %d\n%s", q, a.Status, a.Body)
		}
		var p pageOf
		s.JSON(a, &p)
		first, last := a.Header.Get(taxii.HeaderFirst), a.Header.Get(taxii.HeaderLast)
		if !timestamp.MatchString(first) || !timestamp.MatchString(last) || first > last {
			t.Fatalf("got the dates %q and %q", first, last)
		}
		if len(p.Objects) == 0 {
			if string(a.Body) != "{}" || first != last || page > 0 && byNext {
				t.Fatalf("%s: got an empty page %s with dates %s %s", q, a.Body, first, last)
			}
			return got
		}
		if first <= position {
			t.Fatalf("a page from %s on begins at %s", position, first)
		}
		if limit > 0 && len(p.Objects) > limit || p.More == nil || *p.More != (p.Next != "") {
			t.Fatalf("%s: got %d objects, more %v, next %q", q, len(p.Objects), p.More, p.Next)
		}
		for _, o := range p.Objects {
			got = append(got, o.ID+" "+o.Modified+o.Version)
		}
		position = last
		switch {
		case !*p.More:
			return got
		case byNext:
			if !urlSafe.MatchString(p.Next) || len(p.Next) > 200 {
				t.Fatalf("got the cursor %q, want a short one of URL-safe characters", p.Next)
			}
			query = "next=" + p.Next
		default:
			query = filters + "&added_after=" + last
		}
	}
}

// T-085, T-087, T-090, T-093, T-097: every way through a list gives the same, in the same order.
func TestEveryWayOfPagingGivesTheSame(t *testing.T) {
	s := accordtest.New(t)
	var objects [][]byte
	for n := range 60 {
		for v := range 1 + n%3 {
			objects = append(objects, accordtest.Indicator(n, v))
		}
		objects = append(objects, accordtest.Tool(n, 0))
	}
	s.Post("vendor", accordtest.Path("gsp"), objects...)
	for _, filters := range []string{"", "match[version]=all", "match[type]=tool", "match[version]=first&match[type]=indicator"} {
		want := readAll(t, s, "agency", accordtest.Path("gsp")+"objects/", filters, 0, true)
		if len(want) == 0 {
			t.Fatalf("%s: nothing", filters)
		}
		for _, list := range []string{"objects/", "manifest/"} {
			for _, limit := range []int{1, 7, len(want) - 1, len(want), len(want) + 1} {
				for _, byNext := range []bool{true, false} {
					got := readAll(t, s, "agency", accordtest.Path("gsp")+list, filters, limit, byNext)
					if !slices.Equal(got, want) {
						t.Errorf("%s %s limit %d, by next %v: got %d items, want %d in the same order", list, filters, limit, byNext, len(got), len(want))
					}
				}
			}
		}
	}
}

// T-091, T-092 on an object's versions.
func TestVersionsPageToo(t *testing.T) {
	s := accordtest.New(t)
	for v := range 7 {
		s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicator(1, v))
	}
	path := accordtest.Path("gsp") + "objects/" + accordtest.IndicatorID(1) + "/versions/"
	var got []string
	query := "?limit=3"
	for query != "" {
		var v taxii.Versions
		s.JSON(s.Get("agency", path+query), &v)
		got = append(got, v.Versions...)
		if query = ""; v.More {
			query = "?limit=2&next=" + v.Next
		}
	}
	if len(got) != 7 || got[0] != accordtest.Modified(0) || got[6] != accordtest.Modified(6) {
		t.Errorf("got %v, want all 7 in order", got)
	}
}

// T-089, T-090, T-098: the server's own bounds of a page.
func TestPagesAreBounded(t *testing.T) {
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{PageDefault: 10, PageMax: 20, PageBytes: 6000}))
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(0, 50)...)
	size := len(accordtest.Indicator(10, 0))
	for query, want := range map[string]int{"": 10, "limit=3": 3, "limit=15": min(15, 6000/size), "limit=5000": min(20, 6000/size), "limit=9007199254740991": min(20, 6000/size)} {
		a := s.Get("agency", accordtest.Path("gsp")+"objects/?"+query)
		if got := len(items(t, s, a)); got > want || got < want-1 || !strings.Contains(string(a.Body), `"more":true`) {
			t.Errorf("%s: got %d objects, want %d and more\n", query, got, want)
		}
	}
	if got := readAll(t, s, "agency", accordtest.Path("gsp")+"objects/", "", 0, true); len(got) != 50 {
		t.Errorf("got %d objects in all, want 50", len(got))
	}
}

// T-093, T-094, T-095: what a cursor carries and what it does not.
func TestCursors(t *testing.T) {
	s := accordtest.New(t)
	var objects [][]byte
	for n := range 10 {
		objects = append(objects, accordtest.Indicator(n, 0), accordtest.Tool(n, 0))
	}
	s.Post("vendor", accordtest.Path("gsp"), objects...)
	s.Post("vendor", accordtest.Path("intake"), objects...)
	path := accordtest.Path("gsp") + "objects/"
	var first pageOf
	s.JSON(s.Get("agency", path+"?limit=3&match[type]=tool"), &first)
	next := "?next=" + first.Next
	for _, row := range []struct {
		name, path string
		status     int
		want       int
	}{
		{"alone it carries the filters", path + next, 200, 7},
		{"beside the same filter", path + next + "&match[type]=tool", 200, 7},
		{"with another limit", path + next + "&limit=2", 200, 2},
		{"beside added_after, which is ignored", path + next + "&added_after=2999-01-01T00:00:00Z", 200, 7},
		{"on the manifest", accordtest.Path("gsp") + "manifest/" + next, 200, 7},
		{"beside another filter", path + next + "&match[type]=indicator", 400, 0},
		{"in another collection, where it counts as none", accordtest.Path("intake") + "objects/" + next, 200, 20},
		{"cut", path + next[:len(next)-1], 400, 0},
		{"changed", path + next[:10] + flipped(next[10]) + next[11:], 400, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := s.Get("agency", row.path)
			if row.status != 200 {
				refused(t, s, a, row.status)
				return
			}
			var p pageOf
			s.JSON(a, &p)
			if len(p.Objects) != row.want {
				t.Errorf("got %d (%d), want %d", len(p.Objects), a.Status, row.want)
			}
		})
	}
	t.Run("it grants nothing", func(t *testing.T) {
		refused(t, s, s.Get("outsider", path+next), 404)
	})
	t.Run("it outlives what it points at", func(t *testing.T) {
		for n := range 10 {
			s.Do(accordtest.Request{As: "vendor", Method: "DELETE", Path: path + accordtest.ToolID(n) + "/"})
		}
		a := s.Get("agency", path+next) // T-096: legal, because objects were deleted in between
		if a.Status != 200 || string(a.Body) != "{}" {
			t.Errorf("got %d %s, want 200 {}", a.Status, a.Body)
		}
	})
	t.Run("it carries the identifiers it was made under", func(t *testing.T) {
		var ids []string
		for n := range 10 {
			ids = append(ids, accordtest.IndicatorID(n))
		}
		var p pageOf
		s.JSON(s.Get("agency", path+"?limit=4&match[id]="+strings.Join(ids, ",")), &p)
		s.JSON(s.Get("agency", path+"?next="+url.QueryEscape(p.Next)), &p)
		if len(p.Objects) != 6 {
			t.Errorf("got %d objects, want the other 6", len(p.Objects))
		}
	})
	t.Run("with long filters it asks for them again", func(t *testing.T) {
		var ids []string
		for n := range 100 {
			ids = append(ids, accordtest.IndicatorID(n))
		}
		filter := "match[id]=" + strings.Join(ids, ",")
		var p pageOf
		s.JSON(s.Get("agency", path+"?limit=4&"+filter), &p)
		if len(p.Next) > 200 || p.Next == "" {
			t.Fatalf("got the cursor %q", p.Next)
		}
		next := "&next=" + url.QueryEscape(p.Next)
		if e := refused(t, s, s.Get("agency", path+"?limit=4"+next), 400); !strings.Contains(e.Description, "repeat exactly the filters") {
			t.Errorf("without them: got %q, want to be told to repeat them", e.Description)
		}
		p = pageOf{}
		s.JSON(s.Get("agency", path+"?limit=4&"+filter+next), &p)
		if len(p.Objects) != 4 {
			t.Errorf("got %d objects, want the next 4", len(p.Objects))
		}
	})
}

// flipped is another character of the same alphabet.
func flipped(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// T-101: the dates of an empty answer make no client lose anything.
func TestDatesOfAnEmptyAnswer(t *testing.T) {
	s := accordtest.New(t)
	path := accordtest.Path("gsp") + "objects/"
	for query, want := range map[string]string{
		"":                                 "1970-01-01T00:00:00.000000Z",
		"added_after=2024-05-06T07:08:09Z": "2024-05-06T07:08:09.000000Z",
		"added_after=2024-05-06T07:08:09.1234567Z": "2024-05-06T07:08:09.123456Z",
	} {
		a := s.Get("agency", path+"?"+query)
		if first, last := a.Header.Get(taxii.HeaderFirst), a.Header.Get(taxii.HeaderLast); first != want || last != want {
			t.Errorf("%q: got %s and %s, want %s", query, first, last, want)
		}
	}
	a := s.Get("agency", "/nicp/collections/")
	if a.Header.Get(taxii.HeaderFirst) != "" {
		t.Error("the dates are sent where they mean nothing")
	}
}

// T-097: a poller that follows the date of the last object gets everything, once, while four writers write.
func TestAPollerMissesNothingWhileOthersWrite(t *testing.T) {
	const writers, posts, each = 4, 25, 20
	s := accordtest.New(t)
	path := accordtest.Path("gsp")
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for p := range posts {
				from := (w*posts + p) * each
				a, err := s.Try(accordtest.Request{As: "vendor", Method: "POST", Path: path + "objects/",
					Body: accordtest.Envelope(accordtest.Indicators(from, from+each)...)})
				if err != nil || a.Status != 202 {
					t.Errorf("add: got %d %v\n%s", a.Status, err, a.Body)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() { writing.Wait(); close(written) }()
	seen := map[string]int{}
	after := "1970-01-01T00:00:00Z"
	for done := false; ; {
		select {
		case <-written:
			done = true
		default:
		}
		a := s.Get("agency", path+"objects/?limit=37&added_after="+after)
		got := items(t, s, a)
		for _, o := range got {
			seen[o.ID]++
		}
		after = a.Header.Get(taxii.HeaderLast)
		if done && len(got) == 0 {
			break
		}
	}
	for id, n := range seen {
		if n > 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	if want := writers * posts * each; len(seen) != want {
		t.Errorf("the poller got %d objects, want %d", len(seen), want)
	}
}

// The packages below TAXII write times as package taxii does, and so versions of objects that have none.
func TestTimesHaveOneLayout(t *testing.T) {
	if journal.TimeFormat != taxii.TimeFormat {
		t.Errorf("layout of the journal's times: got %s, want %s", journal.TimeFormat, taxii.TimeFormat)
	}
}
