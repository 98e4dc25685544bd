package main

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// C-3, C-4, C-5, C-7, C-8, C-9, C-10: every fault once, on three real processes with clients at work. Afterwards nothing that was
// acknowledged is lost or doubled, pollers that went to a random node each time have seen each version once and in order, statuses
// and places hold on every node, what was damaged was found, a node that was cut off has stopped, and one has joined and one was
// removed under load. make check runs it; make torture NODES=3 draws faults at random.
func TestEveryFaultOfAClusterOnce(t *testing.T) {
	if os.Getenv("ACCORD_TORTURE") == "" {
		t.Skip("SKIPPED: minutes of kills; ACCORD_TORTURE=1 runs it, as make check does")
	}
	program, err := accordtest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	run := &torture{program: program, random: rand.New(rand.NewPCG(18, 1))}
	if err := run.tortureCluster(clusterTorture{nodes: 3, rounds: 1, life: 1, each: true, only: os.Getenv("ACCORD_FAULTS")}); err != nil {
		t.Errorf("%v\nthe data folders are kept: %s", err, run.dir)
	}
}

// Faults have names of their own, and those that are drawn at random are all drawn.
func TestFaultsAreDrawnByHowOftenTheyAre(t *testing.T) {
	names := map[string]bool{}
	for _, f := range faults {
		if names[f.name] || f.often < 1 || f.do == nil {
			t.Errorf("the fault %q is there twice, or never drawn", f.name)
		}
		names[f.name] = true
	}
	drew, r := map[string]int{}, rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		drew[drawn(faults, r).name]++
	}
	for _, f := range faults {
		if drew[f.name] == 0 {
			t.Errorf("%s was never drawn", f.name)
		}
	}
}
