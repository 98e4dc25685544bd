package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	asked      = 2000   // questions of a kind, one after the other
	manyValues = 10_000 // in one request
	peerAsked  = 20     // questions to a program that reads everything each time
)

// searches measures the search index: what it costs the writers, and how fast it answers in a collection of the scale's
// size, beside grep over a dump and sqlite's FTS5.
func searches(ctx context.Context, j job) error {
	s := j.report.begin("search")
	if err := j.indexBesideWriters(ctx, s); err != nil {
		return err
	}
	data := filepath.Join(j.scratch, "large")
	a, err := startAccord(ctx, j.bin, data)
	if err != nil {
		return err
	}
	defer func() { a.stop() }()
	if err := fill(ctx, a, 0, j.scale); err != nil {
		return err
	}
	if err := a.stop(); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(data, "index")); err != nil {
		return err
	}
	if a, err = startAccord(ctx, j.bin, data); err != nil {
		return err
	}
	began := time.Now()
	if err := indexed(ctx, a); err != nil {
		return err
	}
	took := time.Since(began)
	size := folderSize(filepath.Join(data, "index"))
	s.say("Made again from the file, the index of %s objects of 1 kB took %s, %s objects a second, and has %s, %.2f of the objects' bytes.",
		count(float64(j.scale)), took.Round(time.Second/10), count(float64(j.scale)/took.Seconds()), megabytes(size), float64(size)/float64(j.scale)/1024)
	t := table{title: "One question after the other, at " + count(float64(j.scale)) + " objects", head: []string{"question", "p50", "p99"}}
	for _, row := range []struct {
		name  string
		value func(n int) string
		most  float64
	}{
		{"a domain, exactly", func(n int) string { return fmt.Sprintf("host-%d.example", n) }, 5},
		{"an identifier", kilobyteID, 5},
		{"words, one of them rare", func(n int) string { return fmt.Sprintf("made-up thing %d", n) }, 50},
		{"words that all objects have", func(n int) string { return "told at length" }, 50},
	} {
		l, err := drive(ctx, a.peer(), 1, time.Hour, func(_, n int, _ answer) []byte {
			if n == asked {
				return nil
			}
			return getRequest("/accord/v1/search?limit=10&q=" + url.QueryEscape(row.value(rand.IntN(j.scale)/cycle*cycle)))
		})
		if err != nil {
			return err
		}
		if l.others > 0 {
			return fmt.Errorf("%s: %d were refused", row.name, l.others)
		}
		t.add(row.name, milliseconds(l.quantile(0.5)), milliseconds(l.quantile(0.99)))
		s.atMost(row.name+", p99 in ms", row.most, inMilliseconds(l.quantile(0.99)))
	}
	values := make([]string, manyValues)
	for i := range values {
		values[i] = fmt.Sprintf("host-%d.example", rand.IntN(2*j.scale)) // half of them unknown
	}
	question, err := json.Marshal(map[string]any{"q": values, "limit": 10})
	if err != nil {
		return err
	}
	var waits []float64
	for range 5 {
		l, err := drive(ctx, a.peer(), 1, time.Hour, func(_, n int, _ answer) []byte {
			if n > 0 {
				return nil
			}
			return questionRequest("/accord/v1/search", question)
		})
		if err != nil || l.others > 0 {
			return fmt.Errorf("%d values at once: %d were refused: %w", manyValues, l.others, err)
		}
		waits = append(waits, inMilliseconds(l.waits[0]))
	}
	t.add(count(manyValues)+" domains in one request, median of five", fmt.Sprintf("%.0f ms", median(waits)), "")
	s.atMost(count(manyValues)+" values in one request, ms", 1000, slices.Max(waits))
	if err := j.searchPeers(ctx, &t); err != nil {
		return err
	}
	s.table(t)
	s.end()
	return nil
}

