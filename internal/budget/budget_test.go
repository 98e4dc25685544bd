package budget

import (
	"context"
	"errors"
	"testing"
	"time"
)

var (
	errOne = errors.New("the first is exhausted")
	errAll = errors.New("the second is exhausted")
)

func TestABudgetServesItsWaitersInOrder(t *testing.T) {
	b := New(100, errOne)
	ctx := context.Background()
	if !b.take(ctx, 100, 0) {
		t.Fatal("a full budget refuses its size")
	}
	if b.take(ctx, 1, 0) {
		t.Fatal("got a byte of an exhausted budget")
	}
	got := make(chan int64, 2)
	wait := func(bytes int64) {
		before := len(b.queue)
		go func() {
			if b.take(ctx, bytes, time.Minute) {
				got <- bytes
			}
		}()
		for { // until it stands in line
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
		t.Fatalf("%d bytes were taken past a waiter for 80", n)
	default:
	}
	b.give(80)
	if first, second := <-got, <-got; first+second != 90 || b.left != 10 {
		t.Errorf("got %d and %d with %d left, want 80, 10 and 10", first, second, b.left)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if b.take(canceled, 50, time.Minute) || len(b.queue) != 0 {
		t.Errorf("got bytes after the request was given up, or %d waiters", len(b.queue))
	}
}

func TestAReservationReturnsWhatItTook(t *testing.T) {
	all := New(100, errAll)
	one, two := New(60, errOne), New(60, errOne)
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nothing waits
	first, second, third := Reserve(one, all), Reserve(one, all), Reserve(two, all)
	if err := first.Grow(ctx, 50); err != nil {
		t.Fatal(err)
	}
	if err := second.Grow(ctx, 20); !errors.Is(err, errOne) {
		t.Errorf("beyond the first budget: got %v", err)
	}
	if err := third.Grow(ctx, 55); !errors.Is(err, errAll) {
		t.Errorf("beyond the second: got %v", err)
	}
	third.Release()
	first.Adjust(90)
	first.Adjust(10)
	if all.left != 90 {
		t.Errorf("with 10 bytes held: got %d left, want 90", all.left)
	}
	first.Release()
	second.Release()
	if all.left != 100 || one.left != 60 || two.left != 60 {
		t.Errorf("got %d, %d and %d left, want 100, 60 and 60", all.left, one.left, two.left)
	}
}

// What is larger than a whole budget is let in when nothing else is: it takes all there is, and gives that back.
func TestAReservationLargerThanItsBudget(t *testing.T) {
	b := New(100, errOne)
	r := Reserve(b)
	if err := r.Grow(t.Context(), 1000); err != nil || b.left != 0 {
		t.Errorf("got %v with %d left, want all of it", err, b.left)
	}
	r.Adjust(30)
	r.Release()
	if b.left != 100 {
		t.Errorf("got %d left, want 100", b.left)
	}
}

func TestAContextCarriesAReservation(t *testing.T) {
	if r := From(t.Context()); r != nil || r.Grow(t.Context(), 1<<40) != nil || r.Held() != 0 {
		t.Error("a context without a reservation bounds something")
	}
	r := Reserve(New(10, errOne))
	if From(NewContext(t.Context(), &r)) != &r {
		t.Error("the reservation is not the one that was put in")
	}
}
