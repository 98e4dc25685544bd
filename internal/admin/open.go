package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/index"
	"github.com/accord-taxii/accord/store"
)

// startTime is how long a server may take between taking the data folder and listening on its socket.
const startTime = 3 * time.Second

// Open returns a client for a data folder: through the socket when a server has it open, else by opening the files, which
// makes the folder when there is none. Those of a node of a cluster are opened for reading.
func Open(dir string) (*Client, error) {
	deadline := time.NewTimer(startTime)
	defer deadline.Stop()
	again := time.NewTicker(startTime / 60)
	defer again.Stop()
	for {
		c, err := Connect(dir)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, ErrNoServer) {
			return nil, err
		}
		s, err := store.Open(dir, store.Options{})
		if err == nil {
			return owning(s), nil
		}
		if errors.Is(err, store.ErrInCluster) { // its log alone changes it; to read it needs no log
			if s, err = store.Open(dir, store.Options{ReadOnly: true}); err == nil {
				return owning(s), nil
			}
		}
		var inUse *store.InUseError
		if !errors.As(err, &inUse) {
			return nil, err
		}
		// A server that is just starting or stopping, or another command: wait for its socket or its end.
		select {
		case <-again.C:
		case <-deadline.C:
			return nil, fmt.Errorf("%w, which does not answer on %s", err, filepath.Join(dir, SocketName))
		}
	}
}

// OpenExisting is Open for commands that make no sense on a data folder that does not exist.
func OpenExisting(dir string) (*Client, error) {
	switch _, err := os.Stat(filepath.Join(dir, "accord.db")); {
	case errors.Is(err, fs.ErrNotExist):
		if err := store.RegistryLost(dir); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s is no data folder, it has no accord.db: %w", dir, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("open data folder %s: %w", dir, err)
	}
	return Open(dir)
}

// OpenReadOnly returns a client that backs up and checks a data folder or a backup: through the socket when a server has
// it open, else by opening the files for reading.
func OpenReadOnly(dir string) (*Client, error) {
	c, err := Connect(dir)
	if err == nil {
		return c, nil
	}
	if !errors.Is(err, ErrNoServer) {
		return nil, err
	}
	s, err := store.Open(dir, store.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	return owning(s), nil
}

// owning returns a client for a store that is open for it alone: closing it closes the store.
func owning(s *store.Store) *Client {
	deliveries := delivery.Open(s.AgreementsDir(), delivery.Options{ReadOnly: s.ReadOnly()})
	logins, err := auth.ReadLogins(filepath.Join(s.Dir(), auth.LoginsFolder))
	if err != nil {
		logins = nil // what they say is not worth refusing a command
	}
	service := New(Config{Store: s, Deliveries: deliveries, Logins: logins})
	own := &ownIndex{store: s}
	service.index = own.get
	c := service.Client()
	done := c.close
	c.close = sync.OnceValue(func() error { return errors.Join(done(), own.close(), deliveries.Close(), s.Close()) })
	return c
}

// ownIndex is the search index of a data folder that no server has open: it is opened by the first search, which waits
// until it has read everything.
type ownIndex struct {
	store *store.Store

	mu   sync.Mutex
	open *index.Index // guarded by mu
	stop func() error // guarded by mu
}

func (o *ownIndex) get() (*index.Index, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open != nil {
		return o.open, nil
	}
	x, err := index.Open(o.store, index.Options{Patience: time.Hour})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		x.Run(ctx)
	}()
	o.open, o.stop = x, func() error {
		cancel()
		<-ended
		return x.Close()
	}
	return x, nil
}

func (o *ownIndex) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		return nil
	}
	o.open = nil
	return o.stop()
}

// Asks says how far an apply file is applied. Confirm, if set, is asked when it needs a yes; its error is returned.
type Asks struct {
	applyfile.Consent
	Confirm func(applyfile.Outcome) error
	By      string // recorded; see Client.By
}

// ApplyFile reads an apply file and the passwords that it names, in this process, and has it applied. Password files are
// found beside the apply file. What is wrong with the file, wherever it is noticed, is one *applyfile.Error.
func ApplyFile(ctx context.Context, c *Client, path string, getenv func(string) string, asks Asks) (applyfile.Outcome, error) {
	known := func(account string) (string, error) { return c.PasswordHash(ctx, account) }
	if c.remote {
		known = nil // it gives out no hashes
	}
	f, err := applyfile.Load(path, getenv, known)
	if err != nil {
		return applyfile.Outcome{}, err
	}
	return asks.apply(ctx, c, f)
}

// apply has a file applied, and asks for a yes if one is needed.
func (a Asks) apply(ctx context.Context, c *Client, f *applyfile.File) (applyfile.Outcome, error) {
	out, err := c.Apply(ctx, f, a.Consent)
	if err != nil || out.Applied || a.DryRun || a.Confirm == nil {
		return out, err
	}
	if err := a.Confirm(out); err != nil {
		return out, err
	}
	return c.Apply(ctx, f, applyfile.Consent{Plan: out.Plan})
}

// ApplyFileTo is ApplyFile for a data folder, which is made when it does not exist; but a file with a fault, and a dry run,
// do not make it.
func ApplyFileTo(ctx context.Context, dir, path string, getenv func(string) string, asks Asks) (out applyfile.Outcome, err error) {
	f, plan, err := CheckFor(dir, path, getenv)
	if err != nil {
		return applyfile.Outcome{}, err
	}
	if plan != nil && asks.DryRun {
		return applyfile.Outcome{Lines: plan.Lines()}, nil
	}
	c, err := Open(dir)
	if err != nil {
		return applyfile.Outcome{}, err
	}
	defer func() {
		if closed := c.Close(); err == nil {
			err = closed
		}
	}()
	c.By(asks.By)
	if f == nil {
		return ApplyFile(ctx, c, path, getenv, asks)
	}
	return asks.apply(ctx, c, f)
}

// CheckFor plans an apply file for a data folder that does not exist yet, so that it need not be made for a file with a
// fault. For one that exists, applying the file does that, and CheckFor returns nil.
func CheckFor(dir, path string, getenv func(string) string) (*applyfile.File, *applyfile.Plan, error) {
	if _, err := os.Stat(filepath.Join(dir, "accord.db")); !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	f, err := applyfile.Load(path, getenv, func(string) (string, error) { return "", nil })
	if err != nil {
		return nil, nil, err
	}
	plan, err := applyfile.NewPlan(nil, f)
	if err != nil {
		return nil, nil, err
	}
	return f, plan, nil
}
