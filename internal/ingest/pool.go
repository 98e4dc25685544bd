package ingest

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/accord-taxii/accord/stix/ijson"
)

// workers bounds how many objects the whole process judges at the same time, one per processor, so that large POSTs share
// the processors.
var workers = make(chan struct{}, runtime.GOMAXPROCS(0))

// slot waits for one of workers.
func slot(ctx context.Context) (done func(), err error) {
	select {
	case workers <- struct{}{}:
		return func() { <-workers }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// turn is how many objects a worker judges before it yields its slot to other requests.
const turn = 16

// all judges every object, in parallel. The error is the *NotJSONError of the first object that is not JSON, or ctx's.
func (j *judge) all(ctx context.Context, raws [][]byte) ([]verdict, error) {
	verdicts := make([]verdict, len(raws))
	errs := make([]error, (len(raws)+turn-1)/turn) // the first error of each turn
	var next atomic.Int64
	var failed atomic.Bool
	wait := j.wait
	if wait == nil {
		wait = slot
	}
	work := func() {
		for {
			t := int(next.Add(1)) - 1
			if t >= len(errs) || failed.Load() {
				return
			}
			done, err := wait(ctx)
			if err == nil {
				err = j.turn(raws, verdicts, t*turn)
				done()
				runtime.Gosched() // a short request that waits for the processor goes first
			}
			if errs[t] = err; err != nil {
				failed.Store(true)
				return
			}
		}
	}
	var others sync.WaitGroup
	for range min(cap(workers), len(errs)) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

// turn judges one turn's objects, beginning at from.
func (j *judge) turn(raws [][]byte, verdicts []verdict, from int) (err error) {
	for i := from; i < min(from+turn, len(raws)); i++ {
		if verdicts[i], err = j.one(i, raws[i], acquireTree()); err != nil {
			return err
		}
		j.forget(&verdicts[i])
	}
	return nil
}

// trees recycles the memory of parsed objects.
var trees = sync.Pool{New: func() any { return new(ijson.Tree) }}

// keptNodes is the size of the largest tree that is recycled; typical objects have some hundred nodes.
const keptNodes = 1 << 13

func acquireTree() *ijson.Tree { return trees.Get().(*ijson.Tree) }

func releaseTree(t *ijson.Tree) {
	if t != nil && cap(t.Nodes) <= keptNodes {
		t.Text = nil
		trees.Put(t)
	}
}
