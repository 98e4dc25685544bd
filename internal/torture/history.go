package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// What a client does to an object.
const (
	opAdd    = "add"    // one version
	opDelete = "delete" // all versions
	opRead   = "read"   // which versions are there, at a node that has everything that was answered before
)

// asked is what a client asked: the input of an operation.
type asked struct {
	op      string
	version int // of opAdd, from 0 to 63
}

// answered is what a client was told: the output of an operation.
type answered struct {
	unknown bool   // there was no answer, or one that says that it is not known
	present uint64 // of opRead: a bit for each version; of opDelete: 1 if something was deleted
}

// history is what clients saw of objects, in order of time. It is safe for concurrent use.
type history struct {
	began time.Time

	mu      sync.Mutex
	objects map[string][]porcupine.Operation // guarded by mu
	unknown map[string]int                   // guarded by mu: operations of unknown outcome
}

func newHistory() *history {
	return &history{began: time.Now(), objects: map[string][]porcupine.Operation{}, unknown: map[string]int{}}
}

func (h *history) now() int64 { return int64(time.Since(h.began)) }

// add records an operation. One of unknown outcome may take effect at any later time, or never.
func (h *history) add(client int, object string, call int64, in asked, out answered) {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := h.now()
	if out.unknown {
		if in.op == opRead {
			return // it says nothing
		}
		end = math.MaxInt64
		h.unknown[object]++
	}
	h.objects[object] = append(h.objects[object], porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: end})
}

// unknowns returns how many operations on an object have no known outcome.
func (h *history) unknowns(object string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unknown[object]
}

// objectModel is an object with versions, as one server that does one thing after the other would have it. The state is the versions
// that are present, a bit each.
var objectModel = porcupine.Model{
	Init: func() any { return uint64(0) },
	Step: func(state, input, output any) (bool, any) {
		present, in, out := state.(uint64), input.(asked), output.(answered)
		switch in.op {
		case opAdd:
			return true, present | 1<<in.version
		case opDelete:
			return out.unknown || out.present == min(present, 1), uint64(0)
		}
		return out.present == present, present
	},
	DescribeOperation: func(input, output any) string {
		in, out := input.(asked), output.(answered)
		text := in.op
		if in.op == opAdd {
			text = fmt.Sprintf("add version %d", in.version)
		}
		switch {
		case out.unknown:
			return text + ": unknown"
		case in.op == opRead:
			return fmt.Sprintf("read: %b", out.present)
		case in.op == opDelete && out.present == 0:
			return "delete: nothing there"
		}
		return text + ": done"
	},
}

// checkTime bounds the search for an order of one object's operations.
const checkTime = time.Minute

// check looks for an order of each object's operations that explains all answers, in which no operation comes before one that had
// ended when it began. It returns how many operations it has checked.
func (h *history) check() (operations int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, object := range slices.Sorted(maps.Keys(h.objects)) {
		list := h.objects[object]
		operations += len(list)
		switch porcupine.CheckOperationsTimeout(objectModel, list, checkTime) {
		case porcupine.Illegal:
			return operations, fmt.Errorf("NOT LINEARIZABLE: no order of what was done to %s explains its answers:\n%s", object, describe(list))
		case porcupine.Unknown:
			return operations, fmt.Errorf("%d operations on %s were not ordered within %v", len(list), object, checkTime)
		}
	}
	return operations, nil
}

func describe(list []porcupine.Operation) (text string) {
	list = slices.SortedFunc(slices.Values(list), func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, o := range list {
		end := "never"
		if o.Return != math.MaxInt64 {
			end = time.Duration(o.Return).Round(time.Microsecond).String()
		}
		text += fmt.Sprintf("  %v to %s, client %d: %s\n", time.Duration(o.Call).Round(time.Microsecond), end, o.ClientId, objectModel.DescribeOperation(o.Input, o.Output))
	}
	return text
}

// shown is a page that a poller received: what it asked for, and the records in their order.
type shown struct {
	after   string // added_after
	records []record
}

// checkPages checks the pages of one poller, in order: each begins where the last one ended, dates ascend strictly, no version comes
// twice unless it may have been deleted in between, and in the end everything that is there was shown with its date.
func checkPages(collection string, pages []shown, there map[version]string, deletable func(version) bool) error {
	position, seen := "", map[version]string{}
	for i, p := range pages {
		if p.after != position {
			return fmt.Errorf("%s: page %d was asked for after %q, and the one before ended at %q", collection, i, p.after, position)
		}
		for _, r := range p.records {
			v := version{collection, r.ID, r.Version}
			if r.DateAdded <= position {
				return fmt.Errorf("STALE PAGE: %s: page %d has %s %s added %s, at or before %s", collection, i, r.ID, r.Version, r.DateAdded, position)
			}
			if before := seen[v]; before != "" && !deletable(v) {
				return fmt.Errorf("DOUBLED: %s: %s %s was added %s and again %s", collection, r.ID, r.Version, before, r.DateAdded)
			}
			seen[v], position = r.DateAdded, r.DateAdded
		}
	}
	for v, added := range there {
		if seen[v] != added {
			return fmt.Errorf("OVERTAKEN: %s %s of %s was added %s and never shown to a poller that is at %s", v.id, v.version, v.collection, added, position)
		}
	}
	return nil
}
