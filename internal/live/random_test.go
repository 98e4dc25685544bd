package live_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/live"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// replay is what a reader of a stream holds: the versions that it was told of and that were not taken back.
type replay map[string]map[string]bool // object -> versions

func (r replay) take(t testing.TB, e event) {
	switch e.name {
	case live.EventAdded:
		if r[e.data.Object] == nil {
			r[e.data.Object] = map[string]bool{}
		}
		r[e.data.Object][e.data.Version] = true
	case live.EventDeleted, live.EventWithdrawn:
		if e.data.Of == 0 || journal.Position(e.id) <= e.data.Of {
			t.Errorf("got %d %s %s: what is it about?", e.id, e.name, e.text)
		}
		delete(r[e.data.Object], e.data.Version)
	}
}

// connection is what a reader was told over one connection.
type connection struct {
	start uint64 // the position after which it began
	shown map[journal.Position]bool
}

// take checks that a removal is about a version that the connection has shown, or that may have been shown before it: what was
// never shown is not taken back.
func (c *connection) take(t testing.TB, e event) {
	switch e.name {
	case live.EventAdded:
		c.shown[e.data.Position] = true
	case live.EventDeleted, live.EventWithdrawn:
		if uint64(e.data.Of) > c.start && !c.shown[e.data.Of] {
			t.Errorf("after %d: got %d %s %s, of a version that was not shown", c.start, e.id, e.name, e.text)
		}
	}
}

// poll is what a poll with a filter would show of what the reader holds: all versions, or the last of each object.
func (r replay) poll(all bool) []string {
	var list []string
	for object, versions := range r {
		sorted := slices.Sorted(maps.Keys(versions))
		if !all && len(sorted) > 1 {
			sorted = sorted[len(sorted)-1:]
		}
		for _, v := range sorted {
			list = append(list, object+" "+v)
		}
	}
	slices.Sort(list)
	return list
}

// polled is what a poll shows.
func polled(t testing.TB, s *accordtest.Server, filter string) []string {
	t.Helper()
	var manifest struct {
		Objects []struct{ ID, Version string }
	}
	a := s.Get(accordtest.Member, accordtest.Path(accordtest.Circle)+"manifest/?limit=10000&"+filter)
	if a.Status != 200 {
		t.Fatalf("poll: got %d %s", a.Status, a.Body)
	}
	s.JSON(a, &manifest)
	var list []string
	for _, o := range manifest.Objects {
		list = append(list, o.ID+" "+o.Version)
	}
	slices.Sort(list)
	return list
}

