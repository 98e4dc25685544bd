package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// Cluster is what a server asks of the cluster that its store belongs to. The errors of Readable and Writable have a method
// RetryAfter.
type Cluster interface {
	Readable() error // why this node answers nothing now; nil: it does
	Writable() error // why it takes no writes now

	// Applied is the place of the log up to which this node has everything; WaitApplied waits for one.
	Applied() uint64
	WaitApplied(ctx context.Context, place uint64) error

	// Committed asks how far the log is: what any node has acknowledged before is at that place or before it.
	Committed(ctx context.Context) (uint64, error)
}

// placeWait is how long a request waits for what this node does not have yet.
const placeWait = 2 * time.Second

// behindError says that this node does not have what the request builds on.
type behindError struct{ text string }

func (e *behindError) Error() string { return e.text }

// notReadyError says that the cluster keeps this node from serving the request.
type notReadyError struct{ err error }

func (e *notReadyError) Error() string { return e.err.Error() }
func (e *notReadyError) Unwrap() error { return e.err }

// admitted refuses a request that this node of a cluster cannot serve now, and waits for the place that it names.
func (s *Server) admitted(r *http.Request, mounted bool) error {
	if s.cluster == nil {
		return nil
	}
	if err := s.cluster.Readable(); err != nil {
		return &notReadyError{err}
	}
	if write := r.Method == http.MethodPost || r.Method == http.MethodDelete; write && !mounted {
		if err := s.cluster.Writable(); err != nil {
			return &notReadyError{err}
		}
	}
	text := r.Header.Get(taxii.HeaderPlace)
	if text == "" {
		return nil
	}
	place, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return &taxii.ParameterError{Param: taxii.HeaderPlace, Value: text, Problem: "it is not a number"}
	}
	if s.cluster.Applied() >= place {
		return nil
	}
	s.limiter.leave() // it is not known yet who asks: those who wait must not keep others out
	defer s.limiter.enterAgain()
	ctx, cancel := context.WithTimeout(r.Context(), placeWait)
	defer cancel()
	if s.cluster.WaitApplied(ctx, place) != nil {
		return &behindError{fmt.Sprintf("this node does not have place %d yet, which the request names", place)}
	}
	return nil
}

// place tells a client up to where it has seen the log.
func (s *Server) place(x *request, at uint64) {
	if s.cluster != nil && at > 0 {
		x.set(x.Header(), taxii.HeaderPlace, strconv.FormatUint(at, 10))
	}
}

// seen is the place that an answer made of a collection may show.
func (s *Server) seen(col *store.Collection) uint64 {
	if s.cluster == nil {
		return 0
	}
	return max(s.cluster.Applied(), col.Shown())
}

// caughtUp waits until a collection has what a client has seen of it elsewhere, as its next says.
func (s *Server) caughtUp(ctx context.Context, col *store.Collection, after time.Time) error {
	if s.cluster == nil || !after.After(col.Newest()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, placeWait)
	defer cancel()
	place, err := s.cluster.Committed(ctx)
	if err == nil {
		err = col.WaitPlace(ctx, place)
	}
	if err != nil && after.After(col.Newest()) {
		return &behindError{"this node does not have yet what came before the page that next names"}
	}
	return nil
}

// catchUp waits until this node of a cluster has what was acknowledged by any node when it is called.
func (s *Server) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, placeWait)
	defer cancel()
	place, err := s.cluster.Committed(ctx)
	if err == nil {
		err = s.cluster.WaitApplied(ctx, place)
	}
	if err != nil {
		return &behindError{"this node cannot tell yet what the others have"}
	}
	return nil
}

// retrying is an error that knows when to ask again.
func retrying(cause error) (after time.Duration) {
	var e interface{ RetryAfter() time.Duration }
	if errors.As(cause, &e) {
		return e.RetryAfter()
	}
	return 0
}
