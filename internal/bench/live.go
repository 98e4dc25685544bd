package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	subscribers     = 1000
	idleSubscribers = 10_000
	livePushes      = 100 // for each turn
)

// manyStreams are the flags that let one account have as many streams as are measured: a quarter of half of the connections.
var manyStreams = []string{"--max-connections", "84000", "--max-address-connections", "0"}

// lives measures events: when the last of many subscribers has one, what writers lose by them, and what idle ones take of memory.
func lives(ctx context.Context, j job) error {
	a, err := startAccord(ctx, j.bin, filepath.Join(j.scratch, "data"), manyStreams...)
	if err != nil {
		return err
	}
	defer a.stop()
	s := j.report.begin("live")
	s.say("Subscribers are connections of this program on the same machine and the same processors: what it takes them to read is part of every figure.")
	for _, measure := range []func(context.Context, *section, *accord) error{j.idleStreams, j.lastSubscriber, j.ingestWithSubscribers} {
		if err := measure(ctx, s, a); err != nil {
			return err
		}
	}
	s.end()
	return nil
}

// subscription is a stream of events, read to its end.
type subscription struct {
	conn net.Conn
	seen atomic.Uint64 // the id of the last event
	done chan struct{}
}

// subscribe opens streams. told is called with the id of each event that says that something was added.
func subscribe(ctx context.Context, a *accord, n int, told func(id uint64)) (list []*subscription, stop func(), err error) {
	stop = func() {
		for _, s := range list {
			s.conn.Close()
			<-s.done
		}
	}
	for range n {
		s := &subscription{done: make(chan struct{})}
		if s.conn, err = a.peer().dial(ctx); err != nil {
			stop()
			return nil, nil, err
		}
		request := fmt.Sprintf("GET /accord/v1/agreements/bench/events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n\r\n", credentials)
		if _, err = s.conn.Write([]byte(request)); err != nil {
			s.conn.Close()
			stop()
			return nil, nil, err
		}
		began := make(chan error, 1)
		go s.read(began, told)
		list = append(list, s)
		if err = <-began; err != nil {
			stop()
			return nil, nil, err
		}
	}
	return list, stop, nil
}

// read reads events; began gets the first heartbeat, or what is there instead.
func (s *subscription) read(began chan<- error, told func(uint64)) {
	defer close(s.done)
	lines := bufio.NewReaderSize(s.conn, 4<<10)
	var id uint64
	waiting := true
	for first := true; ; first = false {
		line, err := lines.ReadSlice('\n')
		if err == nil && first && !bytes.Contains(line, []byte(" 200 ")) {
			err = fmt.Errorf("the stream is refused: %s", strings.TrimSpace(string(line)))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if waiting {
				began <- err
			}
			return
		}
		if text, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			id, _ = strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
		}
		switch {
		case bytes.HasPrefix(line, []byte("event: heartbeat")):
			if waiting {
				waiting = false
				began <- nil
			}
		case bytes.HasPrefix(line, []byte("event: added")):
			s.seen.Store(id)
			told(id)
		}
	}
}

// lastSubscriber pushes one object at a time, and measures from sending it until the last of all subscribers has its event.
func (j *job) lastSubscriber(ctx context.Context, s *section, a *accord) error {
	heard := make(chan uint64, 4*subscribers)
	_, stop, err := subscribe(ctx, a, subscribers, func(id uint64) { heard <- id })
	if err != nil {
		return err
	}
	defer stop()
	var waits, firsts []time.Duration
	for n := range livePushes*j.turns + 10 {
		request := postRequest(collection, envelope([][]byte{kilobyte(30_000_000 + n*cycle)}))
		sent := time.Now()
		pushed := make(chan error, 1)
		go func() {
			_, err := drive(ctx, a.peer(), 1, time.Minute, func(_, n int, _ answer) []byte {
				if n > 0 {
					return nil
				}
				return request
			})
			pushed <- err
		}()
		var first time.Duration
		for got := range subscribers {
			select {
			case <-heard:
			case <-time.After(time.Minute):
				return fmt.Errorf("%d of %d subscribers have the event after a minute", got, subscribers)
			case <-ctx.Done():
				return ctx.Err()
			}
			if got == 0 {
				first = time.Since(sent)
			}
		}
		took := time.Since(sent)
		if err := <-pushed; err != nil {
			return err
		}
		if n >= 10 { // the first ones warm up
			waits, firsts = append(waits, took), append(firsts, first)
		}
		time.Sleep(20 * time.Millisecond)
	}
	slices.Sort(waits)
	slices.Sort(firsts)
	last, soonest := load{waits: waits}, load{waits: firsts}
	s.say("One object pushed to %s subscribers, %d times, from sending the POST until the first has its event: p50 %s, p99 %s; until the last has: p50 %s, p99 %s, longest %s.",
		count(subscribers), len(waits), milliseconds(soonest.quantile(0.5)), milliseconds(soonest.quantile(0.99)),
		milliseconds(last.quantile(0.5)), milliseconds(last.quantile(0.99)), milliseconds(last.quantile(1)))
	s.atMost("ms until the last of 1,000 subscribers has an event, p99", 250, inMilliseconds(last.quantile(0.99)))
	return nil
}

