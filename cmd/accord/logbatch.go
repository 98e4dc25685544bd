package main

import (
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// A line of the log costs a system call, which was 8% of a small answer's processor time. So lines that follow each
// other closely are written together: a line after a pause is written at once, the rest within batchTime, and a warning
// or error at once together with all lines before it.
const (
	batchTime  = 10 * time.Millisecond
	batchBytes = 64 << 10
)

// batchedLog writes lines to another writer, in the order they came. It is safe for concurrent use.
type batchedLog struct {
	mu      sync.Mutex
	lines   []byte    // guarded by mu: not yet written
	spare   []byte    // guarded by mu
	written time.Time // guarded by mu: the last time lines were written
	waiting bool      // guarded by mu: the timer is set

	out   sync.Mutex // held while writing; acquired before mu
	w     io.Writer
	timer *time.Timer
}

func newBatchedLog(w io.Writer) *batchedLog {
	b := &batchedLog{w: w}
	b.timer = time.AfterFunc(time.Hour, func() { b.Flush() })
	b.timer.Stop()
	return b
}

// Write implements io.Writer for lines without a level.
func (b *batchedLog) Write(line []byte) (int, error) { return b.WriteLevel(zerolog.NoLevel, line) }

// WriteLevel implements zerolog.LevelWriter.
func (b *batchedLog) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	now := time.Now()
	b.mu.Lock()
	b.lines = append(b.lines, line...)
	flush := level >= zerolog.WarnLevel || now.Sub(b.written) >= batchTime || len(b.lines) >= batchBytes
	if !flush && !b.waiting {
		b.waiting = true
		b.timer.Reset(batchTime)
	}
	if flush {
		b.written = now // lines that come meanwhile do not wait for the same write
	}
	b.mu.Unlock()
	if flush {
		return len(line), b.Flush()
	}
	return len(line), nil
}

// Flush writes what is left.
func (b *batchedLog) Flush() error {
	b.out.Lock()
	defer b.out.Unlock()
	b.mu.Lock()
	lines := b.lines
	b.lines, b.spare = b.spare[:0], nil
	b.waiting = false
	b.written = time.Now()
	b.mu.Unlock()
	var err error
	if len(lines) > 0 {
		_, err = b.w.Write(lines)
	}
	if cap(lines) <= 2*batchBytes {
		b.mu.Lock()
		b.spare = lines
		b.mu.Unlock()
	}
	return err
}
