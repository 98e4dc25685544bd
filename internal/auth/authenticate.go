package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"hash"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/lru"
)

var (
	// ErrMissing: the request carries no credentials. Answer 401 with Challenge.
	ErrMissing = errors.New("no credentials: send an Authorization header or a client certificate")
	// ErrWrong: it carries credentials that belong to no account; always a *WrongError.
	// Answer 401 with Challenge.
	ErrWrong = errors.New("wrong credentials")
	// ErrBusy: more passwords wait to be verified than the server takes on. Answer 503; the credentials may be right.
	ErrBusy = errors.New("too many logins at once, try again in a moment")
)

// WrongError says what was wrong with credentials, in words that may be shown
// to the caller. errors.Is(err, ErrWrong) holds.
type WrongError struct {
	Reason  string
	Account string // that the credentials name, if any
}

func (e *WrongError) Error() string        { return "wrong credentials: " + e.Reason }
func (e *WrongError) Is(target error) bool { return target == ErrWrong }

const (
	defaultWaiting  = 512
	defaultRemember = 4096
	defaultMemory   = 64 << 20
)

// Options bound what verifying passwords may cost. Zero values are the
// defaults.
type Options struct {
	Workers  int // passwords verified at the same time; default: one a processor
	Waiting  int // requests that may wait for one; default 512
	Remember int // wrong credentials remembered; default 4096

	// Memory is how many bytes verifying passwords may take; default 64 MiB. One is always verified, whatever it takes.
	Memory int64

	KeyHeaders []string // names of headers that may carry a token, such as X-API-Key

	Logins *Logins          // default NewLogins
	Trust  func() *Trust    // the issuers of client certificates; nil: those that TLS verified, as one
	Now    func() time.Time // default time.Now

	// Foreign, if set, returns the account that a token of another issuer is for; see package oidc. An error is a *WrongError, or ctx's.
	Foreign func(ctx context.Context, token string) (Account, error)

	// Failed, if set, is called for each request whose credentials were
	// refused: with the account that they name, if it exists, the address, and
	// a reason of a few words.
	Failed func(account, address, reason string)
}

// credentialKey identifies a name, a secret and the account state that they were verified against, without revealing
// any of them: an HMAC under a secret key.
type credentialKey [32]byte

// Authenticator identifies callers. It is safe for concurrent use.
//
// A password is expensive to verify on purpose, and TAXII clients send theirs
// with every request. So the outcome is remembered, good or bad, under a key
// from which the password cannot be found, and which changes with the
// account's password hash: a changed password or a disabled account counts
// from the next request on.
type Authenticator struct {
	dir     Directory
	logins  *Logins
	refused *lru.Cache[credentialKey, struct{}]
	queue   *queue
	trust   func() *Trust
	now     func() time.Time
	failed  func(account, address, reason string)
	foreign func(ctx context.Context, token string) (Account, error)
	macs    sync.Pool // of *macState

	keyHeaders []string // canonical

	decoy passwordHash // verified when there is no password to compare with, so that it takes as long
}

// macState is a keyed HMAC and the buffer its input is put together in.
type macState struct {
	mac hash.Hash
	buf []byte
}

