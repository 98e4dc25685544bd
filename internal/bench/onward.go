package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	targets       = 40
	onwardObjects = 10_000
)

// onward measures release: how long objects that are pushed to one agreement take into forty others, what a poller of the
// source waits for its pages meanwhile, and how soon one object is visible in a target when nothing else happens.
func onward(ctx context.Context, j job) error {
	ops, err := freeAddress()
	if err != nil {
		return err
	}
	a, err := startExchange(ctx, j.bin, filepath.Join(j.scratch, "data"), onwardFile(), "--ops-listen", ops)
	if err != nil {
		return err
	}
	defer a.stop()
	s := j.report.begin("onward")
	if err := j.visibleOnward(ctx, s, a); err != nil {
		return err
	}
	before, err := released(ctx, ops)
	if err != nil {
		return err
	}
	page := getRequest(collection + "objects/?limit=100")
	var pushing atomic.Bool
	pushing.Store(true)
	// A poller without pauses would itself be the load.
	poll := func(_, n int, _ answer) []byte {
		if n > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		if !pushing.Load() {
			return nil
		}
		return page
	}
	if err := fill(ctx, a, 0, 1000); err != nil {
		return err
	}
	if err := awaitReleased(ctx, ops, before+targets*distinct(1000)); err != nil {
		return err
	}
	idle, err := drive(ctx, a.peer(), 1, 5*time.Second, poll)
	if err != nil {
		return err
	}
	var busy *load
	var pollError error
	var group sync.WaitGroup
	group.Go(func() { busy, pollError = drive(ctx, a.peer(), 1, 5*time.Minute, poll) })
	began := time.Now()
	err = fill(ctx, a, 1000, 1000+onwardObjects)
	pushed := time.Since(began)
	if err == nil {
		err = awaitReleased(ctx, ops, before+targets*distinct(1000+onwardObjects))
	}
	took := time.Since(began)
	pushing.Store(false)
	group.Wait()
	if err != nil {
		return err
	}
	if pollError != nil {
		return pollError
	}
	t := table{title: fmt.Sprintf("%d objects into %d targets", onwardObjects, targets), head: []string{"a page of the source", "answers", "p50", "p90", "p99", "longest"}}
	for _, row := range []struct {
		name string
		l    *load
	}{{"no pushes", idle}, {"meanwhile", busy}} {
		t.add(row.name, count(float64(row.l.answers)), milliseconds(row.l.quantile(0.5)), milliseconds(row.l.quantile(0.9)),
			milliseconds(row.l.quantile(0.99)), milliseconds(row.l.quantile(1)))
	}
	s.table(t)
	s.say("Pushed in %.1f s, in all targets after %.1f s.", pushed.Seconds(), took.Seconds())
	s.end()
	return nil
}

// onwardFile is applyFile with forty targets of the one agreement.
func onwardFile() string { return releaseFile("") }

// releaseFile is like onwardFile with further terms of each release.
func releaseFile(terms string) string {
	var b strings.Builder
	b.WriteString(applyFile)
	b.WriteString("    release:\n")
	for n := range targets {
		fmt.Fprintf(&b, "      - {to: target%02d%s}\n", n, terms)
	}
	for n := range targets {
		fmt.Fprintf(&b, `  - name: target%02d
    title: Target %02d
    description: ""
    api_root: bench
    collection: {id: %s}
    parties:
      - {party: both, roles: [consumer]}
    term: {from: 2020-01-01}
`, n, n, targetID(n))
	}
	return b.String()
}

func targetID(n int) string { return fmt.Sprintf("5d3c1f2e-8a4b-4c6d-9e70-1b2a3c4d60%02d", n) }

// visibleOnward measures from when a POST is sent until a poller of a target has the object.
func (j *job) visibleOnward(ctx context.Context, s *section, a *accord) error {
	var waits []time.Duration
	path := "/bench/collections/" + targetID(targets/2) + "/objects/"
	for n := range 40*j.turns + 1 {
		number := 20_000_000 + n*cycle // objects with one version each
		object, id := kilobyte(number), kilobyteID(number)
		sent := time.Now()
		if _, err := drive(ctx, a.peer(), 1, time.Minute, func(_, n int, _ answer) []byte {
			if n > 0 {
				return nil
			}
			return postRequest(collection, envelope([][]byte{object}))
		}); err != nil {
			return err
		}
		for {
			body, _, err := get(ctx, a.url+path+"?match%5Bid%5D="+id)
			if err != nil {
				return err
			}
			if len(body) > len("{}") {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if n > 0 { // the first one warms up
			waits = append(waits, time.Since(sent))
		}
		time.Sleep(20 * time.Millisecond)
	}
	slices.Sort(waits)
	l := load{waits: waits}
	s.say("From sending a POST until a poller of one of %d targets has the object, %d times: p50 %s, p99 %s, longest %s.",
		targets, len(waits), milliseconds(l.quantile(0.5)), milliseconds(l.quantile(0.99)), milliseconds(l.quantile(1)))
	return nil
}

// awaitReleased waits until that many objects are in the targets.
func awaitReleased(ctx context.Context, ops string, want int) error {
	until := time.Now().Add(5 * time.Minute)
	for {
		n, err := released(ctx, ops)
		if err != nil || n >= want {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d objects are in the targets after five minutes, of %d", n, want)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// released returns how many objects the targets have, from the figures of the server.
func released(ctx context.Context, ops string) (int, error) {
	body, _, err := get(ctx, "http://"+ops+"/metrics")
	if err != nil {
		return 0, err
	}
	sum := 0
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, `accord_agreement_objects{`) && strings.Contains(line, `"target`) {
			n, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if err != nil {
				return 0, fmt.Errorf("read %q: %w", line, err)
			}
			sum += int(n)
		}
	}
	return sum, nil
}
