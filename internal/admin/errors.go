package admin

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound: there is no agreement or account of that name.
	ErrNotFound = errors.New("not found")
	// ErrRefused: what was asked makes no sense for the thing as it is, such as resuming what is not suspended.
	ErrRefused = errors.New("refused")
)

// refusal is an error with a sentence of its own that is one of the sentinels.
type refusal struct {
	is      error
	message string
}

func (e *refusal) Error() string        { return e.message }
func (e *refusal) Is(target error) bool { return target == e.is }

func refuse(format string, args ...any) error {
	return &refusal{is: ErrRefused, message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &refusal{is: ErrNotFound, message: fmt.Sprintf(format, args...)}
}
