package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

// Log gives messages one order on every node of a cluster. With Options.Log set, everything that changes an agreement's file or
// accord.db becomes a message: this node proposes it, and each node applies the messages of the log in their order, by
// Collection.ApplyLog and Store.ApplyLog. See doc/decisions/0056.
type Log interface {
	// Propose hands a message over and returns nil once the log has accepted it, which may be before or after it is applied
	// here. about and group are what the message begins with: see MessageHeader. An error that wraps ErrNotProposed promises
	// that the message is not in the log and never will be; after any other error it may still come. The log may have a
	// message twice: files pass over what they have applied. ctx ends when the proposer gives up.
	Propose(ctx context.Context, about, group uuid.UUID, message []byte) error
}

// Logged is a message and its place in the log, from 1. Places grow, not always by one.
type Logged struct {
	Place   uint64
	Message []byte
}

// ErrNotProposed is wrapped by errors of Log.Propose, and by those of every write, after which nothing was changed and nothing will
// be: this node has no leader, or cannot take writes now.
var ErrNotProposed = errors.New("the cluster takes no writes here now; nothing was changed")

// ErrUndecided is wrapped by errors of writes that were proposed and not applied here in time.
var ErrUndecided = errors.New("nobody knows yet whether it is kept; sending it again is harmless")

// ErrInCluster is the error of opening a data folder for writing by itself that belongs to a cluster, or one of its files.
var ErrInCluster = errors.New("it belongs to a cluster, whose log alone changes it: work at a node that runs, or start this one with accord serve --cluster-listen; accord cluster leave takes it out of the cluster")

// ErrNotInCluster is the error of ApplyLog without Options.Log.
var ErrNotInCluster = errors.New("the data folder is in no cluster")

// applyTimeout is how long a write waits until it is applied here.
const applyTimeout = 15 * time.Second

// MaxMessage is how long a message may be, in bytes, and maxMessageText how long before it is compressed.
const (
	MaxMessage     = 64 << 20
	maxMessageText = 512 << 20
)

// TooLargeError is the error of Append for a batch whose message is longer than MaxMessage.
type TooLargeError struct{ Bytes int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("it takes a message of %d bytes, and the log of a cluster takes %d: send it in smaller parts", e.Bytes, MaxMessage)
}

// A HeadDifference is a journal of this node that differs from that of the node that wrote a message.
type HeadDifference struct {
	Collection uuid.UUID
	Entries    uint64
	Here       tlog.Hash // root of this node's tree of so many entries
	There      tlog.Hash // root that the message names
	Place      uint64    // of that message
}
