package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/accord-taxii/accord/taxii"
)

// perEnvelope is how many objects the envelopes of a batch have.
const perEnvelope = 100

// batch is the work of every writer in a turn: the same objects, as envelopes. Each turn has new objects.
type batch struct {
	bodies  [][]byte
	objects [][]byte
}

func newBatch(objects [][]byte) batch {
	b := batch{objects: objects}
	for list := range slices.Chunk(objects, perEnvelope) {
		b.bodies = append(b.bodies, envelope(list))
	}
	return b
}

// writer is something that a batch can be given to. It has a folder or a server of its own, and everything is durable
// when write returns.
type writer struct {
	name  string
	write func(context.Context, batch) error
}

// rates lets writers take turns with the same objects; what is returned is objects a second, by writer and turn.
func (j *job) rates(ctx context.Context, writers []writer, next func() batch) ([][]float64, error) {
	rates := make([][]float64, len(writers))
	for round := -1; round < j.turns; round++ { // the first round warms up
		b := next()
		for k := range writers {
			i := (max(round, 0) + k) % len(writers)
			began := time.Now()
			if err := writers[i].write(ctx, b); err != nil {
				return nil, fmt.Errorf("%s: %w", writers[i].name, err)
			}
			if round >= 0 {
				rates[i] = append(rates[i], float64(len(b.objects))/time.Since(began).Seconds())
			}
		}
	}
	return rates, nil
}

// writes measures what producers wait for, and what it is made of.
func writes(ctx context.Context, j job) error {
	a, err := startAccord(ctx, j.bin, filepath.Join(j.scratch, "data"))
	if err != nil {
		return err
	}
	defer a.stop()
	s := j.report.begin("writes")
	if err := j.envelopes(ctx, s, a); err != nil {
		return err
	}
	number := 1_000_000
	if err := j.singles(ctx, s, a, &number); err != nil {
		return err
	}
	if err := j.visible(ctx, s, a, number); err != nil {
		return err
	}
	s.end()
	return nil
}

// envelopes compares the whole way of a POST with its parts.
func (j *job) envelopes(ctx context.Context, s *section, a *accord) error {
	judged, err := newPipeline(ctx, filepath.Join(j.scratch, "judged"), false)
	if err != nil {
		return err
	}
	defer judged.close()
	unjudged, err := newPipeline(ctx, filepath.Join(j.scratch, "unjudged"), true)
	if err != nil {
		return err
	}
	defer unjudged.close()
	raw, err := newRaw(filepath.Join(j.scratch, "raw.db"))
	if err != nil {
		return err
	}
	defer raw.close()
	var lone, four load
	writers := []writer{
		{"over HTTP, four clients", func(ctx context.Context, b batch) error { return post(ctx, a, 4, b, &four) }},
		{"in process, four callers", judged.write},
		{"in process, four callers, no validation", unjudged.write},
		{"bbolt alone: the same objects with three index keys each, 100 a transaction", raw.write},
		{"`json.Unmarshal` into maps, one goroutine", decode},
	}
	fed := newSupply(1)
	// A turn of two seconds is 16,000 objects, which is what the goal for four clients comes to.
	size := max(1, int(8000*j.turn.Seconds())/perEnvelope) * perEnvelope
	rates, err := j.rates(ctx, writers, func() batch { return newBatch(fed.take(size)) })
	if err != nil {
		return err
	}
	loneRates, err := j.rates(ctx, []writer{{"over HTTP, one client", func(ctx context.Context, b batch) error { return post(ctx, a, 1, b, &lone) }}},
		func() batch { return newBatch(fed.take(size / 2)) })
	if err != nil {
		return err
	}
	slices.Sort(lone.waits)
	slices.Sort(four.waits)
	t := table{title: fmt.Sprintf("Envelopes of %d generated objects, every one durable when it is answered", perEnvelope),
		head: []string{"what", "objects/s", "least–most", "an envelope, p50", "p99", "of no validation"}}
	t.add("over HTTP, one client", count(median(loneRates[0])), counts(loneRates[0]), milliseconds(lone.quantile(0.5)), milliseconds(lone.quantile(0.99)), "")
	for i, w := range writers {
		row := []string{w.name, count(median(rates[i])), counts(rates[i]), "", "", ""}
		switch i {
		case 0:
			row[3], row[4] = milliseconds(four.quantile(0.5)), milliseconds(four.quantile(0.99))
		case 1:
			row[5] = ratio(ratios(rates[1], rates[2]))
		}
		t.add(row...)
	}
	s.say("Turns of %s objects, the same for every writer, each of which has a file of its own. In process means without HTTP: envelopes "+
		"are split, judged and appended by the server's own functions.", count(float64(size)))
	s.table(t)
	s.atLeast("objects a second over HTTP, four clients", 8000, median(rates[0]))
	s.atLeast("with validation, of the same without", 0.6, median(ratios(rates[1], rates[2])))
	return nil
}

// counts returns the smallest and the largest of a list.
func counts(list []float64) string {
	return count(slices.Min(list)) + "–" + count(slices.Max(list))
}

