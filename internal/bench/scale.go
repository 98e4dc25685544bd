package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// sized is a server whose collection has a number of objects.
type sized struct {
	*accord
	size     int
	filled   float64         // objects a second while it was filled
	starts   []time.Duration // of several, ascending
	occupied float64         // bytes of its file, of the objects' bytes
	memory   int64           // most memory of its own while 16 readers were busy
	added    int             // objects beyond size
}

// startsMeasured is how often each server is started.
const startsMeasured = 5

// scale asks the same of collections with 1,000 objects, 10,000 and so on, which take turns.
func scale(ctx context.Context, j job) error {
	s := j.report.begin("scale")
	var list []*sized
	defer func() {
		for _, c := range list {
			c.stop()
		}
	}()
	for size := 1000; size <= j.scale; size *= 10 {
		c, err := j.grow(ctx, size)
		if err != nil {
			return fmt.Errorf("%d objects: %w", size, err)
		}
		list = append(list, c)
		fmt.Fprintf(j.report.out, "%s objects are there, %s a second.\n", count(float64(size)), count(c.filled))
	}
	fmt.Fprintln(j.report.out)
	t := table{title: "The same asked of collections of several sizes, objects of 1 kB; in brackets: of the rate at 1,000",
		head: []string{"objects"}}
	var columns [][]string
	add := func(name string, cells []string) {
		t.head = append(t.head, name)
		columns = append(columns, cells)
	}
	if err := j.sizedReads(ctx, s, list, add); err != nil {
		return err
	}
	if err := j.busyMemory(ctx, s, list, add); err != nil {
		return err
	}
	if err := j.sizedIngest(ctx, s, list, add); err != nil {
		return err
	}
	sizedFigures(s, list, add)
	for i, c := range list {
		row := []string{count(float64(c.size))}
		for _, column := range columns {
			row = append(row, column[i])
		}
		t.add(row...)
	}
	s.say("Start: from the start of the process until it says that it listens, median of %d, with the file in the page cache. "+
		"Ingest: four clients, envelopes of 100, %s objects a turn on top of what is there, after a fiftieth of that, 2,000 at least, was added; filled: the same while the collection was made. "+
		"Memory: the most that the process had of its own while eight readers read pages of 100 and eight pages of 1,000 through the whole collection.", startsMeasured, count(ingestTurn))
	s.table(t)
	s.end()
	return nil
}

// grow makes a server with a collection of a size, starts it several times and leaves it running.
func (j *job) grow(ctx context.Context, size int) (*sized, error) {
	data := filepath.Join(j.scratch, fmt.Sprint("data", size))
	a, err := startAccord(ctx, j.bin, data)
	if err != nil {
		return nil, err
	}
	c := &sized{accord: a, size: size}
	began := time.Now()
	if err := fill(ctx, a, 0, size); err != nil {
		a.stop()
		return nil, err
	}
	c.filled = float64(size) / time.Since(began).Seconds()
	for range startsMeasured {
		if err := c.stop(); err != nil {
			return nil, fmt.Errorf("stop: %w", err)
		}
		if c.accord, err = startAccord(ctx, j.bin, data); err != nil {
			return nil, err
		}
		c.starts = append(c.starts, c.started)
	}
	slices.Sort(c.starts)
	c.occupied = float64(c.fileSize()) / float64(size) / 1024
	return c, nil
}

// sizedReads adds a column for everything that readers ask.
func (j *job) sizedReads(ctx context.Context, s *section, list []*sized, add func(string, []string)) error {
	early := make([]string, len(list)) // what stands in all of them: the first 500
	for i, c := range list {
		var err error
		if early[i], err = addedLast(ctx, c.accord, collection, 500); err != nil {
			return err
		}
	}
	for _, row := range []struct{ name, path string }{
		{"page of 100", "objects/?limit=100&added_after=EARLY"},
		{"filtered page", "objects/?limit=100&match%5Btype%5D=indicator&match%5Bversion%5D=first&added_after=EARLY"},
		{"by id", "objects/SINGLE/"},
		{"versions", "objects/DOUBLE/versions/"},
		{"manifest of 100", "manifest/?limit=100&added_after=EARLY"},
	} {
		var subjects []subject
		for i, c := range list {
			middle := c.size / 2 / cycle * cycle
			path := strings.NewReplacer("EARLY", early[i], "SINGLE", kilobyteID(middle+aSingleVersion),
				"DOUBLE", kilobyteID(middle+twoVersions)).Replace(row.path)
			subjects = append(subjects, subject{row.name, c.url + collection + path, headers(), c.cmd.Process.Pid, true})
		}
		got, err := compare(ctx, j.options, subjects)
		if err != nil {
			return err
		}
		var cells []string
		for i, c := range list {
			cell := got[i].rate()
			if i > 0 {
				of := ratios(got[i].rates(), got[0].rates())
				cell += " (" + ratio(of) + ")"
				s.atLeast(fmt.Sprintf("%s at %s objects, of the rate at 1,000", row.name, count(float64(c.size))), 0.9, median(of))
			}
			cells = append(cells, cell+", "+got[i].cpu())
		}
		add(row.name, cells)
	}
	return nil
}

