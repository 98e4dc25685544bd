package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/accord-taxii/accord/taxii"
)

const (
	// contendedFrom is the number of the first object that several clients share; contendedPrefix is what their ids begin with.
	contendedFrom   = 0xc0 << 40
	contendedPrefix = "indicator--7d3f9c2a-51b4-4e08-9a6d-c"

	// contendedTurn is how many operations three of them get before the next three have their turn: an order is looked for among all
	// operations on an object. One with mostUnknown of them without a known outcome is left alone.
	contendedTurn = 60
	mostUnknown   = 4
	versions      = 4

	// contendPatience is how long a client waits for an answer.
	contendPatience = 20 * time.Second
)

func contendedVersion(v int) time.Time { return time.Unix(1_700_000_000+int64(v), 0) }

// contend does something to an object that others do something to as well, and records what it saw.
func (h *herd) contend(ctx context.Context, client int, p *process, r *rand.Rand) error {
	number := contendedFrom + int(h.contended.Add(1)/contendedTurn)*3 + r.IntN(3)
	id, _, _ := object(number, time.Time{})
	if h.history.unknowns(id) >= mostUnknown {
		h.contended.Add(contendedTurn / 10)
		return nil
	}
	in := asked{op: opRead}
	switch n := r.IntN(20); {
	case n < 7:
		in = asked{op: opAdd, version: r.IntN(versions)}
	case n < 10:
		in = asked{op: opDelete}
	}
	wait(ctx, time.Duration(r.IntN(10))*time.Millisecond)
	asking, cancel := context.WithTimeout(ctx, contendPatience)
	defer cancel()
	call := h.history.now()
	before := h.place.Load() // a read sees what was answered before it was called: in this order, and the other one below
	var status int
	var header http.Header
	var body []byte
	var err error
	switch in.op {
	case opAdd:
		_, _, text := object(number, contendedVersion(in.version))
		status, header, body, err = p.ask(asking, http.MethodPost, alone+"objects/", []byte(`{"objects":[`+text+`]}`))
	case opDelete:
		status, header, body, err = p.ask(asking, http.MethodDelete, alone+"objects/"+id+"/?match[version]=all", nil)
	default:
		status, header, body, err = p.askAt(asking, http.MethodGet, alone+"manifest/?match[version]=all&match[id]="+id, nil, before)
	}
	out, refused, wrong := outcome(in, status, body, err)
	if wrong != nil {
		return wrong
	}
	if refused {
		return errGone // nothing was changed, and what follows would not be explained if it had been
	}
	h.seen(header)
	h.history.add(client, id, call, in, out)
	if out.unknown {
		return errGone
	}
	if in.op == opAdd && r.IntN(4) == 0 {
		return h.statusElsewhere(ctx, r, body)
	}
	return nil
}

// seen keeps the latest place that answers name.
func (h *herd) seen(header http.Header) {
	place, _ := strconv.ParseUint(header.Get(taxii.HeaderPlace), 10, 64)
	for {
		now := h.place.Load()
		if place <= now || h.place.CompareAndSwap(now, place) {
			return
		}
	}
}

// outcome is what an answer says. refused: nothing was changed, the answer promises. An error is an answer that no node may give.
func outcome(in asked, status int, body []byte, err error) (out answered, refused bool, wrong error) {
	if err != nil {
		return answered{unknown: true}, false, nil
	}
	unexpected := fmt.Errorf("%s: got %d %s", in.op, status, body)
	if status == http.StatusServiceUnavailable || status == http.StatusInsufficientStorage {
		var e taxii.Error
		if json.Unmarshal(body, &e) != nil {
			return out, false, unexpected
		}
		return answered{unknown: true}, e.ErrorCode == "cluster" && !strings.Contains(e.Title, "not known"), nil
	}
	switch in.op {
	case opAdd:
		var answer struct{ Successes []struct{ ID string } }
		if json.Unmarshal(body, &answer) != nil || status != http.StatusAccepted || len(answer.Successes) != 1 {
			return out, false, unexpected
		}
		return out, false, nil
	case opDelete:
		if status != http.StatusOK && status != http.StatusNotFound {
			return out, false, unexpected
		}
		return answered{present: map[bool]uint64{true: 1}[status == http.StatusOK]}, false, nil
	}
	var got page
	if json.Unmarshal(body, &got) != nil || status != http.StatusOK {
		return out, false, unexpected
	}
	for _, r := range got.Objects {
		for v := range versions {
			if _, at, _ := object(0, contendedVersion(v)); at == r.Version {
				out.present |= 1 << v
			}
		}
	}
	return out, false, nil
}

// statusElsewhere asks a random node for the status of what was added: every node has it, or says that it cannot tell.
func (h *herd) statusElsewhere(ctx context.Context, r *rand.Rand, added []byte) error {
	var answer struct{ ID string }
	if err := json.Unmarshal(added, &answer); err != nil {
		return err
	}
	list := h.nodes()
	m := list[r.IntN(len(list))]
	p := m.process()
	if p == nil {
		return nil
	}
	status, _, body, err := p.ask(ctx, http.MethodGet, "/x/status/"+answer.ID+"/", nil)
	if err != nil || status == http.StatusServiceUnavailable {
		return errGone
	}
	if status != http.StatusOK {
		return fmt.Errorf("the status %s, which was answered with success, on %s: got %d %s", answer.ID, m.name, status, body)
	}
	return nil
}
