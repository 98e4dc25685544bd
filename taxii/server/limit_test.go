package server

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestAnAccountSpendsWhatItEarns(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	var a allowance
	spent := func(n int) (passed int) {
		for range n {
			if a.spend(now, 10) == 0 {
				passed++
			}
		}
		return passed
	}
	if got := spent(500); got != 100 {
		t.Errorf("from rest: got %d of 500 requests let in, want the 100 that ten seconds earn", got)
	}
	if wait := a.spend(now, 10); wait != 100*time.Millisecond {
		t.Errorf("got a wait of %v, want 100ms", wait)
	}
	now = now.Add(time.Second)
	if got := spent(50); got != 10 {
		t.Errorf("a second later: got %d of 50, want 10", got)
	}
	now = now.Add(time.Hour)
	if got := spent(500); got != 100 {
		t.Errorf("an hour later: got %d of 500, want no more than 100", got)
	}
	var generous allowance
	passed := 0
	for range 700_000 {
		if generous.spend(now, generousRate) == 0 {
			passed++
		}
	}
	if passed != 600_000 {
		t.Errorf("at the default rate: got %d of 700000 requests let in, want the 600000 that five minutes earn", passed)
	}
}

func TestARateBelowOneRequestASecondLetsOneIn(t *testing.T) {
	var a allowance
	now := time.Unix(1_000_000, 0)
	if wait := a.spend(now, 0.1); wait != 0 {
		t.Errorf("the first: got a wait of %v, want none", wait)
	}
	if wait := a.spend(now, 0.1); wait != 10*time.Second {
		t.Errorf("the second: got a wait of %v, want 10s", wait)
	}
}

func TestABudgetServesThoseWhoWaitInOrder(t *testing.T) {
	b := newBudget(100)
	ctx := context.Background()
	if n, ok := b.take(ctx, 500, 0); !ok || n != 100 {
		t.Fatalf("got %d, %v, want all there is", n, ok)
	}
	if _, ok := b.take(ctx, 1, 0); ok {
		t.Fatal("got a byte of an empty budget")
	}
	got := make(chan int, 2)
	wait := func(bytes int64) {
		before := len(b.queue)
		go func() {
			if n, ok := b.take(ctx, bytes, time.Minute); ok {
				got <- int(n)
			}
		}()
		for { // until it stands in the queue
			b.mu.Lock()
			n := len(b.queue)
			b.mu.Unlock()
			if n > before {
				return
			}
		}
	}
	wait(80)
	wait(10)
	b.give(20)
	select {
	case n := <-got:
		t.Fatalf("%d bytes were taken past one who waits for 80", n)
	default:
	}
	b.give(80)
	if first, second := <-got, <-got; first+second != 90 || b.left != 10 {
		t.Errorf("got %d and %d with %d left, want 80, 10 and 10", first, second, b.left)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, ok := b.take(canceled, 50, time.Minute); ok || len(b.queue) != 0 {
		t.Errorf("got bytes after the request was given up, or a queue of %d", len(b.queue))
	}
}

func TestMemoryComesBackWhateverHappens(t *testing.T) {
	g := newGate(Limits{Memory: 100, AccountMemory: 60, AccountRequests: 10, AccountRate: 1000, Requests: 10})
	a, err := g.enterAccount(context.Background(), "one")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nobody waits
	m, other := holding{gate: g, of: a}, holding{gate: g, of: a}
	if err := m.grow(ctx, 50); err != nil {
		t.Fatal(err)
	}
	var limit *limitError
	if err := other.grow(ctx, 20); !errors.As(err, &limit) || limit.status != http.StatusTooManyRequests {
		t.Errorf("beyond the account's share: got %v, want 429", err)
	}
	b, _ := g.enterAccount(context.Background(), "two")
	third := holding{gate: g, of: b}
	if err := third.grow(ctx, 55); !errors.As(err, &limit) || limit.status != http.StatusServiceUnavailable {
		t.Errorf("beyond the server's: got %v, want 503", err)
	}
	third.release()
	m.settle(90)
	m.settle(10)
	if got := g.memory.left; got != 90 {
		t.Errorf("with 10 bytes held: got %d left, want 90", got)
	}
	m.release()
	other.release()
	if g.memory.left != 100 || a.memory.left != 60 || b.memory.left != 60 {
		t.Errorf("got %d, %d and %d left, want 100, 60 and 60", g.memory.left, a.memory.left, b.memory.left)
	}
}
