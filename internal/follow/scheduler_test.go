package follow_test

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// running runs the releases until stop is called or the test ends.
func (x *exchange) running(c follow.Config) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	c.Store = x.store
	go func() {
		defer close(done)
		follow.New(c).Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	x.t.Cleanup(stop) // before the store is closed
	return stop
}

// until waits until an agreement holds so many versions.
func (x *exchange) until(ctx context.Context, name agreement.Name, versions uint64) {
	x.t.Helper()
	col := x.col(name)
	for {
		stats, err := col.Stats()
		x.must(err)
		if stats.Versions == versions {
			return
		}
		if err := col.Wait(ctx, journal.Position(stats.Entries)); err != nil {
			x.t.Fatalf("%s has %d versions, want %d: %v", name, stats.Versions, versions, err)
		}
	}
}

func TestARunningReleaseNoticesEverything(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	x := open(t, t.TempDir())
	x.agreement("one", nil)
	x.running(follow.Config{})
	x.now = time.Now()
	x.agreement("two", nil)
	x.add("one", object("campaign", "a", 1, ""))
	x.terms("one", "change", releaseTo("two", stix.Green))
	x.until(ctx, "two", 1)
	x.agreement("three", nil)
	x.terms("two", "change", releaseTo("three", 0))
	x.until(ctx, "three", 1)
	x.add("one", object("campaign", "b", 1, ""))
	x.until(ctx, "three", 2)
	x.remove("one", idOf("campaign", "b"), store.Versions{})
	x.until(ctx, "three", 1)
	begin := time.Now().Add(300 * time.Millisecond)
	x.agreement("later", func(a *agreement.Agreement) { a.Term.From = begin })
	x.terms("one", "change", releaseTo("later", 0))
	x.until(ctx, "later", 1)
	if time.Now().Before(begin) {
		t.Errorf("the release did not wait for the target's term to begin")
	}
	x.terms("one", "terminate", func(a *agreement.Agreement) {
		a.Terminated = &agreement.Mark{At: time.Now(), Withdraw: true}
	})
	x.until(ctx, "later", 0)
	x.until(ctx, "three", 0)
	lags, err := follow.LagsFrom(x.store, x.col("two"), time.Now())
	x.must(err)
	if len(lags) != 1 || lags[0].Target != "three" {
		t.Errorf("got %+v, want the release to three", lags)
	}
}

// While requests are answered a release runs in short bursts; if none are, in long ones.
func TestAReleaseGoesEasyOnThoseWhoWait(t *testing.T) {
	for _, row := range []struct {
		name        string
		requests    func(*exchange) func() uint64
		least, most uint64
	}{
		{"requests are answered all the time", func(x *exchange) func() uint64 {
			return func() uint64 { return x.pages.Add(1) }
		}, 8, 10},
		{"no request has been answered", func(x *exchange) func() uint64 { return x.pages.Load }, 2, 4},
		{"without a count of answered requests", func(*exchange) func() uint64 { return nil }, 2, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			x := open(t, t.TempDir())
			x.agreement("target", nil)
			x.agreement("source", releaseTo("target", stix.Green))
			var texts []string
			for i := range 1000 {
				texts = append(texts, indicator(i))
			}
			x.add("source", texts...)
			before := x.col("target").Commits()
			x.must(x.manager(follow.Config{Requests: row.requests(x)}).Settle(t.Context()))
			if n := x.col("target").Commits() - before; n < row.least || n > row.most {
				t.Errorf("got %d transactions, want %d to %d", n, row.least, row.most)
			}
			x.want("target", x.holds("source")...)
		})
	}
}

