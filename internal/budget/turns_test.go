package budget_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/accord-taxii/accord/internal/budget"
)

// A party with a hundred pieces of long work waiting does not keep another one's from the next turn.
func TestTurnsGoToTheShareThatUsedLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := budget.NewTurns(2)
		greedy, honest := turns.Share(), turns.Share()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				done, err := greedy.Long(ctx)
				if err != nil {
					return
				}
				time.Sleep(time.Second)
				done()
			})
		}
		synctest.Wait()
		began := time.Now()
		for range 3 {
			done, err := honest.Long(ctx)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
			done()
		}
		if waited := time.Since(began); waited > 4*time.Second {
			t.Errorf("three turns took %v, want at most one piece of greedy work before each", waited)
		}
		stop()
		all.Wait()
	})
}

func TestLongWorkLeavesATurnForShortWork(t *testing.T) {
	for _, slots := range []int{2, 4} {
		turns := budget.NewTurns(slots)
		share := turns.Share()
		for range slots - 1 {
			if _, err := share.Long(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		full, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		cancel(gone)
		if _, err := share.Long(full); !errors.Is(err, gone) {
			t.Errorf("%d slots: long work got the last turn: %v", slots, err)
		}
		done, err := share.Short(t.Context())
		if err != nil {
			t.Errorf("%d slots: short work got no turn: %v", slots, err)
		}
		done()
		done() // counts once
	}
}
