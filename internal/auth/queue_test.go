package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// verification returns a queue's work that takes a while, as argon2id does.
func verification(right bool) func() error {
	return func() error {
		time.Sleep(30 * time.Millisecond)
		if right {
			return nil
		}
		return ErrWrong
	}
}

// guess runs clients that guess passwords in a queue until the context ends: each sends its next attempt as soon as it
// has an answer.
func guess(ctx context.Context, q *queue, clients int, of func(n int) origin) *sync.WaitGroup {
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for n := c; ctx.Err() == nil; n += clients {
				q.do(ctx, credentialKey{1, byte(n), byte(n >> 8), byte(n >> 16)}, of(n), false, cost{}, verification(false))
			}
		})
	}
	return &all
}

// A right password is verified despite any of these attacks, within the time that clients wait for an answer: the first
// login of its account, from the same address.
func TestGuessingKeepsNoRightPasswordOut(t *testing.T) {
	for _, row := range []struct {
		name    string
		clients int
		of      func(n int) origin
		within  time.Duration
	}{
		{"random names from the same address", 80, func(n int) origin { return origin{fmt.Sprint("name", n), "shared"} }, 20 * time.Second},
		{"random names from other addresses", 80, func(n int) origin { return origin{fmt.Sprint("name", n), fmt.Sprint("a", n%7)} }, 3 * time.Second},
		{"the same name from the same address", 32, func(int) origin { return origin{"push", "shared"} }, 25 * time.Second},
		{"another name from the same address", 32, func(int) origin { return origin{"other", "shared"} }, 3 * time.Second},
		{"the same name from other addresses", 16, func(n int) origin { return origin{"push", fmt.Sprint("a", n%16)} }, 25 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(2, defaultWaiting, defaultMemory)
				ctx, stop := context.WithCancel(t.Context())
				all := guess(ctx, q, row.clients, row.of)
				for login := range 20 {
					time.Sleep(10 * time.Second)
					began := time.Now()
					err := q.do(ctx, credentialKey{2, byte(login)}, origin{"push", "shared"}, false, cost{}, verification(true))
					if took := time.Since(began); err != nil || took > row.within {
						t.Errorf("login %d: got %v after %v, want in within %v", login, err, took, row.within)
					}
				}
				stop()
				all.Wait()
				time.Sleep(time.Minute) // workers rest
			})
		})
	}
}

func TestGuessesAreSlowed(t *testing.T) {
	for _, row := range []struct {
		name string
		of   func(n int) origin
		most int // in ten minutes
	}{
		{"one account from one address", func(int) origin { return origin{"push", "here"} }, 1300},
		{"many accounts from one address", func(n int) origin { return origin{fmt.Sprint("name", n), "here"} }, 6500},
		{"one account from many addresses", func(n int) origin { return origin{"push", fmt.Sprint("a", n)} }, 1500},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(64, defaultWaiting, defaultMemory) // a large machine
				ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
				defer stop()
				var mu sync.Mutex
				verified := 0
				var all sync.WaitGroup
				for c := range 40 {
					all.Go(func() {
						for n := c; ctx.Err() == nil; n += 40 {
							q.do(ctx, credentialKey{1, byte(n), byte(n >> 8), byte(n >> 16)}, row.of(n), false, cost{}, func() error {
								mu.Lock()
								defer mu.Unlock()
								verified++
								return ErrWrong
							})
						}
					})
				}
				all.Wait()
				mu.Lock() // a guess whose caller has left is still verified
				defer mu.Unlock()
				if verified > row.most {
					t.Errorf("got %d guesses verified in ten minutes, want at most %d", verified, row.most)
				}
			})
		})
	}
}

// An account that has logged in from an address can log in there again, despite guesses from elsewhere.
func TestAKnownAddressHasAWayThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(2, defaultWaiting, defaultMemory)
		ctx, stop := context.WithCancel(t.Context())
		all := guess(ctx, q, 200, func(n int) origin { return origin{"push", fmt.Sprint("a", n%50)} })
		time.Sleep(5 * time.Minute)
		began := time.Now()
		if err := q.do(ctx, credentialKey{2}, origin{"push", "office"}, true, cost{}, verification(true)); err != nil || time.Since(began) > time.Second {
			t.Errorf("got %v after %v, want in within a second", err, time.Since(began))
		}
		stop()
		all.Wait()
		time.Sleep(time.Minute)
	})
}

