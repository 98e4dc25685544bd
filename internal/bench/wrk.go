package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

var (
	wrkRate   = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkOthers = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

// wrk measures how often a second an URL is answered, under 16 connections. Its threads share the processors with the server.
func wrk(url string, headers map[string]string, last time.Duration) (float64, error) {
	args := []string{"-t2", "-c16", "-d" + strconv.Itoa(max(1, int(last.Seconds()))) + "s"}
	for name, value := range headers {
		args = append(args, "-H", name+": "+value)
	}
	out, err := exec.Command("wrk", append(args, url)...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk %s: %w: %s", url, err, out)
	}
	if m := wrkOthers.FindSubmatch(out); m != nil {
		return 0, fmt.Errorf("wrk %s: %s answers were refusals", url, m[1])
	}
	m := wrkRate.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("wrk %s: no rate in %s", url, out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// installed says whether a program is there.
func installed(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}
