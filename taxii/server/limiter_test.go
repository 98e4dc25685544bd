package server

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
)

func TestARateAllowsItsBurstAndThenItself(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	var g gcra
	allowed := func(n int) (passed int) {
		for range n {
			if g.allow(now, 10) == 0 {
				passed++
			}
		}
		return passed
	}
	if got := allowed(500); got != 100 {
		t.Errorf("from rest: got %d of 500 requests allowed, want the 100 of ten seconds", got)
	}
	if wait := g.allow(now, 10); wait != 100*time.Millisecond {
		t.Errorf("got a wait of %v, want 100ms", wait)
	}
	now = now.Add(time.Second)
	if got := allowed(50); got != 10 {
		t.Errorf("a second later: got %d of 50, want 10", got)
	}
	now = now.Add(time.Hour)
	if got := allowed(500); got != 100 {
		t.Errorf("an hour later: got %d of 500, want no more than 100", got)
	}
	var generous gcra
	passed := 0
	for range 700_000 {
		if generous.allow(now, generousRate) == 0 {
			passed++
		}
	}
	if passed != 600_000 {
		t.Errorf("at the default rate: got %d of 700000 requests allowed, want the 600000 of five minutes", passed)
	}
}

func TestARateBelowOneRequestASecondAllowsOne(t *testing.T) {
	var g gcra
	now := time.Unix(1_000_000, 0)
	if wait := g.allow(now, 0.1); wait != 0 {
		t.Errorf("the first: got a wait of %v, want none", wait)
	}
	if wait := g.allow(now, 0.1); wait != 10*time.Second {
		t.Errorf("the second: got a wait of %v, want 10s", wait)
	}
}

// One party's accounts together are bounded, and leave the rest to others.
func TestAPartyIsBoundedOverItsAccounts(t *testing.T) {
	l := newLimiter(Limits{Memory: 100, AccountMemory: 30, PartyMemory: 50, AccountRequests: 2, PartyRequests: 3, AccountRate: 1000, Requests: 10})
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nothing waits
	var limit *limitError
	var usages []*accountUsage
	for _, name := range []agreement.AccountName{"one", "one", "two"} {
		a, err := l.enterAccount(ctx, agreement.Caller{Account: name, Party: "rival"})
		if err != nil {
			t.Fatal(err)
		}
		usages = append(usages, a)
	}
	if _, err := l.enterAccount(ctx, agreement.Caller{Account: "three", Party: "rival"}); !errors.As(err, &limit) || limit.status != http.StatusTooManyRequests {
		t.Errorf("a fourth request of the party: got %v, want 429", err)
	}
	honest, err := l.enterAccount(ctx, agreement.Caller{Account: "four", Party: "honest"})
	if err != nil {
		t.Fatal(err)
	}
	first, second, theirs := l.reserve(usages[0]), l.reserve(usages[2]), l.reserve(honest)
	if err := first.Grow(ctx, 30); err != nil {
		t.Fatal(err)
	}
	if err := second.Grow(ctx, 30); !errors.As(err, &limit) || limit.status != http.StatusTooManyRequests {
		t.Errorf("beyond the party's memory: got %v, want 429", err)
	}
	second.Release()
	if err := theirs.Grow(ctx, 30); err != nil {
		t.Errorf("another party: got %v, want its memory", err)
	}
	first.Release()
	theirs.Release()
	for _, a := range append(usages, honest) {
		a.leave()
	}
	if l.memory.Used() != 0 || usages[0].party.memory.Used() != 0 || usages[0].party.requests.Load() != 0 {
		t.Error("something is still taken after everybody has left")
	}
}
