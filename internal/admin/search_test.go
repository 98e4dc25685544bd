package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/index"
)

func searchAs(t *testing.T, s *accordtest.Server, as, query string) (result index.Results) {
	t.Helper()
	a := s.Get(as, "/accord/v1/search/?"+query)
	if a.Status != 200 {
		t.Fatalf("%s searches %s: got %d %s", as, query, a.Status, a.Body)
	}
	s.JSON(a, &result)
	return result
}

// An account finds what it could pull and nothing else: in results, totals, facets, graphs and counts.
func TestASearchShowsWhatTheAccountCouldPull(t *testing.T) {
	s := accordtest.New(t, accordtest.WithIndex())
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 5)...)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Intake), accordtest.Indicators(5, 7)...)
	s.Post(accordtest.Agency, accordtest.Path(accordtest.Circle), accordtest.Indicators(7, 10)...)
	s.Post(accordtest.Agency, accordtest.Path(accordtest.Watch), accordtest.Indicators(10, 14)...)
	for _, row := range []struct {
		who  string
		want map[string]uint64 // by agreement
	}{
		{accordtest.Vendor, map[string]uint64{"gsp": 5}},                                         // adds to intake, but does not read there
		{accordtest.Agency, map[string]uint64{"gsp": 5, "intake": 2, "circle": 3, "watch": 4}},   //
		{accordtest.Member, map[string]uint64{"circle": 3}},                                      // audits watch, which is not reading
		{accordtest.Outsider, nil},                                                               //
		{accordtest.Operator, map[string]uint64{"gsp": 5, "intake": 2, "circle": 3, "watch": 4}}, //
	} {
		var total uint64
		for _, n := range row.want {
			total += n
		}
		got := searchAs(t, s, row.who, "type=indicator&limit=1000")
		byAgreement := map[string]uint64{}
		for _, r := range got.Results {
			byAgreement[r.Agreement]++
			if r.Party != "" && row.who != accordtest.Operator {
				t.Errorf("%s is told that %s added %s", row.who, r.Party, r.ID)
			}
		}
		if got.Total != total || fmt.Sprint(byAgreement) != fmt.Sprint(orEmpty(row.want)) {
			t.Errorf("%s: got %d in %v, want %v", row.who, got.Total, byAgreement, row.want)
		}
		for _, c := range got.Facets["agreement"] {
			if row.want[c.Value] != c.Count {
				t.Errorf("%s: got %d in the facet %s, want %d", row.who, c.Count, c.Value, row.want[c.Value])
			}
		}
		var stats admin.Stats
		s.JSON(s.Get(row.who, "/accord/v1/stats"), &stats)
		if stats.Objects != total {
			t.Errorf("%s: got %d objects in stats, want %d", row.who, stats.Objects, total)
		}
		if a := s.Get(row.who, "/accord/v1/graph/"+accordtest.IndicatorID(12)); a.Status != map[bool]int{true: 200, false: 404}[row.want["watch"] > 0] {
			t.Errorf("%s asks for the graph of an object of watch: got %d", row.who, a.Status)
		}
	}
}

func orEmpty(m map[string]uint64) map[string]uint64 {
	if m == nil {
		return map[string]uint64{}
	}
	return m
}

// What a search shows is in the account of deliveries; a count is not.
func TestASearchIsADelivery(t *testing.T) {
	s := accordtest.New(t, accordtest.WithIndex())
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 3)...)
	received := func() string {
		return string(s.Get(accordtest.Operator, "/accord/v1/agreements/gsp/deliveries/?object="+accordtest.IndicatorID(1)).Body)
	}
	s.Get(accordtest.Agency, "/accord/v1/stats/")
	if got := received(); strings.Contains(got, accordtest.Agency) {
		t.Errorf("after a count: got %s, want no delivery", got)
	}
	searchAs(t, s, accordtest.Agency, "q="+accordtest.IndicatorID(1))
	if got := received(); !strings.Contains(got, accordtest.Agency) || !strings.Contains(got, "search") {
		t.Errorf("after a search: got %s, want a delivery to the agency by search", got)
	}
}

// Wrong questions are the caller's fault, and say what would be right.
func TestWrongSearches(t *testing.T) {
	s := accordtest.New(t, accordtest.WithIndex())
	for query, want := range map[string]string{
		"q=x&next=nothing":    "next is not a value that an answer gave",
		"q=x&since=yesterday": "2026-03-01",
		"q=x&confidence=high": "whole number",
		"q=x&limit=0":         "whole number",
		"q=x&colour=red":      "colour",
		"q=x&valid=perhaps":   "true or false",
		"q=x&tlp=purple":      "tlp",
	} {
		a := s.Get(accordtest.Agency, "/accord/v1/search?"+query)
		if a.Status != 400 || !strings.Contains(string(a.Body), want) {
			t.Errorf("%s: got %d %s, want 400 with %q", query, a.Status, a.Body, want)
		}
	}
	for path, status := range map[string]int{"graph/x": 400, "graph/" + accordtest.IndicatorID(1): 404, "graph/" + accordtest.IndicatorID(1) + "?depth=9": 400} {
		if a := s.Get(accordtest.Agency, "/accord/v1/"+path); a.Status != status {
			t.Errorf("%s: got %d %s, want %d", path, a.Status, a.Body, status)
		}
	}
}

// Thousands of values are asked for in one body, and each is counted.
func TestManyValues(t *testing.T) {
	s := accordtest.New(t, accordtest.WithIndex())
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 20)...)
	var values []string
	for n := range 10_000 {
		values = append(values, accordtest.IndicatorID(n))
	}
	body := fmt.Sprintf(`{"q":["%s"],"limit":5}`, strings.Join(values, `","`))
	var seen []string
	next := ""
	for {
		if next != "" {
			body = fmt.Sprintf(`{"q":["%s"],"limit":5,"next":%q}`, strings.Join(values, `","`), next)
		}
		a := s.Do(accordtest.Request{As: accordtest.Agency, Method: "POST", Path: "/accord/v1/search/", Body: []byte(body), ContentType: "application/json"})
		var got index.Results
		s.JSON(a, &got)
		if a.Status != 200 || got.Total != 20 {
			t.Fatalf("got %d, %d objects, want 200 and 20: %.300s", a.Status, got.Total, a.Body)
		}
		for _, r := range got.Results {
			seen = append(seen, r.Matches...)
		}
		if next = got.Next; next == "" {
			break
		}
	}
	slices.Sort(seen)
	if want := values[:20]; !slices.Equal(seen, want) {
		t.Errorf("got %q, want %q", seen, want)
	}
}

// A server without an index says so.
func TestNoIndex(t *testing.T) {
	s := accordtest.New(t)
	if a := s.Get(accordtest.Agency, "/accord/v1/search?q=x"); a.Status != 503 || !strings.Contains(string(a.Body), "--no-index") {
		t.Errorf("got %d %s, want 503 that names --no-index", a.Status, a.Body)
	}
}
