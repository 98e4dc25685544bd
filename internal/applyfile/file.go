package applyfile

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/tlsconf"
	"github.com/accord-taxii/accord/store"
)

// MaxFile is the longest apply file, in bytes.
const MaxFile = 16 << 20

// File is an apply file that was read: every value in it is possible by itself. NewPlan finds out whether it fits what a
// server holds. The passwords that it names are outside; see Resolve.
type File struct {
	Name string // as it was given, for messages
	Text []byte

	server     *serverEntry
	roots      []rootEntry
	parties    []partyEntry
	accounts   []accountEntry
	agreements []agreementEntry

	keepPasswords bool

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
	clientCA string // the file; what it holds is in Party once resolved
	marks
}

// accountEntry is an account as the file has it. What is about credentials and is left out stays as it is.
type accountEntry struct {
	name, party  string
	operator     bool
	disabled     *bool
	certificates []string
	hasCerts     bool

	defaultPage, maxPage int
	emptyList            bool

	oidc          *auth.Identity
	networks      []netip.Prefix
	both, manager bool
	expires       time.Time

	passwordEnv, passwordFile string
	passwordHash              string // as written, or once resolved
	password                  string // as read, for a server that compares it itself; see KeepPasswords
	marks
}

func (a *accountEntry) namesPassword() bool { return a.passwordEnv != "" || a.passwordFile != "" }

type agreementEntry struct {
	*agreement.Agreement // without an id in Collection when the file gives none
	marks
	externals []*external
	outboxes  []agreementEntry // of releases to other servers
}

// called names the agreement at the beginning of messages.
func (e agreementEntry) called() string {
	if e.Name == "" {
		return "an agreement without a name"
	}
	return "the agreement " + string(e.Name)
}

// marks holds the lines of the values of an entry, by their path in it; "" is the entry itself.
type marks map[string]int

// line returns the line on which a value stands, or would stand.
func (m marks) line(field string) int {
	for {
		if line, ok := m[field]; ok || field == "" {
			return line
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
}

// Load reads an apply file and the passwords that it names; password files are found beside it. known returns the hash that
// an account has now, "" for none; without it, the file's Message has the passwords beside their hashes, for a server that is
// reached over TLS to compare them with those that it has. Faults of the file are kept in it, for NewPlan to report together with what does not fit.
func Load(path string, getenv func(string) string, known func(account string) (string, error)) (*File, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	f := read(path, text)
	f.keepPasswords = known == nil
	if known == nil {
		known = func(string) (string, error) { return "", nil }
	}
	err = f.resolve(Passwords{
		Getenv: getenv,
		ReadFile: func(name string) ([]byte, error) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(path), name)
			}
			return readSecret(name)
		},
	}, known)
	return f, err
}

func readText(path string) ([]byte, error) {
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

// readSecret reads a file that should hold one password and nothing else.
func readSecret(path string) ([]byte, error) {
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

// Passwords reads the passwords that an apply file names.
type Passwords struct {
	Getenv   func(string) string
	ReadFile func(path string) ([]byte, error) // path as the file has it
}

// Resolve reads the passwords that the file names and keeps their hashes instead. known returns the hash that an account
// has now, "" for none: a password that verifies against it keeps it, so that applying a file again changes nothing. A
// fault of the file is an *Error.
func (f *File) Resolve(from Passwords, known func(account string) (string, error)) error {
	if err := f.resolve(from, known); err != nil {
		return err
	}
	return f.faults.err(f.Name)
}

// resolve is Resolve that keeps the faults in the file: its errors are those of known.
func (f *File) resolve(from Passwords, known func(account string) (string, error)) error {
	f.readAuthorities(from.ReadFile)
	f.readExternals(from)
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
		if f.keepPasswords {
			a.password = password
		}
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

// hashes returns the resolved password hashes by account.
func (f *File) hashes() map[string]string {
	hashes := make(map[string]string)
	for _, a := range f.accounts {
		if a.namesPassword() && a.passwordHash != "" {
			hashes[a.name] = a.passwordHash
		}
	}
	return hashes
}

// readAuthorities reads the files of issuers of client certificates.
func (f *File) readAuthorities(readFile func(string) ([]byte, error)) {
	for i := range f.parties {
		p := &f.parties[i]
		if p.clientCA == "" {
			continue
		}
		text, err := readFile(p.clientCA)
		if err != nil {
			f.faults.add(p.line("client_ca"), "party %s: client_ca: %v", p.Name, err)
			continue
		}
		p.ClientCA = string(text)
		f.checkAuthority(p)
	}
}

// checkAuthority reports issuers that are none.
func (f *File) checkAuthority(p *partyEntry) {
	if _, err := tlsconf.ParseIssuers([]byte(p.ClientCA)); err != nil {
		f.faults.add(p.line("client_ca"), "party %s: client_ca: %s: %v", p.Name, p.clientCA, err)
	}
}

// authorities returns the issuers of client certificates by party, once they are read.
func (f *File) authorities() map[string]string {
	texts := make(map[string]string)
	for _, p := range f.parties {
		if p.ClientCA != "" {
			texts[string(p.Name)] = p.ClientCA
		}
	}
	return texts
}

// setAuthorities sets what authorities returned in another process.
func (f *File) setAuthorities(texts map[string]string) {
	for i := range f.parties {
		if p := &f.parties[i]; p.clientCA != "" && p.ClientCA == "" {
			p.ClientCA = texts[string(p.Name)]
			f.checkAuthority(p)
		}
	}
}

// setHashes sets what hashes returned in another process. A hash that is none is a fault of the file.
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
