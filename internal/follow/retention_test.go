package follow_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

func TestRetention(t *testing.T) {
	a, b := idOf("campaign", "a"), idOf("campaign", "b")
	texts := []string{
		object("campaign", "a", 1, ""), object("campaign", "a", 2, ""), object("campaign", "a", 3, ""),
		object("campaign", "b", 1, ""), relationship("r", a, b, 1, ""), object("malware", "m", 1, ""),
		`{"type":"url","spec_version":"2.1","id":"url--c1477287-23ac-5971-a010-5c287877fa60","value":"https://example.com/"}`,
	}
	url := "url--c1477287-23ac-5971-a010-5c287877fa60"
	for _, row := range []struct {
		name  string
		rule  agreement.Retention
		after time.Duration // since everything was added
		again []string      // added shortly before
		want  string
	}{
		{"nothing is said, nothing is dropped", agreement.Retention{}, 1000 * 24 * time.Hour, nil, "a@1 a@2 a@3 b@1 m@1 r@1 " + url},
		{"the newest versions are kept", agreement.Retention{Versions: 2}, 0, nil, "a@2 a@3 b@1 m@1 r@1 " + url},
		{"what is young is kept", agreement.Retention{MaxAgeDays: 90}, 89 * 24 * time.Hour, nil, "a@1 a@2 a@3 b@1 m@1 r@1 " + url},
		{"what is old goes", agreement.Retention{MaxAgeDays: 90}, 91 * 24 * time.Hour, nil, ""},
		{"what a kept relationship refers to is kept", agreement.Retention{MaxAgeDays: 90}, 91 * 24 * time.Hour,
			[]string{relationship("q", a, idOf("campaign", "c"), 1, "")}, "a@1 a@2 a@3 q@1"},
		{"both rules hold", agreement.Retention{MaxAgeDays: 90, Versions: 1}, 91 * 24 * time.Hour,
			[]string{relationship("q", a, idOf("campaign", "c"), 1, "")}, "a@3 q@1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var clock atomic.Int64 // seconds since 1970
			begin := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
			clock.Store(begin.Unix())
			x := openWith(t, t.TempDir(), store.Options{Now: func() time.Time { return time.Unix(clock.Load(), 0) }})
			col := x.agreement("kept", func(a *agreement.Agreement) { a.Retention = row.rule })
			x.add("kept", texts...)
			now := begin.Add(row.after)
			if row.again != nil {
				clock.Store(now.Add(-time.Hour).Unix())
				x.add("kept", row.again...)
			}
			n, err := follow.Sweep(t.Context(), col, now, nil)
			x.must(err)
			got := x.holds("kept")
			if strings.Join(got, " ") != row.want {
				t.Errorf("got %q, want %q", strings.Join(got, " "), row.want)
			}
			if want := len(texts) + len(row.again) - len(got); n != want {
				t.Errorf("got %d deleted, want %d", n, want)
			}
			x.must(col.Entries(1, 1<<20, func(_ journal.Position, e journal.Entry, _ []byte) bool {
				if e.Kind == journal.Deleted && (e.Account != "" || !strings.HasPrefix(e.Reason, "retention: ")) {
					t.Errorf("got a deletion by %q because %q, want one by the system because of retention", e.Account, e.Reason)
				}
				return true
			}))
			if n, err := follow.Sweep(t.Context(), col, now, nil); n != 0 || err != nil {
				t.Errorf("a second sweep: got %d, %v, want nothing to do", n, err)
			}
		})
	}
}
