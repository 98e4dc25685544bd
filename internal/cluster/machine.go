package cluster

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
)

// Machine is what messages are applied to: a data folder (see Folder). About uuid.Nil is accord.db, other ids are agreements'
// collections. Methods about different ids may be called at once.
type Machine interface {
	// Apply applies messages in their order, and passes over those at places that the file has. After an error the same
	// messages may be handed over again; Judge says what to do.
	Apply(about uuid.UUID, messages []store.Logged) error
	Judge(error) Verdict

	// Check says why a message must not come into the log at a time, as one of a group: one that cannot be read stops every node.
	Check(about, group uuid.UUID, message []byte, now time.Time) error

	// CheckSuccession is Check for a rotation of the signing key.
	CheckSuccession(store.KeySuccession) error

	// Succeed makes a rotation of the signing key; one that was made already changes nothing.
	Succeed(store.KeySuccession) error

	// Applied tells that all files have everything up to a place.
	Applied(place uint64)

	// Close takes the file of an agreement out of use for good and keeps it aside.
	Close(about uuid.UUID, reason error) error

	// Closed lists agreements that are not in use and are to be fetched anew.
	Closed() []uuid.UUID

	// Send writes an agreement's file, and Replace reads it and brings it into the place of one that was closed. The file has
	// everything up to the last place given to Applied before Send was called, and its own place.
	//
	// When the file has come, Replace calls lacks until there is no more, and applies to it what that returns before it is in its place.
	Send(ctx context.Context, about uuid.UUID, w io.Writer) error
	Replace(ctx context.Context, about uuid.UUID, file io.Reader, lacks func() (missed []store.Logged, more bool, err error)) error

	// Scrub reads a part of an agreement's file and compares it with what was stored, from an entry on; see
	// store.Collection.Scrub. The error, if any, is one for Judge.
	Scrub(ctx context.Context, about uuid.UUID, from uint64, most int) (next uint64, read int, err error)

	// Backup writes a backup of the folder, in which every file has everything up to the last place given to Applied.
	Backup(ctx context.Context, w io.Writer) error

	// Files lists the agreements that are in use, Head says where the journal of one is, and HeadAt where it was: after an
	// error that is ErrShort it is not there yet.
	Files() []uuid.UUID
	Head(about uuid.UUID) (entries uint64, root []byte, err error)
	HeadAt(about uuid.UUID, entries uint64) (root []byte, err error)
}

// Verdict is what is to be done after messages could not be applied.
type Verdict int

// Verdicts.
const (
	Damaged Verdict = iota // the file is closed and fetched anew
	Again                  // nothing is wrong with it: the same messages once more, in a moment
	Stop                   // this node stops: it cannot go on, or must not
	Ended                  // the folder is being closed, or the agreement is
)
