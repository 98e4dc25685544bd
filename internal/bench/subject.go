package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// subject is a participant in a comparison: a URL, and the headers of a request for it.
type subject struct {
	name    string
	url     string
	headers map[string]string
	pid     int  // whose processor time is counted, with that of its children; 0: none
	anew    bool // no two requests are the same, so that no answer is given again
}

// measured is what a subject did in one turn.
type measured struct {
	rate float64       // answers a second
	cpu  time.Duration // of the process, for each answer
}

// turns is what a subject did in each of its turns.
type turns []measured

func (t turns) rates() []float64 {
	list := make([]float64, len(t))
	for i, m := range t {
		list[i] = m.rate
	}
	return list
}

func (t turns) rate() string {
	if len(t) == 0 {
		return ""
	}
	return count(median(t.rates()))
}

// cpu returns the median of the processor time of an answer.
func (t turns) cpu() string {
	var list []float64
	for _, m := range t {
		if m.cpu > 0 {
			list = append(list, float64(m.cpu.Nanoseconds())/1000)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f µs", median(list))
}

// warmUp is how long each subject is asked before it is measured.
const warmUp = 300 * time.Millisecond

// compare lets subjects take turns, after each has been warmed up, and returns what each did. Every round begins with
// another one, so that no subject always follows the same one.
func compare(ctx context.Context, o options, subjects []subject) ([]turns, error) {
	got := make([]turns, len(subjects))
	for _, s := range subjects {
		if _, err := s.driven(ctx, warmUp); err != nil {
			return nil, fmt.Errorf("%s: warm up: %w", s.name, err)
		}
	}
	for round := range o.turns {
		for k := range subjects {
			i := (round + k) % len(subjects)
			s := subjects[i]
			before := processorTime(s.pid)
			rate, answers, err := s.turn(ctx, o.turn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			got[i] = append(got[i], measured{rate, time.Duration(float64(processorTime(s.pid)-before) / answers)})
		}
	}
	return got, nil
}

// turn measures a subject: answers per second, and their number.
func (s *subject) turn(ctx context.Context, last time.Duration) (rate, answers float64, err error) {
	if installed("wrk") {
		return wrk(ctx, s, last)
	}
	l, err := s.driven(ctx, last)
	if err != nil {
		return 0, 0, err
	}
	return l.rate(), float64(l.answers), nil
}

// driven asks a subject over 16 connections of our own.
func (s *subject) driven(ctx context.Context, last time.Duration) (*load, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return nil, err
	}
	var head strings.Builder
	for name, value := range s.headers {
		fmt.Fprintf(&head, "%s: %s\r\n", name, value)
	}
	request := func(path string) []byte {
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, u.Host, head.String())
	}
	next := always(request(u.RequestURI()))
	if s.anew {
		path := u.RequestURI() + "?n="
		if u.RawQuery != "" {
			path = u.RequestURI() + "&n="
		}
		start := time.Now().UnixNano()
		next = func(connection, n int, _ answer) []byte {
			return request(fmt.Sprintf("%s%d.%d.%d", path, start, connection, n))
		}
	}
	l, err := drive(ctx, peer{u.Host, u.Scheme == "https"}, 16, last, next)
	if err != nil {
		return nil, err
	}
	if l.others > 0 || l.answers == 0 {
		return nil, fmt.Errorf("%d answers, and %d that were refusals", l.answers, l.others)
	}
	return l, nil
}

// processorTime returns the processor time of a process and its children since they were started. Processor time per
// answer depends less on other load than answers per second do.
func processorTime(pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	sum := ownTime(pid)
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return sum
	}
	for field := range strings.FieldsSeq(string(children)) {
		if child, err := strconv.Atoi(field); err == nil {
			sum += ownTime(child)
		}
	}
	return sum
}

func ownTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third field of proc(5) on
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	const tick = time.Second / 100
	return time.Duration(user+system) * tick
}