// Readers that come and go, under writers, a release that is withdrawn from, suspensions and deletions, hold in the end what
// polls show: no version less, and none more. No event is about a version that was removed before the reader began.
func TestAStreamShowsWhatPollsShow(t *testing.T) {
	const seed = 11
	s := accordtest.New(t)
	s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) {
		a.Release = append(a.Release, agreement.Release{To: accordtest.Circle})
	})
	circle := s.Collection(accordtest.Circle)
	filters := []struct {
		query string
		all   bool
	}{{"", false}, {"match[version]=all", true}, {"match[type]=tool", false}, {"match[type]=indicator&match[version]=all", true}}

	var final atomic.Uint64 // the length of the journal when nothing more is written
	var writers, readers sync.WaitGroup
	for _, f := range filters {
		for reader := range 2 {
			random := rand.New(rand.NewPCG(seed, uint64(100+reader)))
			readers.Go(func() { // it comes back after each end, and now and then of its own accord
				held, after := replay{}, uint64(0)
				defer func() {
					if got, want := held.poll(f.all), polled(t, s, f.query); !slices.Equal(got, want) {
						t.Errorf("?%s: the reader holds %d versions, a poll shows %d: %s", f.query, len(got), len(want), difference(got, want))
					}
				}()
				for {
					resp := open(t, s.Client, s.URL, accordtest.Member, accordtest.Circle, fmt.Sprintf("after=%d&%s", after, f.query))
					if resp.StatusCode == 403 {
						resp.Body.Close()
						continue // suspended
					}
					l := newListener(t, resp)
					c := connection{after, map[journal.Position]bool{}}
					if final := final.Load(); final > 0 && after >= final {
						return
					}
					for range 1 + random.IntN(60) {
						e := l.any()
						if e.name == live.EventEnd {
							break
						}
						if e.id > 0 {
							after = e.id
						}
						held.take(t, e)
						c.take(t, e)
						if final := final.Load(); final > 0 && after >= final {
							return
						}
					}
					resp.Body.Close()
				}
			})
		}
	}
	for writer := range 3 {
		random := rand.New(rand.NewPCG(seed, uint64(writer)))
		writers.Go(func() {
			for range 60 {
				n, v := random.IntN(12), random.IntN(5)
				switch random.IntN(8) {
				case 0, 1, 2:
					s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(n, v), accordtest.Tool(n, v))
				case 3, 4:
					s.Post(accordtest.Agency, accordtest.Path(accordtest.Circle), accordtest.Tool(20+n, v), accordtest.Indicator(20+n, v))
				case 5:
					remove(t, circle, removal(accordtest.ToolID(20+n), random), removal(accordtest.IndicatorID(20+n), random), removal(accordtest.ToolID(n), random))
				case 6:
					remove(t, s.Collection(accordtest.Programme), removal(accordtest.ToolID(n), random), removal(accordtest.IndicatorID(n), random))
				case 7:
					if writer > 0 {
						continue
					}
					s.Change(accordtest.Circle, "suspend", func(a *agreement.Agreement) {
						a.Suspended = &agreement.Mark{At: s.Clock.Now(), By: accordtest.Operator, Reason: "for a test"}
					})
					s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Tool(n, v))
					s.Change(accordtest.Circle, "resume", func(a *agreement.Agreement) { a.Suspended = nil })
				}
			}
		})
	}
	writers.Wait()
	// The release comes to rest with what was posted last; then nothing more is written.
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Tool(90_000, 0))
	for !holds(t, circle, stix.ID(accordtest.ToolID(90_000))) {
		stats, err := circle.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if !holds(t, circle, stix.ID(accordtest.ToolID(90_000))) {
			if err := circle.Wait(t.Context(), journal.Position(stats.Entries)); err != nil {
				t.Fatal(err)
			}
		}
	}
	stats, err := circle.Stats()
	if err != nil {
		t.Fatal(err)
	}
	final.Store(stats.Entries + 1)
	s.Change(accordtest.Circle, "stop", func(*agreement.Agreement) {})
	readers.Wait()
}

func removal(id string, random *rand.Rand) store.Change {
	r := &store.Removal{ID: stix.ID(id)}
	switch random.IntN(4) {
	case 0:
		r.Versions.All = true
	case 1:
		r.Versions.First = true
	default:
		r.Versions.Last = true
	}
	return store.Change{Remove: r}
}

func holds(t testing.TB, col *store.Collection, id stix.ID) (held bool) {
	t.Helper()
	if err := col.Snapshot(func(s *store.Snapshot) error { held = s.Holds(id); return nil }); err != nil {
		t.Fatal(err)
	}
	return held
}

func difference(got, want []string) string {
	var b strings.Builder
	for _, x := range got {
		if !slices.Contains(want, x) {
			fmt.Fprintf(&b, "\n  only the reader: %s", x)
		}
	}
	for _, x := range want {
		if !slices.Contains(got, x) {
			fmt.Fprintf(&b, "\n  only the poll: %s", x)
		}
	}
	return b.String()
}

// A reader that asks for more than one text at a time, or comes when much is there, gets all of it, in order.
func TestALongStreamIsInOrder(t *testing.T) {
	s := accordtest.New(t)
	const n = 1000
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, n)...)
	l := listen(t, s, accordtest.Agency, accordtest.Programme, "after=0&content=1")
	var last uint64
	for i := range n {
		e := l.want("added", accordtest.IndicatorID(i), accordtest.Modified(0))
		if e.id <= last {
			t.Fatalf("got the position %d after %d", e.id, last)
		}
		last = e.id
	}
}