// BenchmarkLatency measures the time from the addition of an object to an idle exchange until it can be read in every
// target.
func BenchmarkLatency(b *testing.B) {
	for _, targets := range []int{1, 40} {
		b.Run(fmt.Sprintf("targets=%d", targets), func(b *testing.B) {
			x := open(b, b.TempDir())
			for i := range targets {
				x.agreement(nth(i), nil)
			}
			x.agreement("source", releaseToMany(targets))
			x.running(follow.Config{})
			var took []time.Duration
			n := uint64(0)
			for b.Loop() {
				n++
				x.add("source", object("campaign", fmt.Sprint(n), 1, "green"))
				began := time.Now()
				for i := range targets {
					x.until(b.Context(), nth(i), n)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

func nth(i int) agreement.Name { return agreement.Name(fmt.Sprintf("t%02d", i)) }

func releaseToMany(targets int) func(*agreement.Agreement) {
	return func(a *agreement.Agreement) {
		for i := range targets {
			a.Release = append(a.Release, agreement.Release{To: nth(i), MaxTLP: stix.Green})
		}
	}
}

// openFull returns an exchange with a source full of objects that have not been released to its targets yet.
func openFull(b *testing.B, targets, objects int) *exchange {
	x := open(b, b.TempDir())
	for i := range targets {
		x.agreement(nth(i), nil)
	}
	x.agreement("source", releaseToMany(targets))
	var texts []string
	for i := range objects {
		texts = append(texts, by(creator, indicator(i)))
	}
	x.now = time.Now()
	for chunk := range slices.Chunk(texts, 1000) {
		x.add("source", chunk...)
	}
	return x
}

// BenchmarkRelease measures the processor time to release an object into one of forty targets, as it is and changed.
func BenchmarkRelease(b *testing.B) {
	const targets, objects = 40, 5_000
	for name, change := range map[string]*agreement.Change{
		"plain": nil, "changed": {Author: agreement.AuthorKeep, Remove: []string{"name"}, Markings: &agreement.Raise{To: stix.Red}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				x := openFull(b, targets, objects)
				x.terms("source", "change", func(a *agreement.Agreement) {
					for i := range a.Release {
						a.Release[i].Change = change
					}
				})
				before := processor(b)
				b.StartTimer()
				stop := x.running(follow.Config{})
				for i := range targets {
					x.until(b.Context(), nth(i), objects)
				}
				b.StopTimer()
				b.ReportMetric(float64((processor(b)-before).Microseconds())/(targets*objects), "cpu-µs/object")
				stop()
				b.StartTimer()
			}
		})
	}
}

// processor returns the processor time of the process.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFortyTargets measures how long 10,000 objects take to reach forty targets, and how long a page of the source
// takes meanwhile.
func BenchmarkFortyTargets(b *testing.B) {
	const targets, objects = 40, 10_000
	for b.Loop() {
		b.StopTimer()
		x := openFull(b, targets, objects)
		usual := pages(b, x, 300, nil)
		b.StartTimer()
		ctx, cancel := context.WithCancel(context.Background())
		began := time.Now()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			follow.New(follow.Config{Store: x.store, Requests: x.pages.Load}).Run(ctx)
		}()
		reached := make(chan struct{})
		go func() {
			defer close(reached)
			for i := range targets {
				x.until(ctx, nth(i), objects)
			}
		}()
		busy := pages(b, x, 0, reached)
		b.ReportMetric(time.Since(began).Seconds(), "s/40-targets")
		b.ReportMetric(usual[len(usual)/2].Seconds()*1000, "usual-page-p50-ms")
		b.ReportMetric(usual[len(usual)*99/100].Seconds()*1000, "usual-page-p99-ms")
		b.ReportMetric(busy[len(busy)/2].Seconds()*1000, "busy-page-p50-ms")
		b.ReportMetric(busy[len(busy)*99/100].Seconds()*1000, "busy-page-p99-ms")
		cancel()
		<-ended
	}
}

func indicator(n int) string {
	return write(map[string]any{"type": "indicator", "id": idOf("indicator", fmt.Sprint(n)), "name": fmt.Sprintf("indicator %d", n),
		"description":  "Seen in a campaign against the makers of valves and pumps; block it at the border and report what you find.",
		"pattern_type": "stix", "pattern": fmt.Sprintf("[ipv4-addr:value = '198.51.100.%d']", n%250), "valid_from": "2026-01-01T00:00:00Z",
		"indicator_types": []string{"malicious-activity"}, "confidence": 70}, 1, "green")
}

// pages takes pages of the source one after the other, n of them or until something is closed, and says how long each took.
func pages(b *testing.B, x *exchange, n int, stop <-chan struct{}) []time.Duration {
	b.Helper()
	var took []time.Duration
	var buf []byte
	after := time.Time{}
	for n == 0 || len(took) < n {
		select {
		case <-stop:
			slices.Sort(took)
			return took
		default:
		}
		began := time.Now()
		page, err := x.col("source").Page(store.Query{After: after, Limit: 1000}, buf[:0])
		x.must(err)
		took = append(took, time.Since(began))
		x.pages.Add(1)
		buf, after = page.Body, page.Last
		if !page.More {
			after = time.Time{}
		}
		pause := time.NewTimer(10 * time.Millisecond) // a poller, not a flood
		<-pause.C
	}
	slices.Sort(took)
	return took
}

// Releases go on when the files of their source and of their target were replaced, as a node of a cluster does with damaged ones.
func TestReleasesGoOnWithReplacedFiles(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	x := open(t, t.TempDir())
	x.agreement("two", nil)
	x.agreement("one", releaseTo("two", 0))
	x.running(follow.Config{})
	x.add("one", object("campaign", "a", 1, ""))
	x.until(ctx, "two", 1)
	accordtest.ReplaceFile(t, x.store, x.col("two"))
	x.add("one", object("campaign", "b", 1, ""))
	x.until(ctx, "two", 2)
	accordtest.ReplaceFile(t, x.store, x.col("one"))
	x.add("one", object("campaign", "c", 1, ""))
	x.until(ctx, "two", 3)
	x.remove("one", idOf("campaign", "a"), store.Versions{})
	x.until(ctx, "two", 2)
}
