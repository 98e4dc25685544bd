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

	"golang.org/x/sync/singleflight"
)

var (
	// ErrMissing: the request carries no credentials. Answer 401 with Challenge.
	ErrMissing = errors.New("no credentials: send an Authorization header or a client certificate")
	// ErrWrong: it carries credentials that are nobody's; always a *WrongError.
	// Answer 401 with Challenge.
	ErrWrong = errors.New("wrong credentials")
	// ErrBusy: more passwords wait to be verified than the server takes on.
	// Answer 503; the credentials may well be right.
	ErrBusy = errors.New("too many logins at once, try again in a moment")
)

// WrongError says what was wrong with credentials, in words that may be shown
// to whoever sent them. errors.Is(err, ErrWrong) holds.
type WrongError struct{ Reason string }

func (e *WrongError) Error() string        { return "wrong credentials: " + e.Reason }
func (e *WrongError) Is(target error) bool { return target == ErrWrong }

// Options bound what verifying passwords may cost. Zero values are the
// defaults.
type Options struct {
	Workers    int      // passwords verified at the same time; default: one a processor
	Queue      int      // further ones that may wait; default 64
	KeyHeaders []string // names of headers that may carry a token, such as X-API-Key

	Remember int // verified credentials remembered, and as many refused ones; default 4096
}

// Authenticator finds out who is calling. It is safe for concurrent use.
//
// A password is expensive to verify on purpose, and TAXII clients send theirs
// with every request. So the outcome is remembered, good or bad, under a key
// from which the password cannot be found, and only as long as the account is
// unchanged: a changed password or a disabled account counts from the next
// request on.
type Authenticator struct {
	dir        Directory
	macs       sync.Pool // of hash.Hash, keyed with a key of this process alone
	verified   *memory
	refused    *memory
	failures   *failures
	keyHeaders []string // canonical

	flight  singleflight.Group // requests with the same credentials share one verification
	workers chan struct{}
	waiting chan struct{} // one place for each who verifies or waits to

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
	if opts.Queue <= 0 {
		opts.Queue = 64
	}
	if opts.Remember <= 0 {
		opts.Remember = 4096
	}
	var key, salt, decoy [keyBytes]byte
	for _, b := range []*[keyBytes]byte{&key, &salt, &decoy} {
		rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	}
	keyHeaders := make([]string, len(opts.KeyHeaders))
	for i, name := range opts.KeyHeaders {
		keyHeaders[i] = http.CanonicalHeaderKey(name)
	}
	return &Authenticator{
		dir:        dir,
		keyHeaders: keyHeaders,
		macs:       sync.Pool{New: func() any { return &macState{mac: hmac.New(sha256.New, key[:])} }},
		verified:   newMemory(opts.Remember),
		refused:    newMemory(opts.Remember),
		failures:   newFailures(),
		workers:    make(chan struct{}, opts.Workers),
		waiting:    make(chan struct{}, opts.Workers+opts.Queue),
		decoy: passwordHash{memory: hashMemory, passes: hashPasses, lanes: hashLanes,
			salt: salt[:saltBytes], key: decoy[:]},
	}
}

// Authenticate is AuthenticateFrom for requests whose address is not known.
func (a *Authenticator) Authenticate(ctx context.Context, header http.Header, state *tls.ConnectionState) (Account, error) {
	return a.AuthenticateFrom(ctx, "", header, state)
}

// AuthenticateFrom returns the account that a request comes from. An
// Authorization header decides alone; without one, the verified client
// certificate does. After many wrong passwords for an account from one address
// it takes its time, see SlowError. Its errors are ErrMissing, ErrWrong,
// ErrBusy, a *SlowError and ctx's own.
func (a *Authenticator) AuthenticateFrom(ctx context.Context, address string, header http.Header, state *tls.ConnectionState) (Account, error) {
	c, err := a.credentials(header, state)
	if errors.Is(err, ErrMissing) {
		if cert := verifiedCertificate(state); cert != nil {
			return a.byCertificate(certificateNames(cert))
		}
	}
	if err != nil {
		return Account{}, err
	}
	if account, ok := a.byToken(c); ok {
		return account, nil
	}
	if c.scheme == bearer {
		return Account{}, &WrongError{"the token is not known"}
	}
	return a.byPassword(ctx, c, address)
}

