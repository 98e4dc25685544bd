package admin

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
)

// MaxFile is the longest apply file, in bytes.
const MaxFile = 16 << 20

// File is an apply file, read: every value in it is possible by itself. Whether it fits what the server holds is for
// Apply to find out. The passwords it names are outside; see Resolve.
type File struct {
	Name string // as it was given, for messages
	Text []byte

	server     *serverEntry
	roots      []rootEntry
	parties    []partyEntry
	accounts   []accountEntry
	agreements []agreementEntry

	faults problems // found on reading it and its passwords; with any, none of it is applied
}

type serverEntry struct {
	store.Server
	marks
}

type rootEntry struct {
	store.Root
	marks
}

type partyEntry struct {
	agreement.Party
	marks
}

// accountEntry is an account as the file has it. What is about credentials and is left out stays as it is.
type accountEntry struct {
	name, party  string
	operator     bool
	disabled     *bool
	certificates []string
	hasCerts     bool

	passwordEnv, passwordFile string
	passwordHash              string // as written, or once resolved
	marks
}

func (a *accountEntry) namesPassword() bool { return a.passwordEnv != "" || a.passwordFile != "" }

type agreementEntry struct {
	*agreement.Agreement // without an id in Collection when the file gives none
	marks
}

// called is how messages begin.
func (e agreementEntry) called() string {
	if e.Name == "" {
		return "an agreement without a name"
	}
	return "the agreement " + string(e.Name)
}

// marks are the lines on which the values of an entry stand, by their path in it; "" is the entry itself.
type marks map[string]int

// line finds where a value stands, or would.
func (m marks) line(field string) int {
	for {
		if line, ok := m[field]; ok || field == "" {
			return line
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
}

func fileText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read apply file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read apply file: %w", err)
	}
	return text, nil
}

// Passwords are where the passwords are that an apply file names.
type Passwords struct {
	Getenv   func(string) string
	ReadFile func(path string) ([]byte, error) // path as the file has it
}

// Resolve reads the passwords that the file names and keeps their hashes instead. known gives the hash that an account
// has now, "" for none: a password that verifies against it keeps it, so that applying a file again changes nothing. Its
// errors are *FileError.
func (f *File) Resolve(from Passwords, known func(account string) (string, error)) error {
	if err := f.resolve(from, known); err != nil {
		return err
	}
	return f.faults.err(f.Name)
}

// resolve is Resolve that keeps the faults in the file. Its errors are known's.
func (f *File) resolve(from Passwords, known func(account string) (string, error)) error {
	for i := range f.accounts {
		a := &f.accounts[i]
		if !a.namesPassword() {
			continue
		}
		password, field, err := a.readPassword(from)
		if err != nil {
			f.faults.add(a.line(field), "account %s: %v", a.name, err)
			continue
		}
		var hash string
		if agreement.CheckName(a.name) == nil {
			if hash, err = known(a.name); err != nil {
				return fmt.Errorf("account %s: %w", a.name, err)
			}
		}
		if !auth.VerifyPassword(hash, password) {
			if hash, err = auth.HashPassword(password); err != nil {
				f.faults.add(a.line(field), "account %s: %v", a.name, err)
				continue
			}
		}
		a.passwordHash = hash
	}
	return nil
}

func (a *accountEntry) readPassword(from Passwords) (password, field string, err error) {
	if a.passwordEnv != "" {
		password := from.Getenv(a.passwordEnv)
		if password == "" {
			err = fmt.Errorf("the environment variable %s is not set, or empty", a.passwordEnv)
		}
		return password, "password_env", err
	}
	text, err := from.ReadFile(a.passwordFile)
	if err != nil {
		return "", "password_file", fmt.Errorf("password_file: %w", err)
	}
	password = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if password == "" {
		err = fmt.Errorf("the password file %s is empty", a.passwordFile)
	}
	return password, "password_file", err
}

// hashes are the resolved password hashes by account, for the way to another process.
func (f *File) hashes() map[string]string {
	hashes := make(map[string]string)
	for _, a := range f.accounts {
		if a.namesPassword() && a.passwordHash != "" {
			hashes[a.name] = a.passwordHash
		}
	}
	return hashes
}

// setHashes takes what hashes gave, in another process. What is wrong with them is a fault of the file.
func (f *File) setHashes(hashes map[string]string) {
	for i := range f.accounts {
		a := &f.accounts[i]
		hash, ok := hashes[a.name]
		if !ok || !a.namesPassword() {
			continue
		}
		if err := auth.CheckHash(hash); err != nil {
			f.faults.add(a.line("name"), "account %s: %v", a.name, err)
		}
		a.passwordHash = hash
	}
}
