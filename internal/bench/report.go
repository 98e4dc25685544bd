package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report collects the sections of the parts, prints them, and puts them into documents.
type report struct {
	out      io.Writer
	machine  string
	command  string
	sections map[string]string // by name, as Markdown
}

func newReport(ctx context.Context, out io.Writer) *report {
	return &report{out: out, machine: machine(ctx), command: command(os.Args[1:]), sections: map[string]string{}}
}

// section is the result of one part: a stamp, tables, remarks and goals.
type section struct {
	report *report
	name   string
	began  time.Time
	load   string // before it began
	text   strings.Builder
	goals  table
}

func (r *report) begin(name string) *section {
	return &section{report: r, name: name, began: time.Now(), load: loadAverage(),
		goals: table{head: []string{"goal", "wanted", "got", ""}}}
}

// table adds a table, unless it has no rows.
func (s *section) table(t table) {
	if len(t.rows) > 0 {
		t.print(&s.text)
	}
}

// say adds a paragraph.
func (s *section) say(format string, args ...any) { fmt.Fprintf(&s.text, format+"\n\n", args...) }

// atLeast adds a goal that is met from want on.
func (s *section) atLeast(what string, want, got float64) {
	s.goals.add(what, "at least "+plain(want), plain(got), verdict(got >= want))
}

// atMost adds a goal that is met up to want.
func (s *section) atMost(what string, want, got float64) {
	s.goals.add(what, "at most "+plain(want), plain(got), verdict(got <= want))
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**missed**"
}

// plain formats a number with two decimals, or none from 100 on.
func plain(n float64) string {
	if n >= 100 {
		return count(n)
	}
	return fmt.Sprintf("%.2f", n)
}

// end prints the section and keeps it for the document.
func (s *section) end() {
	if len(s.goals.rows) > 0 {
		s.goals.print(&s.text)
	}
	stamp := fmt.Sprintf("`%s`, %s, load %s before and %s after, %s.", s.report.command, s.report.machine, s.load, loadAverage(),
		s.began.UTC().Format("2006-01-02 15:04 UTC"))
	text := stamp + "\n\n" + strings.TrimSpace(s.text.String()) + "\n"
	s.report.sections[s.name] = text
	fmt.Fprintf(s.report.out, "## %s\n\n%s\n", s.name, text)
}

// writeInto puts a section between its markers in a document.
func (r *report) writeInto(file, name string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if text, err = replaceMarked(text, name, r.sections[name]); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, text, 0o644)
}

// replaceMarked replaces what stands between the markers of a name.
func replaceMarked(document []byte, name, by string) ([]byte, error) {
	opening, closing := fmt.Appendf(nil, "<!-- bench:%s -->\n", name), fmt.Appendf(nil, "<!-- /bench:%s -->\n", name)
	if n, m := bytes.Count(document, opening), bytes.Count(document, closing); n != 1 || m != 1 {
		return nil, fmt.Errorf("the lines %q and %q occur %d and %d times, expected once each", opening, closing, n, m)
	}
	before, rest, _ := bytes.Cut(document, opening)
	old, after, ok := bytes.Cut(rest, closing)
	if !ok {
		return nil, fmt.Errorf("the line %q is before %q, expected after it", closing, opening)
	}
	if bytes.Contains(old, []byte("<!-- bench:")) {
		return nil, fmt.Errorf("between %q and %q there are other markers", opening, closing)
	}
	return slices.Concat(before, opening, []byte(by), closing, after), nil
}

// command returns the command line of the run, quoted for a shell.
func command(args []string) string {
	words := []string{"go", "run", "./internal/bench"}
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " '\"$|*?()[]{}&;<>\\#~`") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// machine describes the processor, its count, Go and the commit.
func machine(ctx context.Context) string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			model = strings.Trim(line, "\t :")
		}
	}
	return fmt.Sprintf("%s, %d processors, %s %s/%s%s", model, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, commit(ctx))
}

// commit names the commit of the sources, if they are a clone.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return ""
	}
	name := ", commit " + strings.TrimSpace(string(out))
	// The documents that are written do not count: they change during the run.
	err = exec.CommandContext(ctx, "git", "diff", "--quiet", "HEAD", "--", ".", ":!doc/performance").Run()
	if err != nil {
		name += " with changes"
	}
	return name
}

// loadAverage returns the average number of runnable processes in the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}
