package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// options are the flags.
type options struct {
	accord string        // a program that is built already
	turn   time.Duration // how long a subject is measured before the next one has its turn
	turns  int
	scale  int // objects of the largest collection of the scale run
	mixed  time.Duration
	only   string // names of parts, separated by commas; "" is all
	rows   string
	data   string // folder of real data
	write  string // a folder with a document for each part
	kills  int    // of the node that leads a cluster
	base   string // an earlier program
}

// job is what every part receives.
type job struct {
	options
	bin     string // the program that is measured
	scratch string // a folder of this part's own
	report  *report
}

// part is one measurement. Its name is that of its markers and of its document.
type part struct {
	name string
	run  func(context.Context, job) error
}

var parts = []part{{"reads", reads}, {"writes", writes}, {"scale", scale}, {"mixed", mixed}, {"onward", onward}, {"changes", changes}, {"search", searches}, {"live", lives}, {"cluster", clusters}}

func main() {
	var o options
	flag.StringVar(&o.accord, "accord", "", "a `FILE` to measure instead of the program built from these sources")
	flag.DurationVar(&o.turn, "turn", 2*time.Second, "how long a subject is measured before the next one has its turn; wrk knows whole seconds only")
	flag.IntVar(&o.turns, "turns", 5, "turns of each subject; the median counts")
	flag.IntVar(&o.scale, "scale", 1_000_000, "objects of the largest collection of the scale run, and of the search run; 10000000 takes a good half hour and 20 GB")
	flag.DurationVar(&o.mixed, "mixed", time.Minute, "how long pollers and writers are at work together")
	flag.StringVar(&o.only, "only", "", "some of reads, writes, scale, mixed, onward, changes, search, live, cluster, separated by commas; by default all of them")
	flag.StringVar(&o.rows, "rows", "", "of the reads, those rows whose name has this `TEXT`")
	flag.StringVar(&o.data, "data", realData(), "a `FOLDER` with folders of STIX bundles; without it the generator's objects have to do")
	flag.StringVar(&o.write, "write", "", "also put the tables between the markers of the documents in this `FOLDER`")
	flag.IntVar(&o.kills, "kills", 20, "how often the node that leads the cluster is killed")
	flag.StringVar(&o.base, "base", "", "an earlier program `FILE`: the cluster run compares a single server with it")
	quick := flag.Bool("quick", false, "two or three minutes: one short turn each, 10,000 objects, no onward")
	longest := flag.Duration("longest", 3*time.Hour, "stop the run after this time")
	kind := flag.String("reference", "", "serve the files of -files from memory with `net/http or echo` (the program starts itself so)")
	files := flag.String("files", "", "a `FOLDER` for -reference")
	cert := flag.String("cert", "", "a certificate `FILE` for -reference")
	key := flag.String("key", "", "the `FILE` of its key")
	flag.Parse()
	if *kind != "" {
		exit(serveReference(*kind, *files, *cert, *key))
	}
	if *quick {
		o.quicken()
	}
	if err := o.check(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, *longest, fmt.Errorf("given up after %s (-longest)", *longest))
	defer cancel()
	exit(run(ctx, o, os.Stdout))
}

// quicken shortens every measurement whose flag was not given.
func (o *options) quicken() {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, shorten := range map[string]func(){
		"turn":  func() { o.turn = time.Second },
		"turns": func() { o.turns = 1 },
		"scale": func() { o.scale = 10_000 },
		"mixed": func() { o.mixed = 10 * time.Second },
		"kills": func() { o.kills = 3 },
		"only":  func() { o.only = "reads,writes,scale,mixed" },
	} {
		if !given[name] {
			shorten()
		}
	}
}

func (o *options) check() error {
	for name := range strings.SplitSeq(o.only, ",") {
		known := name == ""
		var names []string
		for _, p := range parts {
			known = known || p.name == name
			names = append(names, p.name)
		}
		if !known {
			return fmt.Errorf("-only %s: unknown part; the parts are %s", name, strings.Join(names, ", "))
		}
	}
	if o.turns < 1 || o.turn <= 0 || o.mixed <= 0 {
		return errors.New("-turn, -turns and -mixed must be positive")
	}
	if o.kills < 1 {
		return errors.New("-kills must be positive")
	}
	if o.scale < 1000 {
		return fmt.Errorf("-scale %d: the smallest collection has 1000 objects", o.scale)
	}
	return nil
}

func (o *options) wants(name string) bool {
	return o.only == "" || strings.Contains(","+o.only+",", ","+name+",")
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures the chosen parts in a folder that it removes. A part that fails does not stop the others.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	scratch, err := os.MkdirTemp("", "accord-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	bin := o.accord
	if bin == "" {
		if bin, err = accordtest.Build(scratch); err != nil {
			return err
		}
	}
	r := newReport(ctx, out)
	fmt.Fprintf(out, "%s\n\n", r.machine)
	for _, tool := range []string{"wrk", "nginx"} {
		if !installed(tool) {
			fmt.Fprintf(out, "%s is not installed; the run goes on without it. Debian: apt-get install wrk nginx-light\n\n", tool)
		}
	}
	began := time.Now()
	var failed []error
	for _, p := range parts {
		if !o.wants(p.name) {
			continue
		}
		err := p.measure(ctx, job{options: o, bin: bin, scratch: filepath.Join(scratch, p.name), report: r})
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", p.name, context.Cause(ctx))
		}
		if err != nil {
			fmt.Fprintf(out, "**%s failed**: %v\n\n", p.name, err)
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	fmt.Fprintf(out, "All of it took %s.\n", time.Since(began).Round(time.Second))
	return errors.Join(failed...)
}

// measure runs one part in its folder and writes its section.
func (p *part) measure(ctx context.Context, j job) error {
	if err := os.Mkdir(j.scratch, 0o755); err != nil {
		return err
	}
	err := p.run(ctx, j)
	if _, said := j.report.sections[p.name]; said && j.write != "" {
		err = errors.Join(err, j.report.writeInto(filepath.Join(j.write, p.name+".md"), p.name))
	}
	return errors.Join(err, os.RemoveAll(j.scratch))
}