// indexBesideWriters compares adding with and without the index, in turns.
func (j *job) indexBesideWriters(ctx context.Context, s *section) error {
	const each = 10_000
	var servers [2]*accord
	for i, flags := range [][]string{nil, {"--no-index"}} {
		var err error
		if servers[i], err = startAccord(ctx, j.bin, filepath.Join(j.scratch, fmt.Sprint("beside", i)), flags...); err != nil {
			return err
		}
		defer servers[i].stop()
	}
	var rates [2][]float64
	var behind []float64 // objects a second until the index has them, too
	for turn := range j.turns + 1 {
		for k := range servers {
			i := (turn + k) % 2
			began := time.Now()
			if err := fill(ctx, servers[i], turn*each, (turn+1)*each); err != nil {
				return err
			}
			rate := each / time.Since(began).Seconds()
			if i == 0 {
				if err := indexed(ctx, servers[i]); err != nil {
					return err
				}
			}
			if turn == 0 {
				continue // it warms up
			}
			rates[i] = append(rates[i], rate)
			if i == 0 {
				behind = append(behind, each/time.Since(began).Seconds())
			}
		}
	}
	of := ratios(rates[0], rates[1])
	s.say("Envelopes of 100 from four clients: %s objects a second with the index, %s without, %s of it (%s); until the index has them too, %s a second.",
		count(median(rates[0])), count(median(rates[1])), ratio(of), spread(of), count(median(behind)))
	s.atLeast("adding with the index, of without", 0.9, median(of))
	s.atLeast("indexing beside writers, of adding", 0.5, median(ratios(behind, rates[0])))
	return nil
}

// indexed waits until the index has read everything.
func indexed(ctx context.Context, a *accord) error {
	for {
		body, _, err := get(ctx, a.url+"/accord/v1/search?limit=1&q=nothing.example")
		if err != nil && strings.Contains(err.Error(), "has yet to read") {
			continue
		}
		if err != nil {
			return err
		}
		var answer struct{ Behind uint64 }
		if err := json.Unmarshal(body, &answer); err != nil {
			return err
		}
		if answer.Behind == 0 {
			return nil
		}
	}
}

// questionRequest returns the POST of a question as it goes over a connection.
func questionRequest(path string, body []byte) []byte {
	return append(fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		path, credentials, len(body)), body...)
}

func folderSize(dir string) (size int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}

// searchPeers asks the same of grep and of sqlite3, if it is installed, over a dump of the same objects.
func (j *job) searchPeers(ctx context.Context, t *table) error {
	dump := filepath.Join(j.scratch, "dump.ndjson")
	f, err := os.Create(dump)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for n := range j.scale {
		w.Write(kilobyte(n))
		w.WriteByte('\n')
	}
	if err := w.Flush(); err != nil {
		return err
	}
	var waits []float64
	for range peerAsked {
		began := time.Now()
		value := fmt.Sprintf("host-%d.example", rand.IntN(j.scale)/cycle*cycle)
		if err := exec.CommandContext(ctx, "grep", "-c", "-F", value, dump).Run(); err != nil {
			return fmt.Errorf("grep: %w", err)
		}
		waits = append(waits, inMilliseconds(time.Since(began)))
	}
	slices.Sort(waits)
	t.add("grep -F over a dump, a domain", fmt.Sprintf("%.0f ms", median(waits)), fmt.Sprintf("%.0f ms", slices.Max(waits)))
	if !installed("sqlite3") {
		return nil
	}
	database := filepath.Join(j.scratch, "fts.sqlite")
	began := time.Now()
	if err := sqlite(ctx, database, "create virtual table t using fts5(text);\n.mode ascii\n.separator \"\\037\" \"\\n\"\n.import "+dump+" t\n"); err != nil {
		return err
	}
	made := time.Since(began)
	var questions strings.Builder
	for range asked {
		fmt.Fprintf(&questions, "select count(*), max(rowid) from t where t match '\"host %d example\"';\n", rand.IntN(j.scale)/cycle*cycle)
	}
	began = time.Now()
	if err := sqlite(ctx, database, questions.String()); err != nil {
		return err
	}
	each := inMilliseconds(time.Since(began)) / asked
	t.add(fmt.Sprintf("sqlite FTS5 in its own process, a domain; made in %s, %s objects a second, %.2f of the objects' bytes", made.Round(time.Second),
		count(float64(j.scale)/made.Seconds()), float64(folderSize(database))/float64(j.scale)/1024), fmt.Sprintf("%.2f ms (mean)", each), "")
	return nil
}

func sqlite(ctx context.Context, database, commands string) error {
	cmd := exec.CommandContext(ctx, "sqlite3", database)
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sqlite3: %w: %.200s", err, out)
	}
	return nil
}
