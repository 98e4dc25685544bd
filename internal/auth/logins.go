package auth

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/lru"
)

const (
	addressesKept  = 64          // from which an account has logged in
	seenResolution = time.Minute // how exactly the time of the last login is kept
)

// Logins is what an Authenticator knows about logins: which credentials were verified, and for each account the last
// success and failure, the addresses that it has logged in from, and the last use of each token. With a folder they
// outlive the process.
//
// The folder has two files, for their owner alone: "key", drawn once, and "logins.json". Verified credentials are in it
// as HMACs under that key, bound to the account's password hash. A reader of both files can test guesses against them
// faster than against the hash, so a backup has neither.
type Logins struct {
	dir      string // "" keeps them in memory only
	key      [keyBytes]byte
	verified *lru.Cache[credentialKey, struct{}]

	mu       sync.Mutex
	accounts map[string]*Seen     // guarded by mu, and what the values point at
	tokens   map[string]time.Time // guarded by mu: last use, by the token's id
	changed  bool                 // guarded by mu: since the last Save
}

// Seen is what is known about the logins of one account.
type Seen struct {
	Success *Login   `json:"success,omitempty"`
	Failure *Login   `json:"failure,omitempty"`
	From    []string `json:"from,omitempty"` // address keys, the newest last
}

// Login is a login or an attempt.
type Login struct {
	At     time.Time `json:"at"`
	From   string    `json:"from"` // the address
	Reason string    `json:"reason,omitempty"`
}

// loginsFile is logins.json.
type loginsFile struct {
	Verified []string             `json:"verified,omitempty"`
	Accounts map[string]*Seen     `json:"accounts,omitempty"`
	Tokens   map[string]time.Time `json:"tokens,omitempty"`
}

// LoginsFolder is the name of the folder of Logins in a data folder.
const LoginsFolder = "logins"

// NewLogins returns Logins that end with the process.
func NewLogins() *Logins {
	l := &Logins{verified: lru.New[credentialKey, struct{}](defaultRemember, 1), accounts: map[string]*Seen{}, tokens: map[string]time.Time{}}
	rand.Read(l.key[:]) // never fails: crypto/rand ends the process instead
	return l
}

// OpenLogins opens the Logins in a folder, which it makes if there is none. A malformed file is ignored: it holds
// nothing that the accounts cannot prove again.
func OpenLogins(dir string) (*Logins, error) {
	l := NewLogins()
	l.dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of logins: %w", err)
	}
	path := filepath.Join(dir, "key")
	text, err := os.ReadFile(path)
	switch key, bad := hex.DecodeString(string(text)); {
	case err == nil && bad == nil && len(key) == keyBytes:
		copy(l.key[:], key)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the key of logins: %w", err)
	default:
		return l, writePrivately(path, []byte(hex.EncodeToString(l.key[:])))
	}
	return l, l.load()
}

// ReadLogins reads the Logins in a folder without changing anything; there need be none.
func ReadLogins(dir string) (*Logins, error) {
	l := NewLogins()
	l.dir = dir
	return l, l.load()
}

func (l *Logins) load() error {
	text, err := os.ReadFile(filepath.Join(l.dir, "logins.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the logins: %w", err)
	}
	var file loginsFile
	if json.Unmarshal(text, &file) != nil {
		return nil
	}
	for _, digits := range file.Verified {
		var key credentialKey
		if n, err := hex.Decode(key[:], []byte(digits)); err == nil && n == len(key) {
			l.verified.Put(key, struct{}{}, 1)
		}
	}
	for name, seen := range file.Accounts {
		if seen != nil {
			l.accounts[name] = seen
		}
	}
	for id, at := range file.Tokens {
		l.tokens[id] = at
	}
	return nil
}

// Save writes what has changed since the last Save.
func (l *Logins) Save() error {
	l.mu.Lock()
	if l.dir == "" || !l.changed {
		l.mu.Unlock()
		return nil
	}
	file := loginsFile{Accounts: l.accounts, Tokens: l.tokens}
	for _, key := range l.verified.Keys() {
		file.Verified = append(file.Verified, hex.EncodeToString(key[:]))
	}
	text, err := json.Marshal(file)
	l.changed = false
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if err := writePrivately(filepath.Join(l.dir, "logins.json"), text); err != nil {
		l.mu.Lock()
		l.changed = true
		l.mu.Unlock()
		return err
	}
	return nil
}

// writePrivately replaces a file by one that only its owner can read.
func writePrivately(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Of returns what is known about the logins of an account.
func (l *Logins) Of(account string) Seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seen := l.accounts[account]; seen != nil {
		return Seen{Success: seen.Success, Failure: seen.Failure, From: slices.Clone(seen.From)}
	}
	return Seen{}
}

// TokenUsed returns when a token was last used, by its id; the zero time if it is not known to have been.
func (l *Logins) TokenUsed(id string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tokens[id]
}

// succeeded records a login. It is called for every request, so it records the time to the minute.
func (l *Logins) succeeded(account, address, token string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if token != "" && now.Sub(l.tokens[token]) >= seenResolution {
		l.tokens[token], l.changed = now.UTC().Truncate(time.Second), true
	}
	seen := l.accounts[account]
	if seen == nil {
		seen = &Seen{}
		l.accounts[account] = seen
	}
	if seen.Success != nil && seen.Success.From == address && now.Sub(seen.Success.At) < seenResolution {
		return
	}
	l.changed = true
	seen.Success = &Login{At: now.UTC().Truncate(time.Second), From: address}
	if address == "" {
		return
	}
	key := AddressKey(address)
	seen.From = append(slices.DeleteFunc(seen.From, func(k string) bool { return k == key }), key)
	if len(seen.From) > addressesKept {
		seen.From = slices.Delete(seen.From, 0, 1)
	}
}

// failed records a failed login of an existing account; it does not record unknown names.
func (l *Logins) failed(account, address, reason string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.accounts[account]
	if seen == nil {
		seen = &Seen{}
		l.accounts[account] = seen
	}
	l.changed = true
	seen.Failure = &Login{At: now.UTC().Truncate(time.Second), From: address, Reason: reason}
}

// knows reports whether an account has logged in from an address.
func (l *Logins) knows(account, addressKey string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.accounts[account]
	return seen != nil && slices.Contains(seen.From, addressKey)
}
