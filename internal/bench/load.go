package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// load is the result of a number of connections over a time.
type load struct {
	took    time.Duration
	answers int
	others  int // answers with another status than 2xx
	bytes   int64
	waits   []time.Duration // of each answer, ascending
	each    []int           // answers of each connection
}

func (l *load) rate() float64 { return float64(l.answers) / l.took.Seconds() }

// quantile returns the wait that a part of all answers, between 0 and 1, did not exceed.
func (l *load) quantile(part float64) time.Duration {
	if len(l.waits) == 0 {
		return 0
	}
	return l.waits[min(len(l.waits)-1, int(part*float64(len(l.waits))))]
}

// answer describes the previous answer on a connection.
type answer struct {
	status, size int
	last         string // X-TAXII-Date-Added-Last
}

// asker returns the n-th request of a connection, given the previous answer. nil ends the connection's work.
type asker func(connection, n int, before answer) []byte

// always returns an asker that repeats one request.
func always(request []byte) asker { return func(int, int, answer) []byte { return request } }

// peer is the server that connections go to.
type peer struct {
	address string
	secure  bool // TLS, without checking the certificate
}

func (p peer) dial(ctx context.Context) (net.Conn, error) {
	if !p.secure {
		return new(net.Dialer).DialContext(ctx, "tcp", p.address)
	}
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	return d.DialContext(ctx, "tcp", p.address)
}

// patience is how long an answer may take after the time of a turn is over.
const patience = 2 * time.Minute

// drive keeps connections busy until a time has passed, ctx ends or next returns nil. Each connection sends at least
// one request, and one at a time.
func drive(ctx context.Context, to peer, connections int, last time.Duration, next asker) (*load, error) {
	var mu sync.Mutex
	all := load{each: make([]int, connections)}
	var first error
	var group sync.WaitGroup
	began := time.Now()
	for i := range connections {
		group.Go(func() {
			one, err := driveOne(ctx, to, began.Add(last), func(n int, before answer) []byte { return next(i, n, before) })
			mu.Lock()
			defer mu.Unlock()
			if err != nil && first == nil {
				first = err
			}
			all.answers += one.answers
			all.others += one.others
			all.bytes += one.bytes
			all.waits = append(all.waits, one.waits...)
			all.each[i] = one.answers
		})
	}
	group.Wait()
	all.took = time.Since(began)
	slices.Sort(all.waits)
	if err := context.Cause(ctx); err != nil {
		first = err
	}
	return &all, first
}

func driveOne(ctx context.Context, to peer, until time.Time, next func(n int, before answer) []byte) (load, error) {
	var l load
	c, err := to.dial(ctx)
	if err != nil {
		return l, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := c.SetDeadline(until.Add(patience)); err != nil {
		return l, err
	}
	r := bufio.NewReaderSize(c, 64<<10)
	var a answer
	for n := 0; n == 0 || time.Now().Before(until); n++ {
		request := next(n, a)
		if request == nil {
			break
		}
		sent := time.Now()
		if _, err := c.Write(request); err != nil {
			return l, fmt.Errorf("send: %w", err)
		}
		if a, err = skipAnswer(r); err != nil {
			return l, fmt.Errorf("read the answer: %w", err)
		}
		if a.status/100 != 2 {
			l.others++
			continue
		}
		l.waits = append(l.waits, time.Since(sent))
		l.answers++
		l.bytes += int64(a.size)
	}
	return l, nil
}

// skipAnswer reads one answer that says its length.
func skipAnswer(r *bufio.Reader) (a answer, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return a, fmt.Errorf("%q is no status line", line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, fmt.Errorf("%q is no status line", line)
	}
	told := a.status == 204 || a.status == 304
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return a, unexpected(err)
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if a.size, err = strconv.Atoi(string(value)); err != nil || a.size < 0 {
				return a, fmt.Errorf("Content-Length: %q is no length", value)
			}
			told = true
		case bytes.EqualFold(name, []byte("X-TAXII-Date-Added-Last")):
			a.last = string(value)
		}
	}
	if !told {
		return a, fmt.Errorf("an answer with the status %d does not say its length", a.status)
	}
	_, err = r.Discard(a.size)
	return a, unexpected(err)
}

// unexpected returns the error of an answer that ends too early.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
