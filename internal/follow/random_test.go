package follow_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// history fills the agreement source with a life of additions, newer versions, markings that rise and fall, relationships
// that come before what they refer to, and deletions: the same for a seed.
func history(x *exchange, seed uint64, steps int) {
	r := rand.New(rand.NewPCG(seed, 2))
	marks := []string{"", "clear", "green", "green", "green", "amber"}
	name := func() string { return fmt.Sprintf("n%d", r.IntN(steps/3+1)) }
	day := func() int { return 1 + r.IntN(6) }
	mark := func() string { return marks[r.IntN(len(marks))] }
	for range steps {
		var texts []string
		for range 1 + r.IntN(4) {
			switch r.IntN(8) {
			case 0, 1, 2:
				texts = append(texts, object("campaign", name(), day(), mark()))
			case 3:
				texts = append(texts, object("malware", name(), day(), mark()))
			case 4, 5:
				n := name()
				texts = append(texts, relationship(n, idOf("campaign", n), idOf("campaign", n+"x"), day(), mark()),
					object("campaign", n+"x", day(), mark()))
			case 6:
				n := name()
				texts = append(texts, sighting(n, idOf("malware", n), day(), mark()))
			case 7:
				texts = append(texts, by(idOf("identity", "i"), object("campaign", name(), day(), mark())), object("identity", "i", day(), mark()))
			}
		}
		x.addAny("source", texts...)
		if r.IntN(5) == 0 {
			x.remove("source", idOf("campaign", name()), []store.Versions{{}, {Last: true}, {First: true}}[r.IntN(3)])
		}
	}
}

// addAny adds objects, whatever becomes of each.
func (x *exchange) addAny(name agreement.Name, texts ...string) {
	x.t.Helper()
	b := store.Batch{Actor: store.Actor{Account: "push", Party: "vendor"}}
	for _, text := range texts {
		o := parse(x.t, text)
		level, _ := o.EffectiveTLP()
		b.Changes = append(b.Changes, store.Change{Add: &store.Addition{Object: o, TLP: max(level, stix.Clear)}})
	}
	_, err := x.col(name).Append(context.Background(), b)
	x.must(err)
}

// random opens an exchange with a source, and a target under a rule that lets some of it go.
func random(t testing.TB, dir string, rules ...func(*agreement.Release)) *exchange {
	x := open(t, dir)
	if len(x.store.Collections()) == 0 {
		x.agreement("source", func(a *agreement.Agreement) {
			releaseTo("target", stix.Green, "campaign", "relationship", "sighting", "malware")(a)
			for _, rule := range rules {
				rule(&a.Release[0])
			}
		})
		x.agreement("target", nil)
		x.settle() // draws the key of copies
	}
	return x
}

// nameless has a release hide authors.
func nameless(r *agreement.Release) {
	ch := agreement.Change{Author: agreement.AuthorRemove}
	r.Change = &ch
}

// Without their authors the same versions go, whatever the order and wherever batches end.
func TestHidingAuthorsChangesNamesAlone(t *testing.T) {
	for seed := range seeds(4) {
		var want []string
		for _, rule := range []func(*agreement.Release){func(*agreement.Release) {}, nameless} {
			dir := filepath.Join(t.TempDir(), "data")
			x := random(t, dir, rule)
			history(x, seed, 60)
			x.must(x.store.Close())
			got, taken := outcome(t, dir, func(m *follow.Manager) { must(t, m.Settle(t.Context())) }, follow.Config{})
			named := len(got)
			got = slices.DeleteFunc(got, func(name string) bool { return strings.HasPrefix(name, "i@") }) // the author
			if want == nil {
				want = got
				continue
			}
			if named != len(got) || !slices.Equal(got, want) {
				t.Errorf("seed %d: got %d versions, want %d without an author:\n%s", seed, named, len(want), difference(got, want))
			}
			for _, size := range []int{1, 7} {
				again, back := outcome(t, dir, func(m *follow.Manager) { must(t, m.Settle(t.Context())) }, follow.Config{BatchEntries: size})
				if !slices.Equal(again, got) || !slices.Equal(back, taken) {
					t.Errorf("seed %d, batches of %d: %d versions and %d withdrawals, want %d and %d:\n%s\n%s", seed, size, len(again), len(back), len(got), len(taken),
						difference(again, got), difference(back, taken))
				}
			}
		}
	}
}

