package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"
)

// directory is a Directory over a list, which a test may change.
type directory struct {
	mu       sync.Mutex
	accounts []Account
}

func (d *directory) find(is func(Account) bool) (Account, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.accounts {
		if is(a) {
			return a, true
		}
	}
	return Account{}, false
}

func (d *directory) set(accounts ...Account) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accounts = accounts
}

func (d *directory) Account(name string) (Account, bool) {
	return d.find(func(a Account) bool { return a.Name == name })
}

func (d *directory) AccountOfToken(hash string) (Account, bool) {
	return d.find(func(a Account) bool {
		for _, t := range a.Tokens {
			if t.Hash == hash {
				return true
			}
		}
		return false
	})
}

func (d *directory) AccountOfCertificate(name string) (Account, bool) {
	return d.find(func(a Account) bool {
		for _, c := range a.Certificates {
			if c == name {
				return true
			}
		}
		return false
	})
}

// cheapHash is a hash at the lowest cost that is accepted, so that tests are quick.
func cheapHash(password string) string {
	h := passwordHash{memory: minMemory, passes: 1, lanes: 1, salt: []byte("salty-salt")}
	h.key = argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, keyBytes)
	return h.String()
}

func basicHeader(name, secret string) http.Header {
	return header("Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret)))
}

func header(values ...string) http.Header { return http.Header{"Authorization": values} }

// TestSchemes holds T-021 to T-023: what is acceptable, and that everything else is refused as missing or wrong.
func TestSchemes(t *testing.T) {
	token, kept := NewToken(time.Now(), "")
	otherToken, otherKept := NewToken(time.Now(), "")
	offToken, offKept := NewToken(time.Now(), "")
	dir := &directory{accounts: []Account{
		{Name: "push", Party: "vendor", PasswordHash: cheapHash("s3cret"), Tokens: []Token{kept}, Revision: 1},
		{Name: "other", PasswordHash: cheapHash("grün:é"), Tokens: []Token{otherKept}, Revision: 1},
		{Name: "off", Disabled: true, PasswordHash: cheapHash("s3cret"), Tokens: []Token{offKept}, Revision: 1},
		{Name: "bare", Revision: 1},
		{Name: "odd", PasswordHash: "no hash", Revision: 1},
	}}
	a := New(dir, Options{})
	b64 := base64.StdEncoding.EncodeToString
	for name, tc := range map[string]struct {
		header http.Header
		want   string // account
		err    error
	}{
		"T-022: Basic with the password":                     {basicHeader("push", "s3cret"), "push", nil},
		"basic in lower case":                                {header("basic " + b64([]byte("push:s3cret"))), "push", nil},
		"BASIC in upper case, with more spaces":              {header("  BASIC   " + b64([]byte("push:s3cret")) + " "), "push", nil},
		"a password with a colon and letters beyond ASCII":   {basicHeader("other", "grün:é"), "other", nil},
		"the same password as ISO 8859-1":                    {header("Basic " + b64([]byte("other:gr\xfcn:\xe9"))), "other", nil},
		"Basic with a token as the password":                 {basicHeader("push", token), "push", nil},
		"Basic with another account's token":                 {basicHeader("push", otherToken), "", ErrWrong},
		"T-023: Bearer with a token":                         {header("Bearer " + token), "push", nil},
		"bearer in lower case":                               {header("bearer " + token), "push", nil},
		"Token with a token, as some clients say it":         {header("Token " + token), "push", nil},
		"TOKEN in upper case":                                {header("TOKEN " + token), "push", nil},
		"Bearer with a password":                             {header("Bearer s3cret"), "", ErrWrong},
		"Bearer with a token nobody has":                     {header("Bearer " + TokenPrefix + "x"), "", ErrWrong},
		"Bearer with the hash of a token":                    {header("Bearer " + kept.Hash), "", ErrWrong},
		"Bearer alone":                                       {header("Bearer"), "", ErrWrong},
		"Bearer with two tokens":                             {header("Bearer " + token + " " + token), "", ErrWrong},
		"a token of a disabled account":                      {header("Bearer " + offToken), "", ErrWrong},
		"T-021: no header":                                   {http.Header{}, "", ErrMissing},
		"an empty header":                                    {header(" "), "", ErrMissing},
		"T-021: a wrong password":                            {basicHeader("push", "guess"), "", ErrWrong},
		"T-021: an unknown scheme":                           {header("Digest username=push"), "", ErrWrong},
		"a user nobody knows":                                {basicHeader("nobody", "s3cret"), "", ErrWrong},
		"a user name in other case":                          {basicHeader("Push", "s3cret"), "", ErrWrong},
		"a disabled account with its password":               {basicHeader("off", "s3cret"), "", ErrWrong},
		"an account without a password":                      {basicHeader("bare", "x"), "", ErrWrong},
		"an account without a password, and an empty one":    {basicHeader("bare", ""), "", ErrWrong},
		"an account whose hash is damaged":                   {basicHeader("odd", "no hash"), "", ErrWrong},
		"an empty password":                                  {basicHeader("push", ""), "", ErrWrong},
		"a password longer than any":                         {basicHeader("push", strings.Repeat("x", MaxPassword+1)), "", ErrWrong},
		"Basic that is not base64":                           {header("Basic push:s3cret"), "", ErrWrong},
		"Basic without a colon":                              {header("Basic " + b64([]byte("push"))), "", ErrWrong},
		"Basic with a line break in the name":                {header("Basic " + b64([]byte("pu\nsh:s3cret"))), "", ErrWrong},
		"two Authorization headers, each of them acceptable": {header("Bearer "+token, "Bearer "+token), "", ErrWrong},
		"a header of many kilobytes":                         {header("Bearer " + strings.Repeat("x", maxHeader)), "", ErrWrong},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := a.Authenticate(context.Background(), tc.header, nil)
			if !errors.Is(err, tc.err) || got.Name != tc.want {
				t.Errorf("got %q, %v, want %q, %v", got.Name, err, tc.want, tc.err)
			}
		})
	}
}

