package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	pollers = 200
	writers = 8
	// mixedObjects is how much there is to read: a poller that asks once a second does not come to its end in a minute.
	mixedObjects = 20_000
)

// mixed runs pollers that follow a collection while writers add single objects and envelopes, and compares the pollers'
// waits with those without writers.
func mixed(ctx context.Context, j job) error {
	a, err := startAccord(ctx, j.bin, filepath.Join(j.scratch, "data"))
	if err != nil {
		return err
	}
	defer a.stop()
	s := j.report.begin("mixed")
	if err := fill(ctx, a, 0, mixedObjects); err != nil {
		return err
	}
	first := getRequest(collection + "objects/?limit=100")
	alone, err := drive(ctx, a.peer(), 1, min(j.mixed, 5*time.Second), always(first))
	if err != nil {
		return err
	}
	idle, err := drive(ctx, a.peer(), pollers, min(j.mixed, 20*time.Second), follow)
	if err != nil {
		return err
	}
	var wrote *load
	var writeError error
	var group sync.WaitGroup
	watching := watch(ctx, a, time.Second)
	group.Go(func() { wrote, writeError = drive(ctx, a.peer(), writers, j.mixed, add) })
	read, err := drive(ctx, a.peer(), pollers, j.mixed, follow)
	group.Wait()
	memory := watching.end()
	if err != nil {
		return err
	}
	if writeError != nil {
		return writeError
	}
	t := table{title: fmt.Sprintf("%d pollers and %d writers for %s", pollers, writers, j.mixed), head: []string{"who", "answers/s", "p50", "p90", "p99", "longest"}}
	for _, row := range []struct {
		name string
		l    *load
	}{{"one reader without a pause, alone", alone}, {"pollers, no writes (idle)", idle}, {"pollers, meanwhile", read}, {"writers", wrote}} {
		t.add(row.name, count(row.l.rate()), milliseconds(row.l.quantile(0.5)), milliseconds(row.l.quantile(0.9)),
			milliseconds(row.l.quantile(0.99)), milliseconds(row.l.quantile(1)))
	}
	s.say("Each poller follows `X-TAXII-Date-Added-Last` with pages of 100, all of them full, and rests for 0.5 to 1.4 s between two. Half of the "+
		"writers add single objects, half envelopes of %d, without a pause.", perEnvelope)
	s.table(t)
	s.fairness(wrote)
	s.memory(memory)
	if n := idle.others + read.others + wrote.others; n > 0 {
		s.say("**%d answers were refusals.**", n)
	}
	s.atMost("pollers' p99 while others write, of their p50 when none do", 5, read.quantile(0.99).Seconds()/idle.quantile(0.5).Seconds())
	s.end()
	return nil
}

// follow asks as a poller does: what was added after the last it has, once a second or so. With every poller always
// waiting for an answer, only their queue would be measured.
func follow(connection, n int, before answer) []byte {
	time.Sleep(time.Duration(500+connection%10*100) * time.Millisecond)
	path := collection + "objects/?limit=100"
	if before.size > nothing { // at the end it begins again
		path += "&added_after=" + before.last
	}
	return getRequest(path)
}

// add adds one object, or an envelope of them, as the connection's number is even or odd.
func add(connection, n int, _ answer) []byte {
	first := 1_000_000 + (n*writers+connection)*perEnvelope
	list := make([][]byte, 1)
	if connection%2 != 0 {
		list = make([][]byte, perEnvelope)
	}
	for i := range list {
		list[i] = kilobyte(first + i)
	}
	return postRequest(collection, envelope(list))
}

// fairness reports how much slower the slowest writer of each kind was than the fastest.
func (s *section) fairness(l *load) {
	var single, many []int
	for i, n := range l.each {
		if i%2 == 0 {
			single = append(single, n)
		} else {
			many = append(many, n)
		}
	}
	s.say("Requests answered to each writer: single objects %s, envelopes %s.", list(single), list(many))
	s.atLeast("slowest writer, of the fastest of its kind", 0.5, min(share(single), share(many)))
}

func share(each []int) float64 {
	if slices.Max(each) == 0 {
		return 0
	}
	return float64(slices.Min(each)) / float64(slices.Max(each))
}

func list(numbers []int) string {
	var words []string
	for _, n := range numbers {
		words = append(words, count(float64(n)))
	}
	return strings.Join(words, ", ")
}

// memory says what the process had of its own, second by second. It is flat when the second half's most is not a quarter
// above the first's.
func (s *section) memory(samples []int64) {
	if len(samples) < 4 {
		return
	}
	var words []string
	for _, n := range samples {
		words = append(words, fmt.Sprintf("%.0f", float64(n)/1e6))
	}
	s.say("The server's own memory (`RssAnon`) in MB, every second: %s.", strings.Join(words, " "))
	half := len(samples) / 2
	s.atMost("most memory in the second half, of the first's", 1.25, float64(slices.Max(samples[half:]))/float64(slices.Max(samples[:half])))
}
