package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// writes keeps what each Write was given.
type writes struct {
	mu   sync.Mutex
	each []string
}

func (w *writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.each = append(w.each, string(b))
	return len(b), nil
}

func TestBatchedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writes{}
		b := newBatchedLog(w)
		log := zerolog.New(b)
		check := func(when string, want ...string) {
			t.Helper()
			w.mu.Lock()
			defer w.mu.Unlock()
			if fmt.Sprint(w.each) != fmt.Sprint(want) {
				t.Errorf("%s: got %q, want %q", when, w.each, want)
			}
			w.each = nil
		}
		line := func(level, text string) string { return fmt.Sprintf("{\"level\":%q,\"message\":%q}\n", level, text) }

		log.Info().Msg("first")
		check("a line after a pause", line("info", "first"))
		log.Info().Msg("second")
		log.Info().Msg("third")
		check("lines right after it")
		time.Sleep(batchTime + time.Millisecond)
		synctest.Wait()
		check("when the time is up", line("info", "second")+line("info", "third"))
		log.Info().Msg("fourth")
		log.Error().Msg("fifth")
		check("an error", line("info", "fourth")+line("error", "fifth"))
		log.Info().Msg(strings.Repeat("x", batchBytes))
		check("a batch that is full", line("info", strings.Repeat("x", batchBytes)))
		log.Info().Msg("last")
		b.Flush()
		check("the end", line("info", "last"))
	})
}

// Lines of many goroutines come out whole, each once, and those of one goroutine in their order.
func TestBatchedLogConcurrent(t *testing.T) {
	var out bytes.Buffer
	b := newBatchedLog(&out)
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for n := range 2000 {
				fmt.Fprintf(b, "%d %d\n", g, n)
			}
		})
	}
	group.Wait()
	b.Flush()
	next := [8]int{}
	for line := range strings.Lines(out.String()) {
		var g, n int
		if _, err := fmt.Sscanf(line, "%d %d\n", &g, &n); err != nil || n != next[g] {
			t.Fatalf("got the line %q, want %d as the next of its goroutine", line, next[g])
		}
		next[g]++
	}
	for g, n := range next {
		if n != 2000 {
			t.Errorf("goroutine %d: got %d lines, want 2000", g, n)
		}
	}
}
