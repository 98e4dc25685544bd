package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// writes measures what producers wait for: envelopes of 100 objects as the generator makes them, from one client and from
// four; single objects, from one and from sixteen; and how soon a poller has what was sent.
func writes(o options, bin, scratch string) error {
	a, err := startAccord(bin, scratch)
	if err != nil {
		return err
	}
	defer a.stop()
	last := o.turn * time.Duration(o.turns)
	t := table{title: "Writing, with validation and fsync", head: []string{"what", "objects/s", "p50", "p99"}}
	fed := newSupply(1)
	number := 1_000_000
	for _, row := range []struct {
		name             string
		clients, objects int
		single           bool
	}{
		{"envelopes of 100, one client", 1, 100, false},
		{"envelopes of 100, four clients", 4, 100, false},
		{"single objects of 1 kB, one client", 1, 1, true},
		{"single objects of 1 kB, 16 clients", 16, 1, true},
	} {
		// What is sent is made beforehand: making it takes longer than the server takes.
		requests := make([][][]byte, row.clients)
		for c := range requests {
			for range envelopes(row.objects, last) / row.clients {
				list := [][]byte{kilobyte(number)}
				if number++; !row.single {
					list = fed.take(row.objects)
				}
				requests[c] = append(requests[c], postRequest(list))
			}
		}
		l, err := drive(a.address(), row.clients, last, func(connection, n int) []byte {
			if n >= len(requests[connection]) {
				return nil
			}
			return requests[connection][n]
		})
		if err != nil {
			return err
		}
		if l.others > 0 {
			return fmt.Errorf("%s: %d answers were refusals", row.name, l.others)
		}
		t.add(row.name, count(l.rate()*float64(row.objects)), milliseconds(l.quantile(0.5)), milliseconds(l.quantile(0.99)))
	}
	t.print(o.out)
	decode, err := decoding(fed.take(5000))
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "For comparison, `json.Unmarshal` of such objects into maps, on one processor: %s objects/s.\n\n", count(decode))
	return visible(o, a, number)
}

// envelopes is how many are enough for a time, at a rate that no server here reaches.
func envelopes(objects int, last time.Duration) int {
	if objects == 1 {
		return int(8000 * last.Seconds())
	}
	return int(15_000*last.Seconds()) / objects
}

// decoding is how many objects a second the standard library decodes.
func decoding(objects [][]byte) (float64, error) {
	began := time.Now()
	for _, text := range objects {
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			return 0, err
		}
	}
	return float64(len(objects)) / time.Since(began).Seconds(), nil
}

// visible measures from when a POST is sent until a poller that asks without a pause has the object.
func visible(o options, a *accord, number int) error {
	var waits []time.Duration
	after := "2020-01-01T00:00:00.000000Z"
	for n := range 40 * o.turns {
		if _, header, err := get(a.url + collection + "objects/?limit=10000&added_after=" + after); err != nil {
			return err
		} else if at := header.Get("X-TAXII-Date-Added-Last"); at != "" {
			after = at
		}
		if n == 0 { // a collection may be large: read on to its end
			for {
				body, header, err := get(a.url + collection + "objects/?limit=10000&added_after=" + after)
				if err != nil {
					return err
				}
				if len(body) <= len("{}") {
					break
				}
				after = header.Get("X-TAXII-Date-Added-Last")
			}
		}
		request := postRequest([][]byte{kilobyte(number + n)})
		posted := make(chan error, 1)
		sent := time.Now()
		go func() {
			_, err := drive(a.address(), 1, time.Minute, func(_, n int) []byte {
				if n > 0 {
					return nil
				}
				return request
			})
			posted <- err
		}()
		for {
			body, _, err := get(a.url + collection + "objects/?limit=10&added_after=" + after)
			if err != nil {
				return err
			}
			if len(body) > len("{}") {
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
	fmt.Fprintf(o.out, "From sending a POST until a poller has the object, %d times: p50 %s, p99 %s.\n\n",
		len(waits), milliseconds(l.quantile(0.5)), milliseconds(l.quantile(0.99)))
	return nil
}