// TestChallenge holds T-021: at least one challenge, and T-023: of registered schemes.
func TestChallenge(t *testing.T) {
	got := Challenge()
	if len(got) != 2 || !strings.HasPrefix(got[0], "Basic realm=") || !strings.HasPrefix(got[1], "Bearer realm=") {
		t.Errorf("challenges: got %q, want one for Basic and one for Bearer", got)
	}
}

func TestNobodyLearnsWhetherANameExists(t *testing.T) {
	dir := &directory{accounts: []Account{
		{Name: "push", PasswordHash: cheapHash("s3cret"), Revision: 1},
		{Name: "off", Disabled: true, PasswordHash: cheapHash("s3cret"), Revision: 1},
	}}
	a := New(dir, Options{})
	var first string
	for _, name := range []string{"push", "nobody", "off"} {
		_, err := a.Authenticate(context.Background(), basicHeader(name, "guess"), nil)
		if err == nil {
			t.Fatalf("%s with a wrong password: got in", name)
		}
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Errorf("%s: got %q, want the same as for a known name, %q", name, err, first)
		}
	}
	// Whoever is turned away has cost an argon2id and is remembered as refused.
	if got := len(a.refused.entries); got != 3 {
		t.Errorf("refused credentials: got %d, want 3", got)
	}
	if a.decoy.memory != hashMemory || a.decoy.passes != hashPasses || a.decoy.lanes != hashLanes {
		t.Errorf("the decoy costs %d KiB, %d passes, %d lanes: want what a new hash costs", a.decoy.memory, a.decoy.passes, a.decoy.lanes)
	}
}

func TestAVerifiedPasswordIsForgottenWhenTheAccountChanges(t *testing.T) {
	account := Account{Name: "push", PasswordHash: cheapHash("old"), Revision: 1}
	dir := &directory{accounts: []Account{account}}
	a := New(dir, Options{})
	try := func(password string) error {
		_, err := a.Authenticate(context.Background(), basicHeader("push", password), nil)
		return err
	}
	expect := func(when, password string, want error) {
		t.Helper()
		for range 2 { // the second time from memory
			if err := try(password); !errors.Is(err, want) {
				t.Errorf("%s, %q: got %v, want %v", when, password, err, want)
			}
		}
	}
	expect("at first", "old", nil)
	expect("at first", "new", ErrWrong)
	account.PasswordHash, account.Revision = cheapHash("new"), 2
	dir.set(account)
	expect("after a new password", "old", ErrWrong)
	expect("after a new password", "new", nil)
	account.Disabled, account.Revision = true, 3
	dir.set(account)
	expect("disabled", "new", ErrWrong)
	account.Disabled, account.Revision = false, 4
	dir.set(account)
	expect("enabled again", "new", nil)
	dir.set()
	expect("removed", "new", ErrWrong)
}

func TestAPasswordIsVerifiedOnce(t *testing.T) {
	dir := &directory{accounts: []Account{{Name: "push", PasswordHash: cheapHash("s3cret"), Revision: 1}}}
	a := New(dir, Options{Workers: 1})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := a.Authenticate(ctx, basicHeader("push", "s3cret"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(ctx, basicHeader("push", "guess"), nil); !errors.Is(err, ErrWrong) {
		t.Fatal(err)
	}
	a.workers <- struct{}{} // no worker is free: what is answered now was remembered
	if _, err := a.Authenticate(ctx, basicHeader("push", "s3cret"), nil); err != nil {
		t.Errorf("the right password again: %v", err)
	}
	if _, err := a.Authenticate(ctx, basicHeader("push", "guess"), nil); !errors.Is(err, ErrWrong) {
		t.Errorf("the wrong password again: got %v, want ErrWrong", err)
	}
	cancel()
	if _, err := a.Authenticate(ctx, basicHeader("push", "another"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("another password, by a caller who goes away: got %v, want that it waits until then", err)
	}
}

func TestTooManyPasswordsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := &directory{}
		a := New(dir, Options{Workers: 2, Queue: 3})
		// Both workers are held, so whoever comes waits.
		a.workers <- struct{}{}
		a.workers <- struct{}{}
		outcome := make(chan error, 10)
		for i := range 8 {
			go func() {
				_, err := a.Authenticate(context.Background(), basicHeader("nobody", fmt.Sprint("guess", i)), nil)
				outcome <- err
			}()
		}
		synctest.Wait()
		if got := len(outcome); got != 3 {
			t.Errorf("turned away: got %d, want 3 of 8 with 2 workers and 3 places to wait", got)
		}
		for range len(outcome) {
			if err := <-outcome; !errors.Is(err, ErrBusy) {
				t.Errorf("turned away with %v, want ErrBusy", err)
			}
		}
		<-a.workers
		<-a.workers
		for range 5 {
			if err := <-outcome; !errors.Is(err, ErrWrong) {
				t.Errorf("after the wait: got %v, want ErrWrong", err)
			}
		}
	})
}

func TestTheSameCredentialsShareOneVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := &directory{accounts: []Account{{Name: "push", PasswordHash: cheapHash("s3cret"), Revision: 1}}}
		a := New(dir, Options{Workers: 1, Queue: 1})
		a.workers <- struct{}{}
		outcome := make(chan error, 50)
		for range cap(outcome) {
			go func() {
				_, err := a.Authenticate(context.Background(), basicHeader("push", "s3cret"), nil)
				outcome <- err
			}()
		}
		synctest.Wait()
		if got := len(a.waiting); got != 1 {
			t.Errorf("verifications waiting: got %d, want 1", got)
		}
		<-a.workers
		for range cap(outcome) {
			if err := <-outcome; err != nil {
				t.Errorf("got %v, want to get in", err)
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory(3)
	key := func(i byte) credentialKey { return credentialKey{i} }
	state := remembered{known: true, revision: 1}
	for i := range byte(3) {
		m.put(key(i), state)
	}
	m.holds(key(0), state) // used, so it stays
	m.put(key(3), state)
	for i, want := range []bool{true, false, true, true} {
		if got := m.holds(key(byte(i)), state); got != want {
			t.Errorf("credentials %d: got %v, want %v", i, got, want)
		}
	}
	if m.holds(key(3), remembered{known: true, revision: 2}) {
		t.Error("remembered for another revision")
	}
	if len(m.entries) != 2 || m.order.Len() != 2 {
		t.Errorf("entries: got %d and %d, want 2", len(m.entries), m.order.Len())
	}
}

func certificate(t *testing.T, subject pkix.Name) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	draft := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: subject, NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, draft, draft, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestClientCertificates(t *testing.T) {
	feed := certificate(t, pkix.Name{CommonName: "feed", Organization: []string{"Vendor Ltd"}})
	pinned := certificate(t, pkix.Name{CommonName: "feed", Organization: []string{"Vendor Ltd"}})
	stranger := certificate(t, pkix.Name{CommonName: "stranger"})
	off := certificate(t, pkix.Name{CommonName: "off"})
	parse := func(s string) string {
		name, err := ParseCertificate(s)
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	dir := &directory{accounts: []Account{
		{Name: "by-subject", Certificates: []string{parse("CN=feed,O=Vendor Ltd")}},
		{Name: "by-print", Certificates: []string{parse(certificateNames(pinned)[0])}},
		{Name: "off", Disabled: true, Certificates: []string{parse("CN=off")}},
	}}
	a := New(dir, Options{})
	verified := func(c *x509.Certificate) *tls.ConnectionState {
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}, VerifiedChains: [][]*x509.Certificate{{c}}}
	}
	for name, tc := range map[string]struct {
		header http.Header
		state  *tls.ConnectionState
		want   string
		err    error
	}{
		"a certificate known by its subject":         {nil, verified(feed), "by-subject", nil},
		"the fingerprint goes before the subject":    {nil, verified(pinned), "by-print", nil},
		"a certificate that is nobody's":             {nil, verified(stranger), "", ErrWrong},
		"a certificate of a disabled account":        {nil, verified(off), "", ErrWrong},
		"one that was shown and not verified":        {nil, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{feed}}, "", ErrMissing},
		"TLS without one":                            {nil, &tls.ConnectionState{}, "", ErrMissing},
		"a wrong header beside a good certificate":   {basicHeader("by-subject", "x"), verified(feed), "", ErrWrong},
		"an unreadable header beside a good one too": {header("Digest x"), verified(feed), "", ErrWrong},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := a.Authenticate(context.Background(), tc.header, tc.state)
			if !errors.Is(err, tc.err) || got.Name != tc.want {
				t.Errorf("got %q, %v, want %q, %v", got.Name, err, tc.want, tc.err)
			}
		})
	}
}

func BenchmarkAuthenticateRemembered(b *testing.B) {
	dir := &directory{accounts: []Account{{Name: "push", PasswordHash: cheapHash("s3cret"), Revision: 1}}}
	a := New(dir, Options{})
	h := basicHeader("push", "s3cret")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(context.Background(), h, nil); err != nil {
			b.Fatal(err)
		}
	}
}