// post sends a batch over HTTP from a number of clients, and adds what they waited.
func post(ctx context.Context, a *accord, clients int, b batch, all *load) error {
	var next atomic.Int64
	l, err := drive(ctx, a.peer(), clients, time.Hour, func(int, int, answer) []byte {
		i := int(next.Add(1)) - 1
		if i >= len(b.bodies) {
			return nil
		}
		return postRequest(collection, b.bodies[i])
	})
	if err != nil {
		return err
	}
	if l.others > 0 {
		return fmt.Errorf("%d envelopes were refused", l.others)
	}
	all.waits = append(all.waits, l.waits...)
	return nil
}

// decode decodes the objects in the way most programs do, to measure what that costs.
func decode(_ context.Context, b batch) error {
	for _, body := range b.bodies {
		objects, err := taxii.SplitEnvelope(body, taxii.EnvelopeLimits{})
		if err != nil {
			return err
		}
		for _, text := range objects {
			var m map[string]any
			if err := json.Unmarshal(text, &m); err != nil {
				return err
			}
		}
	}
	return nil
}

// singles compares 16 clients that add one object at a time with one, and with bbolt alone.
func (j *job) singles(ctx context.Context, s *section, a *accord, number *int) error {
	raw, err := newRaw(filepath.Join(j.scratch, "raw-singles.db"))
	if err != nil {
		return err
	}
	defer raw.close()
	var lone, many []float64
	var bolt []float64
	var waits [2]load
	for range j.turns {
		for k, clients := range []int{1, 16} {
			base := *number
			*number += 200_000
			l, err := drive(ctx, a.peer(), clients, j.turn, func(connection, n int, _ answer) []byte {
				return postRequest(collection, envelope([][]byte{kilobyte(base + n*clients + connection)}))
			})
			if err != nil {
				return err
			}
			if l.others > 0 {
				return fmt.Errorf("single objects: %d were refused", l.others)
			}
			waits[k].waits = append(waits[k].waits, l.waits...)
			if k == 0 {
				lone = append(lone, l.rate())
			} else {
				many = append(many, l.rate())
			}
		}
		rate, err := raw.singles(ctx, j.turn, number)
		if err != nil {
			return err
		}
		bolt = append(bolt, rate)
	}
	t := table{title: "Single objects of 1 kB, each in a POST of its own", head: []string{"what", "objects/s", "least–most", "p50", "p99", "of one client"}}
	for k, row := range []struct {
		name  string
		rates []float64
	}{{"one client", lone}, {"16 clients", many}} {
		slices.Sort(waits[k].waits)
		t.add(row.name, count(median(row.rates)), counts(row.rates), milliseconds(waits[k].quantile(0.5)), milliseconds(waits[k].quantile(0.99)),
			ratio(ratios(row.rates, lone)))
	}
	t.add("bbolt alone, one object a transaction", count(median(bolt)), counts(bolt), "", "", ratio(ratios(bolt, lone)))
	s.table(t)
	s.atLeast("single objects, 16 clients, of one", 4, median(ratios(many, lone)))
	return nil
}

// visible measures from when a POST is sent until a poller that asks without a pause has the object.
func (j *job) visible(ctx context.Context, s *section, a *accord, number int) error {
	after, err := endOf(ctx, a)
	if err != nil {
		return err
	}
	var waits []time.Duration
	for n := range 40 * j.turns {
		request := postRequest(collection, envelope([][]byte{kilobyte(number + n)}))
		posted := make(chan error, 1)
		sent := time.Now()
		go func() {
			_, err := drive(ctx, a.peer(), 1, time.Minute, func(_, n int, _ answer) []byte {
				if n > 0 {
					return nil
				}
				return request
			})
			posted <- err
		}()
		for {
			body, header, err := get(ctx, a.url+collection+"objects/?limit=10&added_after="+after)
			if err != nil {
				return err
			}
			if len(body) > nothing {
				after = header.Get("X-TAXII-Date-Added-Last")
				break
			}
		}
		waits = append(waits, time.Since(sent))
		if err := <-posted; err != nil {
			return err
		}
	}
	slices.Sort(waits)
	l := load{waits: waits}
	s.say("From sending a POST until a poller has the object, %d times, without other clients: p50 %s, p99 %s.",
		len(waits), milliseconds(l.quantile(0.5)), milliseconds(l.quantile(0.99)))
	s.atMost("POST to visible, p50 in ms", 5, inMilliseconds(l.quantile(0.5)))
	s.atMost("POST to visible, p99 in ms", 25, inMilliseconds(l.quantile(0.99)))
	return nil
}

// endOf reads on to the end of a collection and returns the date_added there.
func endOf(ctx context.Context, a *accord) (string, error) {
	after := "2020-01-01T00:00:00.000000Z"
	for {
		body, header, err := get(ctx, a.url+collection+"manifest/?limit=10000&match%5Bversion%5D=all&added_after="+after)
		if err != nil {
			return "", err
		}
		if len(body) <= nothing {
			return after, nil
		}
		after = header.Get("X-TAXII-Date-Added-Last")
	}
}
