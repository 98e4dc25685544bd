package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// layersFile is where the output of the Go benchmarks is kept for benchstat.
var layersFile = filepath.Join("bench-out", "layers.txt")

// layers runs the Go benchmarks of every layer. Their output goes into a file as go test prints it, for benchstat.
func layers(ctx context.Context, j job) error {
	packages, err := benchmarked(".")
	if err != nil {
		return err
	}
	s := j.report.begin("layers")
	var out bytes.Buffer
	args := append([]string{"test", "-run", "^$", "-bench", j.layers, "-benchmem", "-benchtime", j.layerTime, "-count", strconv.Itoa(j.count)}, packages...)
	cmd := child(ctx, "go", args...)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, j.report.out), os.Stderr
	failed := cmd.Run()
	if err := os.MkdirAll(filepath.Dir(layersFile), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(layersFile, out.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(j.report.out)
	t := table{head: []string{"layer", "benchmark", "time", "rate", "bytes allocated", "allocations"}}
	for _, b := range readBenchmarks(&out) {
		t.add(b.layer, b.name, b.time(), b.rate(), b.value("B/op"), b.value("allocs/op"))
	}
	command := strings.Join(args[:len(args)-len(packages)], " ")
	s.say("`go %s` of every package that has benchmarks: medians. What go test printed is in `%s`, for benchstat.", command, filepath.ToSlash(layersFile))
	if failed != nil {
		s.say("**Not all of them could be run**: %v.", failed)
		failed = fmt.Errorf("go %s: %w", command, failed)
	}
	s.say("<details><summary>%d benchmarks</summary>", len(t.rows))
	s.table(t)
	s.say("</details>")
	s.end()
	return failed
}

// benchmarked lists the packages below a folder that have Go benchmarks, as go test takes them.
func benchmarked(root string) ([]string, error) {
	var list []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bench-out") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if pkg := "./" + path.Dir(filepath.ToSlash(name)); bytes.Contains(text, []byte("\nfunc Benchmark")) && !slices.Contains(list, pkg) {
			list = append(list, pkg)
		}
		return nil
	})
	return list, err
}

// benchmark is what all runs of one Go benchmark measured, by unit.
type benchmark struct {
	layer, name string
	values      map[string][]float64
	units       []string // in the order in which they were printed
}

// readBenchmarks reads the output of go test -bench; lines that are something else are passed over.
func readBenchmarks(r io.Reader) []*benchmark {
	var list []*benchmark
	layer := ""
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 2 && fields[0] == "pkg:" {
			layer = strings.TrimPrefix(fields[1], "github.com/accord-taxii/accord/")
		}
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		if _, err := strconv.Atoi(fields[1]); err != nil {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 { // the number of processors
			if _, err := strconv.Atoi(name[i+1:]); err == nil {
				name = name[:i]
			}
		}
		at := slices.IndexFunc(list, func(b *benchmark) bool { return b.layer == layer && b.name == name })
		if at < 0 {
			at = len(list)
			list = append(list, &benchmark{layer: layer, name: name, values: map[string][]float64{}})
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				list[at].put(fields[i+1], value)
			}
		}
	}
	return list
}

func (b *benchmark) put(unit string, value float64) {
	if _, known := b.values[unit]; !known {
		b.units = append(b.units, unit)
	}
	b.values[unit] = append(b.values[unit], value)
}

// value is the median in a unit; "" when it was not measured.
func (b *benchmark) value(unit string) string {
	if len(b.values[unit]) == 0 {
		return ""
	}
	return count(median(b.values[unit]))
}

// time is the median of one operation.
func (b *benchmark) time() string {
	switch ns := median(b.values["ns/op"]); {
	case ns >= 1e9:
		return fmt.Sprintf("%.2f s", ns/1e9)
	case ns >= 1e6:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	case ns >= 1e3:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	default:
		return fmt.Sprintf("%.1f ns", ns)
	}
}

// rate is everything else that the benchmark said of itself.
func (b *benchmark) rate() string {
	var words []string
	for _, unit := range b.units {
		if unit != "ns/op" && unit != "B/op" && unit != "allocs/op" {
			words = append(words, plain(median(b.values[unit]))+" "+unit)
		}
	}
	return strings.Join(words, ", ")
}
