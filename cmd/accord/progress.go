package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows the progress of a command on a terminal, with messages in between. Elsewhere it shows nothing.
type progress struct {
	w   io.Writer
	bar *progressbar.ProgressBar // nil without a terminal
}

// newProgress begins to show the progress of what, of total bytes, or of an unknown number of objects when total is 0.
func newProgress(w io.Writer, what string, total int64) *progress {
	p := &progress{w: w}
	f, ok := terminal(w)
	if !ok {
		return p
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(f),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
	}
	if total > 0 {
		options = append(options, progressbar.OptionShowBytes(true), progressbar.OptionFullWidth())
	} else {
		total = -1
		options = append(options, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("objects"))
	}
	p.bar = progressbar.NewOptions64(total, options...)
	return p
}

func (p *progress) add(n int64) {
	if p.bar != nil {
		p.bar.Add64(n)
	}
}

// say prints a line above the bar.
func (p *progress) say(format string, args ...any) {
	if p.bar != nil {
		p.bar.Clear()
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}

// done removes the bar.
func (p *progress) done() {
	if p.bar != nil {
		p.bar.Finish()
		p.bar.Clear()
	}
}
