package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// subject is what takes part in a comparison: an URL, and whether it needs our headers.
type subject struct {
	name    string
	url     string
	headers map[string]string
	pid     int // whose processor time is counted; 0: nobody's
}

// measured is what a subject did in one turn.
type measured struct {
	rate float64       // answers a second
	cpu  time.Duration // of the process, for each answer
}

// reads compares what readers ask for with a bare handler and with nginx, which send the same bytes.
func reads(o options, bin, scratch string) error {
	a, err := startAccord(bin, scratch)
	if err != nil {
		return err
	}
	defer a.stop()
	if err := fill(a, 0, 10_000); err != nil {
		return err
	}
	asked, err := questions(a)
	if err != nil {
		return err
	}
	files := scratch + "-files"
	if err := os.Mkdir(files, 0o755); err != nil {
		return err
	}
	for _, q := range asked {
		body, _, err := get(a.url + q.path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(files, q.file), body, 0o644); err != nil {
			return err
		}
	}
	bare, barePID, stop, err := startBare(files)
	if err != nil {
		return err
	}
	defer stop()
	nginx := ""
	if installed("nginx") {
		var stop func()
		if nginx, stop, err = startNginx(filepath.Dir(scratch), files); err != nil {
			return err
		}
		defer stop()
	}
	t := table{title: "Reading, 16 connections", head: []string{"what", "bytes", "accord", "bare handler", "nginx",
		"accord / bare", "of each turn", "accord / nginx", "accord's CPU", "bare's CPU"}}
	for _, q := range asked {
		if !strings.Contains(q.name, o.rows) {
			continue
		}
		subjects := []subject{
			{"accord", a.url + q.path, q.headers(), a.cmd.Process.Pid},
			{"bare", bare + "/" + q.file, headers(), barePID},
		}
		if nginx != "" {
			subjects = append(subjects, subject{"nginx", nginx + "/" + q.file, headers(), 0})
		}
		got, err := compare(o, subjects)
		if err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(files, q.file))
		if err != nil {
			return err
		}
		rates := ratesOf(got)
		row := []string{q.name, count(float64(info.Size())), count(median(rates[0])), count(median(rates[1])), "", "", "", "",
			microseconds(got[0]), microseconds(got[1])}
		toBare := ratios(rates[0], rates[1])
		row[5], row[6] = fmt.Sprintf("%.2f", median(toBare)), spread(toBare)
		if nginx != "" {
			row[4], row[7] = count(median(rates[2])), fmt.Sprintf("%.2f", median(ratios(rates[0], rates[2])))
		}
		t.add(row...)
	}
	t.print(o.out)
	return nil
}

type asked struct {
	name, file, path string
	coding           string // of Accept-Encoding; "" sends none
}

func (q *asked) headers() map[string]string {
	h := headers()
	if q.coding != "" {
		h["Accept-Encoding"] = q.coding
	}
	return h
}

// questions are what readers ask of a collection that is filled.
func questions(a *accord) ([]asked, error) {
	_, header, err := get(a.url + collection + "objects/?limit=5000")
	if err != nil {
		return nil, err
	}
	half := url.QueryEscape(header.Get("X-TAXII-Date-Added-Last"))
	objects := collection + "objects/"
	list := []asked{
		{"page of 100", "page", objects + "?limit=100", ""},
		{"the same, compressed", "page", objects + "?limit=100", "gzip"},
		{"page of 100, added_after in the middle", "after", objects + "?limit=100&added_after=" + half, ""},
		{"page of 100, match[type]", "type", objects + "?limit=100&match%5Btype%5D=indicator", ""},
		{"page of 100, match[version]=all", "all", objects + "?limit=100&match%5Bversion%5D=all", ""},
		{"page of 100, match[spec_version]", "spec", objects + "?limit=100&match%5Bspec_version%5D=2.1", ""},
		{"page of 100, type, version and added_after", "three", objects + "?limit=100&match%5Btype%5D=indicator&match%5Bversion%5D=first&added_after=" + half, ""},
		{"one object by id", "one", objects + "indicator--00000457-5b1c-4a7e-9d20-6f1e8c3b2a90/", ""},
		{"its versions", "versions", objects + "indicator--00000457-5b1c-4a7e-9d20-6f1e8c3b2a90/versions/", ""},
		{"manifest of 100", "manifest", collection + "manifest/?limit=100", ""},
		{"empty poll", "empty", objects + "?added_after=2099-01-01T00:00:00.000Z", ""},
	}
	return list, nil
}

// compare lets subjects take turns, and returns what each did in each of its turns.
func compare(o options, subjects []subject) ([][]measured, error) {
	got := make([][]measured, len(subjects))
	for range o.turns {
		for i, s := range subjects {
			before, began := processorTime(s.pid), time.Now()
			rate, err := s.rate(o.turn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			answers := rate * time.Since(began).Seconds()
			got[i] = append(got[i], measured{rate, time.Duration(float64(processorTime(s.pid)-before) / answers)})
		}
	}
	return got, nil
}

// processorTime is how long a process has had a processor since it was started. What it took for an answer depends less
// on who else is busy than how many answers a second there were.
func processorTime(pid int) time.Duration {
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

func ratesOf(got [][]measured) [][]float64 {
	rates := make([][]float64, len(got))
	for i, turns := range got {
		for _, m := range turns {
			rates[i] = append(rates[i], m.rate)
		}
	}
	return rates
}

// microseconds is the median of the processor time of an answer.
func microseconds(turns []measured) string {
	var list []float64
	for _, m := range turns {
		list = append(list, float64(m.cpu.Nanoseconds())/1000)
	}
	return fmt.Sprintf("%.0f µs", median(list))
}

// rate is how often a second a subject answers.
func (s *subject) rate(last time.Duration) (float64, error) {
	if installed("wrk") {
		return wrk(s.url, s.headers, last)
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return 0, err
	}
	var head strings.Builder
	for name, value := range s.headers {
		fmt.Fprintf(&head, "%s: %s\r\n", name, value)
	}
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n", u.RequestURI(), head.String())
	l, err := drive(u.Host, 16, last, func(int, int) []byte { return request })
	if err == nil && l.others > 0 {
		err = fmt.Errorf("%d answers were refusals", l.others)
	}
	return l.rate(), err
}

// ratios divides turn by turn.
func ratios(a, b []float64) []float64 {
	list := make([]float64, len(a))
	for i := range a {
		list[i] = a[i] / b[i]
	}
	return list
}

// fill adds objects of 1 kB over HTTP, from one number on up to another.
func fill(a *accord, from, to int) error {
	l, err := drive(a.address(), 4, time.Hour, func(connection, n int) []byte {
		first := from + (n*4+connection)*100
		if first >= to {
			return nil
		}
		list := make([][]byte, min(100, to-first))
		for i := range list {
			list[i] = kilobyte(first + i)
		}
		return postRequest(list)
	})
	if err == nil && l.others > 0 {
		err = fmt.Errorf("%d of the requests that fill the collection were refused", l.others)
	}
	return err
}