// ingestWithSubscribers measures four writers of envelopes, in turns with and without subscribers.
func (j *job) ingestWithSubscribers(ctx context.Context, s *section, a *accord) error {
	t := table{title: "Envelopes of 100 from four clients", head: []string{"subscribers", "objects/s", "of the turn before without any", "spread"}}
	next := 40_000_000
	write := func() (float64, error) {
		from := next
		l, err := drive(ctx, a.peer(), 4, j.turn, func(connection, n int, _ answer) []byte {
			first := from + (n*4+connection)*perEnvelope
			list := make([][]byte, perEnvelope)
			for i := range list {
				list[i] = kilobyte(first + i)
			}
			return postRequest(collection, envelope(list))
		})
		if err != nil {
			return 0, err
		}
		next += (l.answers + 8) * 4 * perEnvelope
		if l.others > 0 {
			return 0, fmt.Errorf("%d envelopes were refused", l.others)
		}
		return l.rate() * perEnvelope, nil
	}
	if _, err := write(); err != nil { // warms up
		return err
	}
	for _, n := range []int{10, 100, subscribers} {
		var without, with []float64
		for range j.turns {
			rate, err := write()
			if err != nil {
				return err
			}
			without = append(without, rate)
			_, stop, err := subscribe(ctx, a, n, func(uint64) {})
			if err != nil {
				return err
			}
			rate, err = write()
			stop()
			if err != nil {
				return err
			}
			with = append(with, rate)
		}
		shares := ratios(with, without)
		t.add(count(float64(n)), count(median(with)), ratio(shares), spread(shares))
		s.atLeast(fmt.Sprintf("ingest with %s subscribers, of without", count(float64(n))), 0.9, median(shares))
	}
	s.table(t)
	return nil
}

// idleStreams measures the server's own memory with many streams on which nothing happens.
func (j *job) idleStreams(ctx context.Context, s *section, a *accord) error {
	before := a.resident()
	var mu sync.Mutex
	var lists []func()
	var group sync.WaitGroup
	var failed error
	for range 10 {
		group.Go(func() {
			_, stop, err := subscribe(ctx, a, idleSubscribers/10, func(uint64) {})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			lists = append(lists, stop)
		})
	}
	group.Wait()
	defer func() {
		for _, stop := range lists {
			stop()
		}
	}()
	if failed != nil {
		return failed
	}
	watching := watch(ctx, a, time.Second)
	select {
	case <-time.After(35 * time.Second): // two heartbeats
	case <-ctx.Done():
	}
	samples := watching.end()
	if len(samples) == 0 {
		return errors.New("the server's memory could not be read")
	}
	most := slices.Max(samples)
	s.say("%s idle streams for 35 s, with their heartbeats: the server has %s of its own (`RssAnon`) at most, and had %s before, just started; %s a stream beyond that.",
		count(idleSubscribers), megabytes(most), megabytes(before), fmt.Sprintf("%.1f kB", float64(most-before)/idleSubscribers/1000))
	s.atMost("MB of 10,000 idle streams", 300, float64(most)/1e6)
	return nil
}
