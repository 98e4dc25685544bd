package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// watcher looks again and again how much memory a server has of its own.
type watcher struct {
	stop    context.CancelFunc
	samples chan []int64
}

// watch begins to look. What came of it is returned by end, which must be called.
func watch(ctx context.Context, a *accord, every time.Duration) *watcher {
	ctx, stop := context.WithCancel(ctx)
	w := &watcher{stop: stop, samples: make(chan []int64, 1)}
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		var list []int64
		for {
			select {
			case <-tick.C:
				list = append(list, a.resident())
			case <-ctx.Done():
				w.samples <- list
				return
			}
		}
	}()
	return w
}

func (w *watcher) end() []int64 {
	w.stop()
	return <-w.samples
}

// resident returns the memory of the process that is its own, in bytes, page cache aside.
func (a *accord) resident() int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "RssAnon:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}