func (a *Authenticator) byCertificate(names []string) (Account, error) {
	for _, name := range names {
		if account, ok := a.dir.AccountOfCertificate(name); ok && !account.Disabled {
			return account, nil
		}
	}
	return Account{}, &WrongError{"the client certificate belongs to no account"}
}

// byToken looks a token up. Beside a user name, the token must be that user's.
func (a *Authenticator) byToken(c credentials) (Account, bool) {
	if !strings.HasPrefix(c.secret, TokenPrefix) {
		return Account{}, false
	}
	sum := HashToken(c.secret)
	account, ok := a.dir.AccountOfToken(sum)
	if !ok || account.Disabled || c.scheme == basic && account.Name != c.name {
		return Account{}, false
	}
	held := 0
	for _, t := range account.Tokens {
		held |= subtle.ConstantTimeCompare([]byte(t.Hash), []byte(sum))
	}
	return account, held == 1
}

var errWrongPassword = &WrongError{"the user name or the password is wrong"}

// byPassword is the cheap way: an outcome remembered for the account as it is
// now. What is not remembered takes its turn in verify.
func (a *Authenticator) byPassword(ctx context.Context, c credentials, address string) (Account, error) {
	if c.secret == "" || len(c.secret) > MaxPassword {
		return Account{}, errWrongPassword
	}
	key := a.key(c)
	account, known := a.dir.Account(c.name)
	now := remembered{known: known, revision: account.Revision}
	if a.verified.holds(key, now) && !account.Disabled {
		return account, nil
	}
	from := pair{c.name, address}
	if err := a.failures.await(ctx, from); err != nil {
		return Account{}, err
	}
	account, err := a.byArgon(ctx, key, c, account, now)
	if errors.Is(err, ErrWrong) {
		a.failures.wrong(from)
	} else if err == nil {
		a.failures.right(from)
	}
	return account, err
}

// byArgon has a password verified that is not remembered as right.
func (a *Authenticator) byArgon(ctx context.Context, key credentialKey, c credentials, account Account, now remembered) (Account, error) {
	if a.refused.holds(key, now) {
		return Account{}, errWrongPassword
	}
	// The verification outlives a caller who goes away: others may share it.
	shared := string(binary.BigEndian.AppendUint64(key[:], account.Revision))
	outcome := a.flight.DoChan(shared, func() (any, error) { return a.verify(key, c, account, now) })
	select {
	case <-ctx.Done():
		return Account{}, context.Cause(ctx)
	case r := <-outcome:
		if r.Err != nil {
			return Account{}, r.Err
		}
		return r.Val.(Account), nil
	}
}

// verify runs argon2id, when a worker is free, and remembers the outcome.
func (a *Authenticator) verify(key credentialKey, c credentials, account Account, now remembered) (any, error) {
	select {
	case a.waiting <- struct{}{}:
		defer func() { <-a.waiting }()
	default:
		return nil, ErrBusy
	}
	a.workers <- struct{}{}
	defer func() { <-a.workers }()

	h, err := parseHash(account.PasswordHash)
	if err != nil {
		h = a.decoy
	}
	if !h.verify(c.secret) || err != nil || account.Disabled {
		a.refused.put(key, now)
		return nil, errWrongPassword
	}
	a.verified.put(key, now)
	return account, nil
}

// key stands for credentials in memory. The length of the name keeps
// ("ab", "c") and ("a", "bc") apart.
func (a *Authenticator) key(c credentials) (key credentialKey) {
	m := a.macs.Get().(*macState)
	m.buf = append(m.buf[:0], byte(c.scheme))
	m.buf = binary.AppendUvarint(m.buf, uint64(len(c.name)))
	m.buf = append(append(m.buf, c.name...), c.secret...)
	m.mac.Reset()
	m.mac.Write(m.buf)
	m.mac.Sum(key[:0])
	clear(m.buf) // no password stays behind
	a.macs.Put(m)
	return key
}
