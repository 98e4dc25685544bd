package console_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/audit"
)

// Who received what between two days: on the page, and in files that have all of it.
func TestDeliveriesBetweenDays(t *testing.T) {
	s := exchange(t)
	objects := accordtest.Path(accordtest.Programme) + "objects/"
	first := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for day, from := range []int{0, 3, 0} { // the agency reads everything, then the rest of it, then everything
		s.Clock.Set(first.AddDate(0, 0, day))
		if day == 1 {
			s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(10, 14)...)
		}
		path := objects
		if from > 0 {
			path += "?match[id]=" + accordtest.IndicatorID(10) + "," + accordtest.IndicatorID(12)
		}
		s.Get(accordtest.Agency, path)
	}
	b := as(t, s, accordtest.Agency)
	gsp := "/console/agreements/" + accordtest.Programme + "/deliveries/"
	rows := func(query url.Values) (list []audit.GivenVersion) {
		t.Helper()
		query.Set("format", "json")
		a := b.get(gsp + "?" + query.Encode())
		var file audit.GivenList
		if err := json.Unmarshal([]byte(a.Body), &file); err != nil || a.Status != http.StatusOK || file.Next != "" {
			t.Fatalf("%d %v: %s", a.Status, err, a.Body)
		}
		return file.Given
	}
	for _, row := range []struct {
		since, until, party string
		want                int
	}{
		{"2026-03-01", "", "", 5 + 2 + 9}, {"2026-03-01", "2026-03-01", "", 5}, {"2026-03-02", "2026-03-02", "", 2}, {"2026-03-02", "", "agency", 2 + 9},
		{"", "2026-02-28", "", 0}, {"2026-03-01", "2026-03-03", "vendor", 0}, {"2026-03-04", "", "", 0},
	} {
		list := rows(url.Values{"since": {row.since}, "until": {row.until}, "party": {row.party}})
		if len(list) != row.want {
			t.Errorf("%+v: got %d rows", row, len(list))
		}
		for i, g := range list {
			if g.Account != accordtest.Agency || g.Object == "" || g.Version == "" || i > 0 && g.At.Before(list[i-1].At) {
				t.Errorf("%+v: row %d is %+v", row, i, g)
			}
		}
	}
	if list := rows(url.Values{"since": {"2026-03-02"}, "until": {"2026-03-02"}}); len(list) == 2 && (list[0].Object != accordtest.IndicatorID(10) || list[1].Object != accordtest.IndicatorID(12) || !strings.Contains(list[0].Filter, "match[id]")) {
		t.Errorf("got %+v", list)
	}
	a := b.get(gsp + "?since=2026-03-01&until=2026-03-01&format=csv")
	table, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
	if err != nil || len(table) != 6 || table[1][1] != accordtest.Agency || table[1][7] == "" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("as CSV: %v %q", err, table)
	}
	b.get(gsp+"?since=2026-03-02&until=2026-03-02").has(t, accordtest.IndicatorID(12), "2026-03-02 12:00:00", "match[id]")
	b.get(gsp+"?since=2026-04-01").has(t, "Nothing was given in this time.")
	if a := b.get(gsp + "?since=yesterday"); a.Status != http.StatusBadRequest {
		t.Errorf("what is no day: %d", a.Status)
	}
	b.get(gsp).has(t, "Newest entry")
}

// Pages of any size give the same rows in the same order, each once.
func TestDeliveriesInPages(t *testing.T) {
	s := exchange(t)
	for i := range 4 {
		s.Clock.Set(s.Clock.Now().Add(time.Duration(i) * time.Second))
		s.Get(accordtest.Agency, accordtest.Path(accordtest.Programme)+"objects/?limit="+fmt.Sprint(1+i))
	}
	path := "/accord/v1/agreements/" + accordtest.Programme + "/deliveries/?since=2000-01-01"
	var whole audit.GivenList
	s.JSON(s.Get(accordtest.Operator, path+"&limit=1000"), &whole)
	if len(whole.Given) != 1+2+3+4 || whole.Next != "" {
		t.Fatalf("got %d rows, next %q", len(whole.Given), whole.Next)
	}
	for limit := 1; limit <= 11; limit++ {
		var got []audit.GivenVersion
		for next, pages := "", 0; ; pages++ {
			var part audit.GivenList
			s.JSON(s.Get(accordtest.Operator, fmt.Sprintf("%s&limit=%d&next=%s", path, limit, next)), &part)
			got = append(got, part.Given...)
			if next = part.Next; next == "" || pages > 20 {
				break
			}
			if len(part.Given) != limit {
				t.Errorf("a page of %d has %d rows", limit, len(part.Given))
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(whole.Given) {
			t.Errorf("in pages of %d: got %v, want %v", limit, got, whole.Given)
		}
	}
	if a := s.Get(accordtest.Operator, path+"&next=wrong"); a.Status != http.StatusBadRequest {
		t.Errorf("a wrong next: %d", a.Status)
	}
}