// busyMemory adds the column of memory while readers are busy.
func (j *job) busyMemory(ctx context.Context, s *section, list []*sized, add func(string, []string)) error {
	var cells []string
	for _, c := range list {
		w := watch(ctx, c.accord, 20*time.Millisecond)
		_, err := drive(ctx, c.peer(), 16, max(2*j.turn, 2*time.Second), func(connection, _ int, before answer) []byte {
			path := collection + "objects/?limit=100"
			if connection%2 != 0 {
				path = collection + "objects/?limit=1000"
			}
			if before.size > nothing { // at the end it begins again
				path += "&added_after=" + before.last
			}
			return getRequest(path)
		})
		samples := w.end()
		if err != nil {
			return err
		}
		if len(samples) == 0 {
			return fmt.Errorf("%d objects: the memory was not looked at", c.size)
		}
		c.memory = slices.Max(samples)
		cells = append(cells, megabytes(c.memory))
		s.atMost(fmt.Sprintf("own memory with 16 readers at %s objects, MB", count(float64(c.size))), 200, float64(c.memory)/1e6)
	}
	add("memory", cells)
	return nil
}

const (
	// ingestTurn is how many objects are added in a turn: few, so that a collection of 1,000 stays small.
	ingestTurn = 2000

	// ingestWarm is which part of a collection is added first, if that is more: until then a server that was just started
	// meets pages of the index that are in the page cache, but not yet in its map, and takes half as many.
	ingestWarm = 50
)

// sizedIngest adds the column of what is added on top.
func (j *job) sizedIngest(ctx context.Context, s *section, list []*sized, add func(string, []string)) error {
	rates := make([][]float64, len(list))
	for round := -1; round < j.turns; round++ { // the first round warms up
		for k := range list {
			i := (max(round, 0) + k) % len(list)
			c := list[i]
			n := ingestTurn
			if round < 0 {
				n = max(n, c.size/ingestWarm)
			}
			began := time.Now()
			if err := fill(ctx, c.accord, c.size+c.added, c.size+c.added+n); err != nil {
				return err
			}
			if c.added += n; round >= 0 {
				rates[i] = append(rates[i], ingestTurn/time.Since(began).Seconds())
			}
		}
	}
	var cells, filled []string
	for i, c := range list {
		cell := count(median(rates[i]))
		if i > 0 {
			of := ratios(rates[i], rates[0])
			cell += " (" + ratio(of) + ")"
			s.atLeast(fmt.Sprintf("ingest at %s objects, of the rate at 1,000", count(float64(c.size))), 0.7, median(of))
		}
		cells, filled = append(cells, cell), append(filled, count(c.filled))
	}
	add("ingest, objects/s", cells)
	add("filled", filled)
	return nil
}

// sizedFigures adds the columns of starts and files.
func sizedFigures(s *section, list []*sized, add func(string, []string)) {
	var starts, files []string
	for _, c := range list {
		start := c.starts[len(c.starts)/2]
		starts = append(starts, fmt.Sprintf("%.0f ms (%.0f–%.0f)", inMilliseconds(start), inMilliseconds(c.starts[0]), inMilliseconds(c.starts[len(c.starts)-1])))
		files = append(files, fmt.Sprintf("%.2f", c.occupied))
		s.atMost(fmt.Sprintf("start with %s objects, ms", count(float64(c.size))), 200, inMilliseconds(start))
		s.atMost(fmt.Sprintf("file at %s objects, of the objects' bytes", count(float64(c.size))), 1.5, c.occupied)
	}
	add("start", starts)
	add("file / objects", files)
}
