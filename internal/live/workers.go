package live

import (
	"runtime"
	"sync"
)

// workers run what streams do. A goroutine keeps the stack that it once needed: with workers, thousands of streams that wait keep small
// ones, and those that work share large ones.
type workers struct {
	mu   sync.Mutex
	idle []*worker // guarded by mu; the latest last
}

// worker runs one piece of work at a time.
type worker struct {
	work chan func() error
	done chan outcome
}

type outcome struct {
	err   error
	panic any // of the work; nil: it returned
}

// do runs work by a worker that is idle, or by a new one, and returns when it is done.
func (w *workers) do(work func() error) error {
	one := w.take()
	one.work <- work
	got := <-one.done
	w.put(one)
	if got.panic != nil {
		panic(got.panic)
	}
	return got.err
}

func (w *workers) take() *worker {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.idle); n > 0 {
		one := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return one
	}
	one := &worker{make(chan func() error), make(chan outcome)}
	go one.run()
	return one
}

// put keeps a worker for the next piece of work, unless enough are idle.
func (w *workers) put(one *worker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.idle) < 4*runtime.GOMAXPROCS(0) {
		w.idle = append(w.idle, one)
	} else {
		close(one.work)
	}
}

// stop ends the workers that are idle.
func (w *workers) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.idle {
		close(one.work)
	}
	w.idle = nil
}

func (w *worker) run() {
	for work := range w.work {
		w.done <- try(work)
	}
}

func try(work func() error) (got outcome) {
	defer func() { got.panic = recover() }()
	got.err = work()
	return got
}
