package mirror

import (
	"context"
	"time"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Visit is one visit, for tests that look at single ones.
type Visit struct{ v *visit }

// NewVisit returns a visit for a collection; step is called before and after each transaction.
func NewVisit(col *store.Collection, secret string, step func(string)) (*Visit, error) {
	terms := col.Agreement().Mirror
	r, err := newRemote(&terms.Remote, secret, time.Now)
	if err != nil {
		return nil, err
	}
	return &Visit{&visit{remote: r, col: col, terms: terms, now: time.Now, step: step}}, nil
}

func (v *Visit) Run(ctx context.Context) error { return v.v.run(ctx) }

func (v *Visit) Withdraw(ctx context.Context, missing map[journal.Position]bool) (map[journal.Position]bool, error) {
	return v.v.withdraw(ctx, missing)
}

// Bound bounds an answer.
func (v *Visit) Bound(most int64) { v.v.remote.most = most }

// Back reports whether the remote server's clock was found to have gone back.
func (v *Visit) Back() bool { return v.v.back }

func (v *Visit) Notice() string { return v.v.notice() }

func (v *Visit) Close() { v.v.remote.close() }

func FaultOf(err error) *Fault { return faultOf(err) }

var ErrPaused = errPaused

const ShortPage = shortPage
