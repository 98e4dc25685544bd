package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

var (
	wrkTotal  = regexp.MustCompile(`(\d+) requests in ([0-9.]+)(us|ms|s|m)`)
	wrkRate   = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkOthers = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
	wrkErrors = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+)`)
)

// wrk measures how often a second an URL is answered, under 16 connections, and how many answers there were. Its threads
// share the processors with the server.
func wrk(ctx context.Context, s *subject, last time.Duration) (rate, answers float64, err error) {
	args := []string{"-t2", "-c16", "-d" + strconv.Itoa(max(1, int(last.Seconds()))) + "s"}
	if s.anew {
		script, err := os.CreateTemp("", "accord-bench-*.lua")
		if err != nil {
			return 0, 0, err
		}
		defer os.Remove(script.Name())
		_, err = fmt.Fprintf(script, wrkAnew, time.Now().UnixNano())
		if err := errors.Join(err, script.Close()); err != nil {
			return 0, 0, err
		}
		args = append(args, "-s", script.Name())
	}
	for name, value := range s.headers {
		args = append(args, "-H", name+": "+value)
	}
	out, err := exec.CommandContext(ctx, "wrk", append(args, s.url)...).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("wrk %s: %w: %s", s.url, err, out)
	}
	if rate, answers, err = readWrk(out); err != nil {
		return 0, 0, fmt.Errorf("wrk %s: %w", s.url, err)
	}
	return rate, answers, nil
}

// wrkAnew has every request of every thread end in another number, which servers do not look at.
const wrkAnew = `
local threads = 0
function setup(thread)
	threads = threads + 1
	thread:set("start", "%[1]d" .. threads)
end
local n = 0
function request()
	n = n + 1
	local mark = string.find(wrk.path, "?", 1, true) and "&" or "?"
	return wrk.format(nil, wrk.path .. mark .. "n=" .. start .. n)
end
`

// readWrk reads what wrk prints. Refusals and broken connections are errors: their rate says nothing. Answers that took
// longer than wrk's two seconds are none: they count when they come.
func readWrk(out []byte) (rate, answers float64, err error) {
	if m := wrkOthers.FindSubmatch(out); m != nil {
		return 0, 0, fmt.Errorf("%s answers were refusals", m[1])
	}
	if m := wrkErrors.FindSubmatch(out); m != nil && string(m[1])+string(m[2])+string(m[3]) != "000" {
		return 0, 0, fmt.Errorf("%s", m[0])
	}
	total, second := wrkTotal.FindSubmatch(out), wrkRate.FindSubmatch(out)
	if total == nil || second == nil {
		return 0, 0, fmt.Errorf("no rate in %q", out)
	}
	if answers, err = strconv.ParseFloat(string(total[1]), 64); err == nil {
		rate, err = strconv.ParseFloat(string(second[1]), 64)
	}
	if err == nil && answers == 0 {
		err = fmt.Errorf("nothing was answered")
	}
	return rate, answers, err
}

// installed says whether a program is there.
func installed(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}
