package audit

import (
	"errors"
	"fmt"

	"github.com/accord-taxii/accord/store/journal"
)

// ErrNotFound is the error about an agreement, an object or an entry that does not exist, or that the caller must not know.
var ErrNotFound = errors.New("not found")

// notFoundError is ErrNotFound with a sentence of its own.
type notFoundError struct{ message string }

func (e *notFoundError) Error() string        { return e.message }
func (e *notFoundError) Is(target error) bool { return target == ErrNotFound }

func notFound(format string, args ...any) error {
	return &notFoundError{fmt.Sprintf(format, args...)}
}

// QueryError is a question that makes no sense, such as a proof for a position that the journal does not have.
type QueryError struct{ Err error }

func (e *QueryError) Error() string { return e.Err.Error() }
func (e *QueryError) Unwrap() error { return e.Err }

func badQuery(format string, args ...any) error { return &QueryError{fmt.Errorf(format, args...)} }

// rangeRefused makes a position or size outside the journal a QueryError.
func rangeRefused(err error) error {
	var outside *journal.RangeError
	if errors.As(err, &outside) {
		return &QueryError{err}
	}
	return err
}