func TestWhereBatchesEndMakesNoDifference(t *testing.T) {
	for seed := range seeds(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			x := random(t, dir)
			history(x, seed, 60)
			x.must(x.store.Close())
			want, taken := outcome(t, dir, func(m *follow.Manager) { must(t, m.Settle(t.Context())) }, follow.Config{})
			r := rand.New(rand.NewPCG(seed, 3))
			for range 3 {
				c := follow.Config{BatchEntries: 1 + r.IntN(20), BatchBytes: 200 + r.IntN(4000)}
				got, back := outcome(t, dir, func(m *follow.Manager) { must(t, m.Settle(t.Context())) }, c)
				if !slices.Equal(got, want) || !slices.Equal(back, taken) {
					t.Errorf("with %+v: got %d versions and %d withdrawals, want %d and %d\n%s\n%s", c, len(got), len(back), len(want), len(taken),
						difference(got, want), difference(back, taken))
				}
			}
			if len(want) == 0 || len(taken) == 0 {
				t.Errorf("the history leads to %d versions and %d withdrawals, want some of both", len(want), len(taken))
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcome copies a data folder, lets do release there, and returns what the target has then and what was withdrawn.
func outcome(t *testing.T, dir string, do func(*follow.Manager), c follow.Config) (versions, withdrawals []string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(to, os.DirFS(dir)))
	x := open(t, to)
	do(x.manager(c))
	return x.outcome()
}

func (x *exchange) outcome() (versions, withdrawals []string) {
	withdrawals = x.withdrawals("target")
	slices.Sort(withdrawals)
	return x.holds("target"), withdrawals
}

func difference(got, want []string) string {
	var b strings.Builder
	for _, s := range got {
		if !slices.Contains(want, s) {
			fmt.Fprintf(&b, "+ %s\n", s)
		}
	}
	for _, s := range want {
		if !slices.Contains(got, s) {
			fmt.Fprintf(&b, "- %s\n", s)
		}
	}
	return b.String()
}

// childFolder tells this test program that it is the child that gets killed, and what it works on.
const childFolder = "ACCORD_FOLLOW_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		child(dir)
	}
	os.Exit(m.Run())
}

// child releases in tiny batches until it is killed, or done.
func child(dir string) {
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	m := follow.New(follow.Config{Store: s, BatchEntries: 3, Now: func() time.Time { return now }})
	fmt.Println("begun")
	if err := m.Settle(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A release that is killed at any instant ends with the same target as without the kill.
func TestAKillChangesNothing(t *testing.T) {
	for name, rule := range map[string]func(*agreement.Release){"as they are": func(*agreement.Release) {}, "without authors": nameless} {
		t.Run(name, func(t *testing.T) { testKills(t, rule) })
	}
}

func testKills(t *testing.T, rule func(*agreement.Release)) {
	self, err := os.Executable()
	must(t, err)
	dir := filepath.Join(t.TempDir(), "data")
	x := random(t, dir, rule)
	history(x, 77, 150)
	x.must(x.store.Close())
	want, taken := outcome(t, dir, func(m *follow.Manager) { must(t, m.Settle(t.Context())) }, follow.Config{})
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 5))
	kills := 0
	for range 15 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), childFolder+"="+dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		io.ReadFull(out, make([]byte, 5)) // it has opened the folder
		wait := time.NewTimer(time.Duration(r.IntN(60_000)) * time.Microsecond)
		<-wait.C
		cmd.Process.Kill()
		if err := cmd.Wait(); err == nil {
			break // it was done
		} else if exit := new(exec.ExitError); errors.As(err, &exit) && exit.Exited() {
			t.Fatalf("the child failed: %v", err)
		}
		kills++
	}
	x = open(t, dir)
	x.settle()
	got, back := x.outcome()
	if !slices.Equal(got, want) || !slices.Equal(back, taken) {
		t.Errorf("after %d kills: got %d versions and %d withdrawals, want %d and %d\n%s\n%s", kills, len(got), len(back), len(want), len(taken),
			difference(got, want), difference(back, taken))
	}
	t.Logf("killed %d times", kills)
}