// An address that fills the queue is refused before others are.
func TestAFullQueueHasRoomForOtherAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 10, defaultMemory)
		release := q.hold()
		ctx, stop := context.WithCancel(t.Context())
		all := guess(ctx, q, 10, func(n int) origin { return origin{fmt.Sprint("name", n), "crowd"} })
		synctest.Wait()
		done := make(chan error)
		go func() {
			done <- q.do(ctx, credentialKey{2}, origin{"push", "office"}, false, cost{}, verification(true))
		}()
		synctest.Wait()
		release()
		if err := <-done; err != nil {
			t.Errorf("got %v, want in", err)
		}
		stop()
		all.Wait()
		time.Sleep(time.Minute)
	})
}

func TestAnIPv6NetworkIsOneAddress(t *testing.T) {
	for _, row := range []struct{ address, want string }{
		{"192.0.2.1", "192.0.2.1"}, {"::ffff:192.0.2.1", "192.0.2.1"}, {"2001:db8:0:1::1", "2001:db8:0:1::/64"},
		{"2001:db8:0:1:ffff::2", "2001:db8:0:1::/64"}, {"fe80::1%eth0", "fe80::/64"}, {"", ""},
	} {
		if got := AddressKey(row.address); got != row.want {
			t.Errorf("%q: got %q, want %q", row.address, got, row.want)
		}
	}
}

// After a restart the right password needs no verification. The files contain no password and only their owner can read
// them.
func TestVerifiedCredentialsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir() + "/logins"
	account := Account{Name: "push", PasswordHash: cheapHash("a long password"), Revision: 1}
	accounts := &directory{accounts: []Account{account}}
	open := func() (*Authenticator, *Logins) {
		t.Helper()
		l, err := OpenLogins(dir)
		if err != nil {
			t.Fatal(err)
		}
		return New(accounts, Options{Logins: l}), l
	}
	first, kept := open()
	if _, err := first.Authenticate(t.Context(), Request{Address: "192.0.2.1", Header: basicHeader("push", "a long password")}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Authenticate(t.Context(), Request{Address: "192.0.2.9", Header: basicHeader("push", "a wrong password")}, nil); !errors.Is(err, ErrWrong) {
		t.Fatal(err)
	}
	if err := kept.Save(); err != nil {
		t.Fatal(err)
	}
	second, again := open()
	second.queue.hold()
	try := func(h http.Header) error {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := second.Authenticate(ctx, Request{Address: "192.0.2.1", Header: h}, cancel) // it does not wait
		return err
	}
	if err := try(basicHeader("push", "a long password")); err != nil {
		t.Errorf("the right password after a restart: got %v, want in", err)
	}
	seen := again.Of("push")
	if seen.Success == nil || seen.Success.From != "192.0.2.1" || seen.Failure == nil || len(seen.From) != 1 || seen.Failure.From != "192.0.2.9" || seen.Failure.Reason == "" {
		t.Errorf("got %+v, want the last success and failure", seen)
	}
	account.PasswordHash = cheapHash("another password")
	accounts.set(account)
	if err := try(basicHeader("push", "a long password")); !errors.Is(err, context.Canceled) {
		t.Errorf("after a new password: got %v, want the old one to be verified", err)
	}
}

// However many workers there are, what verifications take at once stays within their budget, and the largest one still has its turn.
func TestVerificationsShareABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(64, defaultWaiting, 64<<20)
		var mu sync.Mutex
		running, most, done := int64(0), int64(0), 0
		var all sync.WaitGroup
		for n := range 200 {
			takes := cost{hashing: 19 << 20}
			if n == 100 {
				takes.hashing = 256 << 20
			}
			all.Go(func() {
				err := q.do(t.Context(), credentialKey{byte(n), 1}, origin{fmt.Sprint("name", n), fmt.Sprint("a", n)}, false, takes, func() error {
					mu.Lock()
					running += takes.hashing
					most = max(most, running)
					mu.Unlock()
					time.Sleep(20 * time.Millisecond)
					mu.Lock()
					defer mu.Unlock()
					running -= takes.hashing
					done++
					return nil
				})
				if err != nil {
					t.Errorf("%d: %v", n, err)
				}
			})
		}
		all.Wait()
		if most != 256<<20 || done != 200 {
			t.Errorf("got %d MiB at once and %d verified, want the largest alone, and all of them", most>>20, done)
		}
		q = newQueue(1, defaultWaiting, 1<<20)
		release := q.hold()
		refused := 0
		for n := range 100 {
			if _, err := q.enter(credentialKey{byte(n), 2}, origin{"push", "crowd"}, false, cost{waiting: 8 << 10}, func() error { return nil }); err != nil {
				refused++
			}
		}
		if refused != 100-16 {
			t.Errorf("got %d of 100 requests refused, want all but those that an eighth of the budget holds", refused)
		}
		release()
		time.Sleep(time.Minute)
	})
}
