package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// Admin is administration of a data folder, wherever the work is done: by the server that has it open (*Client), or here
// (*Local).
type Admin interface {
	io.Closer
	Apply(ctx context.Context, f *File) ([]Line, error) // passwords resolved
	PasswordHash(ctx context.Context, account string) (string, error)
	Agreements(ctx context.Context) ([]Agreement, error)
	Agreement(ctx context.Context, name agreement.Name) (Agreement, error)
	Renew(ctx context.Context, name agreement.Name, until time.Time) (Agreement, error)
	Suspend(ctx context.Context, name agreement.Name, reason string) (Agreement, error)
	Resume(ctx context.Context, name agreement.Name) (Agreement, error)
	Terminate(ctx context.Context, name agreement.Name, withdraw bool, reason string) (Agreement, error)

	PreviewRelease(ctx context.Context, name, to agreement.Name) ([]follow.Decision, error)
	Explain(ctx context.Context, account string, name agreement.Name, object stix.ID) (Explanation, error)

	Accounts(ctx context.Context) ([]Account, error)
	AddAccount(ctx context.Context, n NewAccount) (Account, error)
	DisableAccount(ctx context.Context, name, reason string) (Account, error)
	EnableAccount(ctx context.Context, name string) (Account, error)
	SetPassword(ctx context.Context, name, hash string) (Account, error)
	NewToken(ctx context.Context, name, note string) (Token, error)
	RevokeToken(ctx context.Context, name, id string) (Account, error)
	Parties(ctx context.Context) ([]agreement.Party, error)
	AddParty(ctx context.Context, p agreement.Party) (agreement.Party, error)
}

// startTime is how long a server may take between taking the data folder and listening on its socket.
const startTime = 3 * time.Second

// Open gives a command the administration of a data folder: through the socket when a server has it open, else by
// opening the files, which makes the folder when there is none.
func Open(dir string) (Admin, error) {
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
			return &Local{Store: s, Now: time.Now, owned: true}, nil
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
func OpenExisting(dir string) (Admin, error) {
	switch _, err := os.Stat(filepath.Join(dir, "accord.db")); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is no data folder, it has no accord.db: %w", dir, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("open data folder %s: %w", dir, err)
	}
	return Open(dir)
}

// ApplyFile reads an apply file and the passwords it names, here, and has it applied. Password files are found beside the
// apply file. What is wrong with the file, wherever it is noticed, is one *FileError.
func ApplyFile(ctx context.Context, a Admin, path string, getenv func(string) string) ([]Line, error) {
	f, err := readWithPasswords(path, getenv, func(account string) (string, error) { return a.PasswordHash(ctx, account) })
	if err != nil {
		return nil, err
	}
	return a.Apply(ctx, f)
}

// ApplyFileTo is ApplyFile for a data folder, which is made when there is none; but a file with a fault does not make it.
func ApplyFileTo(ctx context.Context, dir, path string, getenv func(string) string) (lines []Line, err error) {
	f, err := CheckFor(dir, path, getenv)
	if err != nil {
		return nil, err
	}
	a, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := a.Close(); err == nil {
			err = closed
		}
	}()
	if f == nil {
		return ApplyFile(ctx, a, path, getenv)
	}
	return a.Apply(ctx, f)
}

// CheckFor finds what is wrong with an apply file for a data folder that does not exist yet, so that it need not be made. For
// one that exists, applying the file finds that, and CheckFor returns nil.
func CheckFor(dir, path string, getenv func(string) string) (*File, error) {
	if _, err := os.Stat(filepath.Join(dir, "accord.db")); !errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	f, err := readWithPasswords(path, getenv, func(string) (string, error) { return "", nil })
	if err != nil {
		return nil, err
	}
	if _, err := plan(nil, f); err != nil {
		return nil, err
	}
	return f, nil
}

// readWithPasswords reads an apply file and the passwords that it names. Faults stay in the file.
func readWithPasswords(path string, getenv func(string) string, known func(account string) (string, error)) (*File, error) {
	text, err := fileText(path)
	if err != nil {
		return nil, err
	}
	f := read(path, text)
	err = f.resolve(Passwords{
		Getenv: getenv,
		ReadFile: func(name string) ([]byte, error) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(path), name)
			}
			return readShort(name)
		},
	}, known)
	return f, err
}

// readShort reads a file that should hold one password, and not more of it.
func readShort(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 1 << 16
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%s is longer than any password", path)
	}
	return text, err
}

// Local administers a store that this process has open.
type Local struct {
	Store *store.Store
	Now   func() time.Time
	owned bool // Close closes the store
}

func (l *Local) by() store.Actor { return store.Actor{Account: AtTheMachine} }

// Close closes the store if Open opened it.
func (l *Local) Close() error {
	if !l.owned {
		return nil
	}
	return l.Store.Close()
}

// Apply brings the store to what a file says.
func (l *Local) Apply(ctx context.Context, f *File) ([]Line, error) {
	return Apply(ctx, l.Store, l.by(), f)
}

// PasswordHash is the hash of an account's password, "" when it has none.
func (l *Local) PasswordHash(_ context.Context, account string) (string, error) {
	a, _ := l.Store.Registry().Account(account)
	return a.PasswordHash, nil
}

// Agreements lists all agreements by name.
func (l *Local) Agreements(context.Context) ([]Agreement, error) {
	return Agreements(l.Store, l.Now())
}

// Agreement finds one agreement.
func (l *Local) Agreement(_ context.Context, name agreement.Name) (Agreement, error) {
	return AgreementNamed(l.Store, name, l.Now())
}

// Renew moves the end of an agreement's term.
func (l *Local) Renew(ctx context.Context, name agreement.Name, until time.Time) (Agreement, error) {
	return l.after(name, Renew(ctx, l.Store, l.by(), name, until, l.Now()))
}

// Suspend stops an agreement for a time.
func (l *Local) Suspend(ctx context.Context, name agreement.Name, reason string) (Agreement, error) {
	return l.after(name, Suspend(ctx, l.Store, l.by(), name, reason, l.Now()))
}

// Resume ends a suspension.
func (l *Local) Resume(ctx context.Context, name agreement.Name) (Agreement, error) {
	return l.after(name, Resume(ctx, l.Store, l.by(), name, l.Now()))
}

// Terminate ends an agreement for good.
func (l *Local) Terminate(ctx context.Context, name agreement.Name, withdraw bool, reason string) (Agreement, error) {
	return l.after(name, Terminate(ctx, l.Store, l.by(), name, withdraw, reason, l.Now()))
}

func (l *Local) after(name agreement.Name, err error) (Agreement, error) {
	if err != nil {
		return Agreement{}, err
	}
	return AgreementNamed(l.Store, name, l.Now())
}
