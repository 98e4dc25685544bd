package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// load is what a number of connections did in a time.
type load struct {
	took    time.Duration
	answers int
	others  int // answers with another status than the first one's class, 2xx
	bytes   int64
	waits   []time.Duration // of each answer, ascending
}

func (l *load) rate() float64 { return float64(l.answers) / l.took.Seconds() }

// quantile is the wait that a part of all answers, between 0 and 1, did not exceed.
func (l *load) quantile(part float64) time.Duration {
	if len(l.waits) == 0 {
		return 0
	}
	return l.waits[min(len(l.waits)-1, int(part*float64(len(l.waits))))]
}

// drive keeps connections to an address busy until a time has passed or next has no more. next makes the request that a
// connection sends as its n-th; nil ends that connection's work. Each connection has one request under way at a time.
func drive(address string, connections int, last time.Duration, next func(connection, n int) []byte) (*load, error) {
	var mu sync.Mutex
	var all load
	var first error
	var each sync.WaitGroup
	began := time.Now()
	for i := range connections {
		each.Go(func() {
			one, err := driveOne(address, began.Add(last), func(n int) []byte { return next(i, n) })
			mu.Lock()
			defer mu.Unlock()
			if err != nil && first == nil {
				first = err
			}
			all.answers += one.answers
			all.others += one.others
			all.bytes += one.bytes
			all.waits = append(all.waits, one.waits...)
		})
	}
	each.Wait()
	all.took = time.Since(began)
	slices.Sort(all.waits)
	return &all, first
}

func driveOne(address string, until time.Time, next func(n int) []byte) (load, error) {
	var l load
	c, err := net.Dial("tcp", address)
	if err != nil {
		return l, err
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 64<<10)
	for n := 0; time.Now().Before(until); n++ {
		request := next(n)
		if request == nil {
			break
		}
		sent := time.Now()
		if _, err := c.Write(request); err != nil {
			return l, fmt.Errorf("send: %w", err)
		}
		status, size, err := skipAnswer(r)
		if err != nil {
			return l, fmt.Errorf("read the answer: %w", err)
		}
		if status/100 != 2 {
			l.others++
			continue
		}
		l.waits = append(l.waits, time.Since(sent))
		l.answers++
		l.bytes += int64(size)
	}
	return l, nil
}

// skipAnswer reads one answer that says its length.
func skipAnswer(r *bufio.Reader) (status, size int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("%q is no status line", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, fmt.Errorf("%q is no status line", line)
	}
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if size, err = strconv.Atoi(string(value)); err != nil {
				return 0, 0, err
			}
		}
	}
	_, err = r.Discard(size)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return status, size, err
}
