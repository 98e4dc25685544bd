package admin_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// A report has what happened from its first moment on, and before its last: additions, changes of terms, what was given out, and usage.
func TestAReportKeepsToItsTime(t *testing.T) {
	s := accordtest.New(t)
	begin := time.Now().Add(time.Hour).Truncate(time.Second)
	var added, changed []time.Time
	for n := range 3 {
		s.Clock.Set(begin.Add(time.Duration(n) * 24 * time.Hour))
		s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(n, 0))
		s.Clock.Set(s.Clock.Now().Add(time.Hour))
		if a := s.Get(accordtest.Agency, accordtest.Path(accordtest.Programme)+"objects/?match[id]="+accordtest.IndicatorID(n)); a.Status != http.StatusOK {
			t.Fatal(a.Status)
		}
		s.Clock.Set(s.Clock.Now().Add(time.Hour))
		s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) { a.Description += "." })
		if err := s.Collection(accordtest.Programme).Snapshot(func(l *store.Snapshot) error {
			versions, err := l.Versions(stix.ID(accordtest.IndicatorID(n)))
			if err != nil {
				return err
			}
			added = append(added, versions[0].Added)
			length, err := l.Length()
			if err != nil {
				return err
			}
			e, err := l.Entry(length)
			changed = append(changed, e.At)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for name, row := range map[string]struct {
		from, to        time.Time
		objects         []int // that were added
		terms, receipts int
	}{
		"from an addition on":           {added[1], time.Time{}, []int{1, 2}, 2, 2},
		"from after it":                 {added[1].Add(time.Microsecond), time.Time{}, []int{2}, 2, 2},
		"until before it":               {time.Time{}, added[1], []int{0}, 2, 1}, // one of the terms created the agreement
		"until after it":                {time.Time{}, added[1].Add(time.Microsecond), []int{0, 1}, 2, 1},
		"of no time at all":             {added[1], added[1], nil, 0, 0},
		"from one addition to the next": {added[1], added[2], []int{1}, 1, 1},
		"from a change of terms on":     {changed[1], time.Time{}, []int{2}, 2, 1},
		"from after it to the end":      {changed[1].Add(time.Microsecond), time.Time{}, []int{2}, 1, 1},
		"until a change of terms":       {added[0], changed[1], []int{0, 1}, 1, 2},
		"after everything":              {changed[2].Add(time.Hour), time.Time{}, nil, 0, 0},
	} {
		q := url.Values{"format": {"json"}}
		for key, at := range map[string]time.Time{"from": row.from, "to": row.to} {
			if !at.IsZero() {
				q.Set(key, at.UTC().Format(time.RFC3339Nano))
			}
		}
		a := s.Get(accordtest.Operator, "/accord/v1/agreements/"+accordtest.Programme+"/report/?"+q.Encode())
		if a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", name, a.Status, a.Body)
		}
		var got struct{ Report admin.Report }
		s.JSON(a, &got)
		var objects []int
		for _, sample := range got.Report.Samples {
			for n := range 3 {
				if sample.Object == accordtest.IndicatorID(n) {
					objects = append(objects, n)
				}
			}
		}
		shared, received, used, given := uint64(0), 0, uint64(0), uint64(0)
		for _, one := range got.Report.Shared {
			shared += one.Versions
		}
		for _, one := range got.Report.Received {
			received += int(one.Positions)
		}
		for _, one := range got.Report.Usage {
			used, given = used+one.Added, given+one.Received
		}
		want := uint64(len(row.objects))
		if !slices.Equal(objects, row.objects) || shared != want || used != want {
			t.Errorf("%s: objects %v, %d shared, %d by usage; want %v", name, objects, shared, used, row.objects)
		}
		if len(got.Report.Terms) != row.terms || received != row.receipts || given != uint64(row.receipts) {
			t.Errorf("%s: %d changes of terms, %d received, %d by usage; want %d and %d", name, len(got.Report.Terms), received, given, row.terms, row.receipts)
		}
	}
}
