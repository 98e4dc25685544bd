package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store"
)

// Folder is a data folder as messages are applied to it.
type Folder struct{ Store *store.Store }

// Apply implements Machine. What is about a collection that the folder does not have is passed over: see store.Readmit.
func (f Folder) Apply(about uuid.UUID, messages []store.Logged) error {
	if about == uuid.Nil {
		for _, m := range messages {
			if err := f.Store.ApplyLog(m); err != nil {
				return err
			}
		}
		return nil
	}
	if col, ok := f.Store.CollectionOf(about); ok {
		return col.ApplyLog(messages)
	}
	return nil
}

// Check implements Machine.
func (f Folder) Check(about, group uuid.UUID, message []byte, now time.Time) error {
	return f.Store.CheckMessage(about, group, message, now)
}

// CheckSuccession implements Machine.
func (f Folder) CheckSuccession(planned store.KeySuccession) error {
	return f.Store.CheckSuccession(planned)
}

// Succeed implements Machine.
func (f Folder) Succeed(planned store.KeySuccession) error { return f.Store.Succeed(planned) }

// Judge implements Machine.
func (f Folder) Judge(err error) Verdict {
	var format *store.FormatError
	switch {
	case errors.Is(err, store.ErrClosed):
		return Ended
	case errors.As(err, &format), errors.Is(err, store.ErrMessage):
		return Stop
	}
	switch store.DiskErrorOf(err) {
	case store.Full:
		return Again
	case store.Failing:
		return Stop
	}
	return Damaged
}

// Applied implements Machine.
func (f Folder) Applied(place uint64) { f.Store.NotePlace(place) }

// Close implements Machine.
func (f Folder) Close(about uuid.UUID, reason error) error {
	if _, ok := f.Store.CollectionOf(about); !ok {
		return nil // it is not in use
	}
	_, err := f.Store.Quarantine(about, reason)
	return err
}

// Closed implements Machine. What could not be opened is fetched anew as well.
func (f Folder) Closed() (list []uuid.UUID) {
	for _, u := range f.Store.Unavailable() {
		list = append(list, u.Collection)
	}
	return list
}

// Send implements Machine.
func (f Folder) Send(ctx context.Context, about uuid.UUID, w io.Writer) error {
	col, err := f.collection(about)
	if err != nil {
		return err
	}
	return col.SendFile(ctx, w)
}

func (f Folder) collection(about uuid.UUID) (*store.Collection, error) {
	col, ok := f.Store.CollectionOf(about)
	if !ok {
		return nil, fmt.Errorf("the collection %s is not in use", about)
	}
	return col, nil
}

// Scrub implements Machine.
func (f Folder) Scrub(ctx context.Context, about uuid.UUID, from uint64, most int) (uint64, int, error) {
	col, err := f.collection(about)
	if err != nil {
		return 1, 0, err
	}
	return col.Scrub(ctx, from, most)
}

// Replace implements Machine.
func (f Folder) Replace(ctx context.Context, about uuid.UUID, file io.Reader, lacks func() ([]store.Logged, bool, error)) error {
	fresh, err := os.MkdirTemp(f.Store.Dir(), ".fetched.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	to := filepath.Join(fresh, about.String()+".db")
	if err := store.ReceiveFile(ctx, file, to); err != nil {
		return err
	}
	_, err = f.Store.Readmit(about, to, lacks)
	return err
}

// Backup implements Machine. It has no deliveries: each node has its own.
func (f Folder) Backup(ctx context.Context, w io.Writer) error { return f.Store.Backup(ctx, w, nil) }

// Files implements Machine.
func (f Folder) Files() (list []uuid.UUID) {
	for _, col := range f.Store.Collections() {
		list = append(list, col.ID())
	}
	return list
}

// Head implements Machine.
func (f Folder) Head(about uuid.UUID) (uint64, []byte, error) {
	col, err := f.collection(about)
	if err != nil {
		return 0, nil, err
	}
	entries, root, err := col.Head()
	return uint64(entries), root[:], err
}

// HeadAt implements Machine.
func (f Folder) HeadAt(about uuid.UUID, entries uint64) ([]byte, error) {
	col, err := f.collection(about)
	if err != nil {
		return nil, err
	}
	root, err := col.HeadAt(entries)
	if errors.Is(err, store.ErrNoEntry) {
		return nil, ErrShort
	}
	return root[:], err
}

// ClusterID returns the name of the node's cluster, which its data folder bears.
func (n *Node) ClusterID() string { return n.identity.Cluster.String() }

// Name returns the node's name.
func (n *Node) Name() string { return n.identity.Name }