// New makes an Authenticator over a directory; see Current for one that changes.
func New(dir Directory, opts Options) *Authenticator {
	if opts.Workers <= 0 {
		opts.Workers = runtime.NumCPU()
	}
	if opts.Waiting <= 0 {
		opts.Waiting = defaultWaiting
	}
	if opts.Memory <= 0 {
		opts.Memory = defaultMemory
	}
	if opts.Remember <= 0 {
		opts.Remember = defaultRemember
	}
	if opts.Logins == nil {
		opts.Logins = NewLogins()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Failed == nil {
		opts.Failed = func(string, string, string) {}
	}
	var salt, decoy [keyBytes]byte
	rand.Read(salt[:]) // never fails: crypto/rand ends the process instead
	rand.Read(decoy[:])
	keyHeaders := make([]string, len(opts.KeyHeaders))
	for i, name := range opts.KeyHeaders {
		keyHeaders[i] = http.CanonicalHeaderKey(name)
	}
	key := opts.Logins.key
	return &Authenticator{
		keyHeaders: keyHeaders,
		dir:        dir, logins: opts.Logins, trust: opts.Trust, now: opts.Now, failed: opts.Failed, foreign: opts.Foreign,
		refused: lru.New[credentialKey, struct{}](opts.Remember, 1),
		queue:   newQueue(opts.Workers, opts.Waiting, opts.Memory),
		macs:    sync.Pool{New: func() any { return &macState{mac: hmac.New(sha256.New, key[:])} }},
		decoy:   decoyHash(salt[:saltBytes], decoy[:]),
	}
}

func decoyHash(salt, key []byte) passwordHash {
	h := newHash(salt)
	h.key = key
	return h
}

// Request is the part of a request that Authenticate uses.
type Request struct {
	Address string // where it comes from, without a port; "" if that is not known
	Header  http.Header
	TLS     *tls.ConnectionState
}

// Authenticate returns the account that a request comes from. An
// Authorization header decides alone; without one, the verified client
// certificate does. A password that is not remembered waits for its turn, see queue;
// before that, wait is called, if it is not nil. Its errors are ErrMissing, ErrWrong,
// ErrBusy, a *SlowError and ctx's own.
func (a *Authenticator) Authenticate(ctx context.Context, r Request, wait func()) (Account, error) {
	account, token, err := a.authenticate(ctx, r, wait)
	if err == nil {
		err = a.bounds(account, r)
	}
	switch slow := (*SlowError)(nil); {
	case err == nil:
		a.logins.succeeded(account.Name, r.Address, token, a.now())
		return account, nil
	case errors.Is(err, ErrWrong):
		var wrong *WrongError
		errors.As(err, &wrong)
		a.fail(wrong.Account, r.Address, wrong.Reason)
	case errors.As(err, &slow):
		a.fail("", r.Address, "too many wrong passwords before it")
	case errors.Is(err, ErrBusy):
		a.fail("", r.Address, "too many logins at once")
	}
	return Account{}, err
}

// bounds holds a request that has the account's credentials to the account's bounds.
func (a *Authenticator) bounds(account Account, r Request) error {
	if err := account.Bounds(r.Address, a.now()); err != nil || !account.Both {
		return err
	}
	if _, err := a.credentials(r.Header, nil); err != nil {
		return &WrongError{"the account needs its password beside the client certificate", account.Name}
	}
	if certified, shown, err := a.byCertificate(r.TLS); !shown || err != nil || certified.Name != account.Name {
		return &WrongError{"the account needs its client certificate beside the password", account.Name}
	}
	return nil
}

// Admit records a login at the console that another issuer vouches for, if it is within the account's bounds. Otherwise it returns a
// *WrongError.
func (a *Authenticator) Admit(account Account, address string) error {
	err := account.Bounds(address, a.now())
	if err == nil && account.Both {
		err = &WrongError{"the account needs its client certificate beside the password", account.Name}
	}
	if err == nil {
		a.logins.succeeded(account.Name, address, "", a.now())
		return nil
	}
	return a.Refuse(account.Name, address, err)
}

// Refuse records a login at the console that was refused, and returns err.
func (a *Authenticator) Refuse(account, address string, err error) error {
	var wrong *WrongError
	if errors.As(err, &wrong) {
		a.fail(account, address, wrong.Reason)
	}
	return err
}

func (a *Authenticator) fail(name, address, reason string) {
	if _, known := a.dir.Account(name); known {
		a.logins.failed(name, address, reason, a.now())
	} else {
		name = "" // it may be a password in the wrong field
	}
	a.failed(name, address, reason)
}

// authenticate also returns the id of the token that was used, if any.
func (a *Authenticator) authenticate(ctx context.Context, r Request, wait func()) (_ Account, token string, _ error) {
	c, err := a.credentials(r.Header, r.TLS)
	if errors.Is(err, ErrMissing) {
		account, shown, err := a.byCertificate(r.TLS)
		if !shown {
			err = ErrMissing
		}
		return account, "", err
	}
	if err != nil {
		return Account{}, "", err
	}
	account, token, err := a.byToken(c)
	if token != "" || err != nil {
		return account, token, err
	}
	if c.scheme == bearer {
		if a.foreign != nil && strings.Count(c.secret, ".") == 2 {
			account, err := a.foreign(ctx, c.secret)
			return account, "", err
		}
		return Account{}, "", &WrongError{Reason: "the token is unknown"}
	}
	account, err = a.byPassword(ctx, c, r.Address, wait)
	return account, "", err
}

// byToken looks up a token; the id is empty if the secret is not a token. If the credentials have a user name, the
// token must be that user's.
func (a *Authenticator) byToken(c credentials) (_ Account, id string, _ error) {
	if !strings.HasPrefix(c.secret, TokenPrefix) {
		return Account{}, "", nil
	}
	sum := HashToken(c.secret)
	account, ok := a.dir.AccountOfToken(sum)
	if !ok || account.Disabled || c.scheme == basic && account.Name != c.name {
		return Account{}, "", nil
	}
	for _, t := range account.Tokens {
		if subtle.ConstantTimeCompare([]byte(t.Hash), []byte(sum)) == 1 {
			if !t.Expires.IsZero() && !a.now().Before(t.Expires) {
				return Account{}, "", &WrongError{"the token has expired", account.Name}
			}
			return account, t.ID, nil
		}
	}
	return Account{}, "", nil
}

// byPassword returns the remembered outcome for the account as it is now, if any. Otherwise it verifies the password
// through the queue.
func (a *Authenticator) byPassword(ctx context.Context, c credentials, address string, wait func()) (Account, error) {
	wrong := &WrongError{"the user name or the password is wrong", c.name}
	if c.secret == "" || len(c.secret) > MaxPassword {
		return Account{}, wrong
	}
	account, _ := a.dir.Account(c.name)
	if !HashCounts(account.PasswordHash) { // also where it was verified and remembered before
		account.PasswordHash = ""
	}
	key := a.key(c, account)
	if _, ok := a.logins.verified.Get(key); ok && !account.Disabled {
		return account, nil
	}
	if _, ok := a.refused.Get(key); ok {
		return Account{}, wrong
	}
	if wait != nil {
		wait()
	}
	from := AddressKey(address)
	h, err := parseHash(account.PasswordHash)
	has := err == nil
	if !has {
		h = a.decoy
	}
	takes := cost{hashing: int64(h.memory) << 10, waiting: int64(requestHolds + len(c.name) + len(c.secret))}
	err = a.queue.do(ctx, key, origin{c.name, from}, a.logins.knows(c.name, from), takes, func() error {
		return a.verify(key, h, has && !account.Disabled, c.secret)
	})
	if errors.Is(err, ErrWrong) {
		return Account{}, wrong
	}
	if err != nil {
		return Account{}, err
	}
	return account, nil
}

// verify runs argon2id and remembers the outcome. may is false for an account that is disabled or has no password.
func (a *Authenticator) verify(key credentialKey, h passwordHash, may bool, secret string) error {
	if !h.verify(secret) || !may {
		a.refused.Put(key, struct{}{}, 1)
		return ErrWrong
	}
	a.logins.verified.Put(key, struct{}{}, 1)
	return nil
}

// key returns the key of credentials and of the account state that they are verified against. Lengths distinguish
// ("ab", "c") from ("a", "bc").
func (a *Authenticator) key(c credentials, account Account) (key credentialKey) {
	m := a.macs.Get().(*macState)
	m.buf = append(m.buf[:0], byte(c.scheme))
	if account.Disabled {
		m.buf[0] |= 0x80
	}
	for _, s := range []string{c.name, account.PasswordHash} {
		m.buf = binary.AppendUvarint(m.buf, uint64(len(s)))
		m.buf = append(m.buf, s...)
	}
	m.buf = append(m.buf, c.secret...)
	m.mac.Reset()
	m.mac.Write(m.buf)
	m.mac.Sum(key[:0])
	clear(m.buf) // leave no password in memory
	a.macs.Put(m)
	return key
}
