package budget

import (
	"context"
	"time"
)

// Patience is how long Grow waits for memory.
const Patience = 2 * time.Second

// mostBudgets is how many budgets a reservation can take from: an account's, its party's and the server's.
const mostBudgets = 3

// Reservation is the memory that one request, or one piece of background work, holds of each of its budgets. A nil
// Reservation, and one without budgets, holds nothing and grows without bound. It is not safe for concurrent use.
type Reservation struct {
	budgets [mostBudgets]*Budget // in the order in which they are asked
	taken   [mostBudgets]int64   // of each, at most its size unless it was overdrawn
	held    int64
	share   *Share // of the processors; nil: without bound
}

// Reserve returns an empty reservation. The narrowest budget comes first: a request that its account cannot pay for
// takes nothing from the others.
func Reserve(budgets ...*Budget) Reservation {
	var r Reservation
	copy(r.budgets[:], budgets)
	return r
}

// In returns the reservation with a share of the processors.
func (r Reservation) In(s *Share) Reservation {
	r.share = s
	return r
}

// Long waits for a turn for long work; see Share.Long.
func (r *Reservation) Long(ctx context.Context) (done func(), err error) {
	if r == nil || r.share == nil {
		return func() {}, nil
	}
	return r.share.Long(ctx)
}

// Held returns how many bytes it holds.
func (r *Reservation) Held() int64 {
	if r == nil {
		return 0
	}
	return r.held
}

// Grow makes the reservation hold at least so many bytes, or as many as a budget has in all. It waits up to Patience for
// each budget; the error is that of the first one that stays exhausted.
func (r *Reservation) Grow(ctx context.Context, bytes int) error {
	if r == nil || int64(bytes) <= r.held {
		return nil
	}
	more := int64(bytes) - r.held
	for i, b := range r.budgets {
		if b == nil {
			continue
		}
		n := max(0, min(more, b.size-r.taken[i]))
		if !b.take(ctx, n, Patience) {
			return b.exhausted
		}
		r.taken[i] += n
	}
	r.held = int64(bytes)
	return nil
}

// Add is Grow by so many bytes more than it holds.
func (r *Reservation) Add(ctx context.Context, bytes int) error {
	if r == nil {
		return nil
	}
	return r.Grow(ctx, int(r.held)+bytes)
}

// Adjust makes the reservation hold exactly so many bytes, which are in memory already: what it lacks is overdrawn.
func (r *Reservation) Adjust(bytes int) {
	if r == nil {
		return
	}
	change := int64(bytes) - r.held
	for i, b := range r.budgets {
		switch {
		case b == nil:
		case change > 0:
			b.overdraw(change)
			r.taken[i] += change
		default:
			n := max(0, r.taken[i]-int64(bytes))
			r.taken[i] -= n
			b.give(n)
		}
	}
	r.held = int64(bytes)
}

// Move returns a reservation that holds what this one held, which is empty then: of work that outlives its request.
func (r *Reservation) Move() *Reservation {
	if r == nil {
		return nil
	}
	moved := *r
	r.taken, r.held = [mostBudgets]int64{}, 0
	return &moved
}

// Release returns everything, including what a failed Grow took.
func (r *Reservation) Release() {
	if r == nil {
		return
	}
	for i, b := range r.budgets {
		if b != nil {
			b.give(r.taken[i])
			r.taken[i] = 0
		}
	}
	r.held = 0
}

type key struct{}

// NewContext returns a context that carries a reservation.
func NewContext(ctx context.Context, r *Reservation) context.Context {
	return context.WithValue(ctx, key{}, r)
}

// From returns the reservation that a context carries, or nil.
func From(ctx context.Context) *Reservation {
	r, _ := ctx.Value(key{}).(*Reservation)
	return r
}
