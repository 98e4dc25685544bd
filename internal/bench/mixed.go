package main

import (
	"fmt"
	"sync"
	"time"
)

// mixed lets 200 pollers read pages while 8 writers add single objects and envelopes, and compares what the readers wait
// with what they wait when nobody else is there.
func mixed(o options, bin, scratch string) error {
	a, err := startAccord(bin, scratch)
	if err != nil {
		return err
	}
	defer a.stop()
	if err := fill(a, 0, 10_000); err != nil {
		return err
	}
	const pollers, writers = 200, 8
	page := getRequest(collection + "objects/?limit=100")
	// A poller asks once a second or so; as many as wait for their answers at once would measure nothing but their queue.
	poll := func(connection, n int) []byte {
		time.Sleep(time.Duration(500+connection%10*100) * time.Millisecond)
		return page
	}
	idle, err := drive(a.address(), 1, 2*o.turn, func(int, int) []byte { return page })
	if err != nil {
		return err
	}
	last := max(o.turn*time.Duration(o.turns), 10*time.Second)
	before := a.resident()
	var wrote *load
	var writeError error
	var group sync.WaitGroup
	group.Go(func() {
		wrote, writeError = drive(a.address(), writers, last, func(connection, n int) []byte {
			first := 1_000_000 + (n*writers+connection)*100
			if connection%2 == 0 {
				return postRequest([][]byte{kilobyte(first)})
			}
			list := make([][]byte, 100)
			for i := range list {
				list[i] = kilobyte(first + i)
			}
			return postRequest(list)
		})
	})
	read, err := drive(a.address(), pollers, last, poll)
	group.Wait()
	if err != nil {
		return err
	}
	if writeError != nil {
		return writeError
	}
	t := table{title: fmt.Sprintf("Mixed, %d pollers and %d writers for %s", pollers, writers, last), head: []string{"what", "answers/s", "p50", "p99", "longest"}}
	for _, row := range []struct {
		name string
		l    *load
	}{{"one reader alone", idle}, {"pollers", read}, {"writers", wrote}} {
		t.add(row.name, count(row.l.rate()), milliseconds(row.l.quantile(0.5)), milliseconds(row.l.quantile(0.99)), milliseconds(row.l.quantile(1)))
	}
	t.print(o.out)
	fmt.Fprintf(o.out, "Memory of the process's own: %.0f MB before, %.0f MB after; answers that were refusals: %d.\n\n",
		float64(before)/1e6, float64(a.resident())/1e6, read.others+wrote.others)
	return nil
}
