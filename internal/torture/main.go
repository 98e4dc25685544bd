package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

func main() {
	log.SetFlags(log.Ltime)
	t := &torture{}
	flag.StringVar(&t.program, "accord", "bin/accord", "the program to torture")
	rounds := flag.Int("rounds", 200, "how often it is killed")
	life := flag.Int("life", 0, "rounds with one data folder (0: 25), or one cluster (0: 100)")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of everything random")
	nodes := flag.Int("nodes", 1, "with 3 or more: nodes of a cluster, to which one of the faults is done in each round")
	var c clusterTorture
	flag.StringVar(&c.only, "faults", "", "with -nodes: only faults whose names contain one of these words, separated by commas")
	flag.IntVar(&c.followers, "followers", 0, "with -nodes: followers besides, each of which has the log from a random node")
	flag.BoolVar(&c.each, "each", false, "with -nodes: each fault once, instead of -rounds at random")
	flag.BoolVar(&c.plain, "plain", false, "with -nodes: the program as it is, without faults of clocks and of power")
	list := flag.Bool("list", false, "list the faults of a cluster")
	attack := flag.Duration("attack", 0, "instead of killing, measure honest clients for so long during each of several attacks")
	only := flag.String("only", "", "with -attack: only the attacks whose names contain this, beside none")
	as := flag.Int("as", -1, "attack the server at -at like the attack of that number (the program starts itself so)")
	at := flag.String("at", "", "the URL of the server for -as")
	flag.Parse()
	if *as >= 0 {
		attackers(*as, *at)
		return
	}
	if *list {
		for _, f := range faults {
			fmt.Println(f.name)
		}
		return
	}
	t.random = rand.New(rand.NewPCG(*seed, 1))
	log.Printf("seed %d", *seed)
	if *attack > 0 {
		if err := t.attacked(*attack, *only); err != nil {
			log.Fatal(err)
		}
		return
	}
	if *nodes > 1 {
		c.nodes, c.rounds, c.life = *nodes, *rounds, cmp.Or(*life, 100)
		if err := t.tortureCluster(c); err != nil {
			log.Printf("FAILED after %d kills: %v", t.kills, err)
			log.Printf("the data folders are kept: %s", t.dir)
			os.Exit(1)
		}
		return
	}
	began := time.Now()
	if err := t.all(*rounds, cmp.Or(*life, 25)); err != nil {
		log.Printf("FAILED after %d kills: %v", t.kills, err)
		log.Printf("the data folder is kept: %s", t.dir)
		os.Exit(1)
	}
	fmt.Printf("kills %d, envelopes acknowledged %d, versions acknowledged %d, deletions acknowledged %d, versions polled %d, "+
		"backups restored %d, releases compared %d, versions looked for after a kill %d, lost 0, took %v\n",
		t.kills, t.envelopes, t.versions, t.deletions, t.polled, t.backups, t.compared, t.looked, time.Since(began).Round(time.Second))
}

// torture is a run, with what it has counted.
type torture struct {
	program string
	random  *rand.Rand
	dir     string

	kills, envelopes, versions, deletions, polled, backups, compared, looked int
}

func (t *torture) all(rounds, life int) error {
	for rounds > 0 {
		dir, err := os.MkdirTemp("", "accord-torture-")
		if err != nil {
			return err
		}
		t.dir = dir
		w, err := newWorld(t, filepath.Join(dir, "data"))
		if err != nil {
			return err
		}
		n := min(life, rounds)
		for i := range n {
			if err := w.round(); err != nil {
				return fmt.Errorf("round %d of this folder: %w", i+1, err)
			}
		}
		if err := w.finish(); err != nil {
			return fmt.Errorf("at the end of a folder's life: %w", err)
		}
		t.versions += len(w.acknowledged)
		rounds -= n
		log.Printf("%d kills, %d versions acknowledged, none lost", t.kills, t.versions)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
