package cluster

import (
	"context"
	"errors"
	"time"
)

// settleTime bounds how long files may take to come to rest.
const settleTime = 30 * time.Second

// Settle has all files come to one place and rest there until resume is called: see store.Options.Settle.
func (n *Node) Settle(ctx context.Context) (resume func(), err error) {
	if n.applier == nil {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, settleTime, errors.New("the files do not come to rest at one place in the log"))
	defer cancel()
	return n.applier.settle(ctx)
}

// Applied returns up to where the files have everything.
func (n *Node) Applied() uint64 { return n.applier.mark() }

// WaitApplied returns when the files have everything up to a place, or ctx ends.
func (n *Node) WaitApplied(ctx context.Context, place uint64) error {
	for {
		changed := n.applier.moved()
		if n.applier.mark() >= place {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.stop:
			return errStopped
		}
	}
}
