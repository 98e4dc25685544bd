package cluster

import (
	"context"
	"errors"
	"io"
	"time"
)

// watched is a body of which something has to come while it is read.
type watched struct {
	io.Reader
	timer   *time.Timer
	silence time.Duration
}

// errSilent is why a request ends to which nothing comes in answer.
var errSilent = errors.New("nothing comes from it")

// watch returns the context of a request that ends, because of errSilent, when the answer does not begin within a time, or nothing of
// the body comes for so long. body watches it. The caller calls end.
func watch(ctx context.Context, silence time.Duration) (watching context.Context, body func(io.Reader) io.Reader, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(silence, func() { cancel(errSilent) })
	return ctx, func(r io.Reader) io.Reader { return &watched{r, timer, silence} }, func() {
		timer.Stop()
		cancel(nil)
	}
}

// Read implements io.Reader.
func (w *watched) Read(b []byte) (int, error) {
	w.timer.Reset(w.silence)
	defer w.timer.Stop() // what is read may take its reader longer
	return w.Reader.Read(b)
}
