package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	accord string        // a program that is built already
	turn   time.Duration // how long a subject is measured before the next one has its turn
	turns  int
	scale  int // objects of the scale run; 0: none
	only   string
	rows   string
	out    io.Writer
}

func main() {
	var o options
	flag.StringVar(&o.accord, "accord", "", "a `FILE` to measure instead of the program built from these sources")
	flag.DurationVar(&o.turn, "turn", 2*time.Second, "how long a subject is measured before the next one has its turn")
	flag.IntVar(&o.turns, "turns", 5, "turns of each subject; the median counts")
	flag.IntVar(&o.scale, "scale", 100_000, "objects of the scale run")
	flag.StringVar(&o.only, "only", "", "one of reads, writes, scale, mixed, onward; by default all of them")
	flag.StringVar(&o.rows, "rows", "", "of the reads, those rows whose name has this `TEXT`")
	reference := flag.String("reference", "", "serve the files of a `FOLDER` from memory (the program starts itself so)")
	flag.Parse()
	if *reference != "" {
		exit(serveReference(*reference))
	}
	o.out = os.Stdout
	exit(run(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures what was asked for, in a folder that it removes.
func run(o options) error {
	scratch, err := os.MkdirTemp("", "accord-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	bin := o.accord
	if bin == "" {
		if bin, err = build(scratch); err != nil {
			return err
		}
	}
	fmt.Fprintf(o.out, "%s\n\n", machine())
	for _, tool := range []string{"wrk", "nginx"} {
		if !installed(tool) {
			fmt.Fprintf(o.out, "%s is not installed; the run goes on without it. Debian: apt-get install wrk nginx-light\n\n", tool)
		}
	}
	for _, part := range []struct {
		name string
		run  func(o options, bin, scratch string) error
	}{{"reads", reads}, {"writes", writes}, {"scale", scale}, {"mixed", mixed}, {"onward", onward}} {
		if o.only == "" || o.only == part.name {
			if err := part.run(o, bin, filepath.Join(scratch, part.name)); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	return nil
}

// machine says what all of it was measured on.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			model = strings.Trim(line, "\t :")
		}
	}
	busy := ""
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		busy = ", load at the start " + strings.Fields(string(text))[0]
	}
	revision := ""
	if out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		revision = ", commit " + strings.TrimSpace(string(out))
	}
	return fmt.Sprintf("%s, %d processors, %s %s/%s%s%s", model, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, busy, revision)
}
