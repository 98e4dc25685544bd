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

// login authenticates a request without an address.
func (a *Authenticator) login(ctx context.Context, header http.Header, state *tls.ConnectionState) (Account, error) {
	return a.Authenticate(ctx, Request{Header: header, TLS: state}, nil)
}

// hold takes all workers of a queue until release is called.
func (q *queue) hold() (release func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.free
	q.free = 0
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.free += n
		q.dispatch()
	}
}

// cheapHash returns a hash at the lowest cost that is accepted, so that tests are quick.
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
		"Bearer with an unknown token":                       {header("Bearer " + TokenPrefix + "x"), "", ErrWrong},
		"Bearer with the hash of a token":                    {header("Bearer " + kept.Hash), "", ErrWrong},
		"Bearer alone":                                       {header("Bearer"), "", ErrWrong},
		"Bearer with two tokens":                             {header("Bearer " + token + " " + token), "", ErrWrong},
		"a token of a disabled account":                      {header("Bearer " + offToken), "", ErrWrong},
		"T-021: no header":                                   {http.Header{}, "", ErrMissing},
		"an empty header":                                    {header(" "), "", ErrMissing},
		"T-021: a wrong password":                            {basicHeader("push", "guess"), "", ErrWrong},
		"T-021: an unknown scheme":                           {header("Digest username=push"), "", ErrWrong},
		"an unknown user":                                    {basicHeader("nobody", "s3cret"), "", ErrWrong},
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
			got, err := a.login(context.Background(), tc.header, nil)
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
		_, err := a.login(context.Background(), basicHeader(name, "guess"), nil)
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
	// Each refusal has cost an argon2id and is remembered.
	if got := len(a.refused.Keys()); got != 3 {
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
		_, err := a.login(context.Background(), basicHeader("push", password), nil)
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
	if _, err := a.login(ctx, basicHeader("push", "s3cret"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := a.login(ctx, basicHeader("push", "guess"), nil); !errors.Is(err, ErrWrong) {
		t.Fatal(err)
	}
	a.queue.hold() // no worker is free: what is answered now was remembered
	if _, err := a.login(ctx, basicHeader("push", "s3cret"), nil); err != nil {
		t.Errorf("the right password again: %v", err)
	}
	if _, err := a.login(ctx, basicHeader("push", "guess"), nil); !errors.Is(err, ErrWrong) {
		t.Errorf("the wrong password again: got %v, want ErrWrong", err)
	}
	cancel()
	if _, err := a.login(ctx, basicHeader("push", "another"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("another password, by a caller who goes away: got %v, want that it waits until then", err)
	}
}

func TestTooManyPasswordsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := &directory{}
		a := New(dir, Options{Workers: 2, Waiting: 5})
		release := a.queue.hold()
		outcome := make(chan error, 10)
		for i := range 8 {
			go func() {
				_, err := a.login(context.Background(), basicHeader("nobody", fmt.Sprint("guess", i)), nil)
				outcome <- err
			}()
		}
		time.Sleep(2 * refusedAfter)
		if got := len(outcome); got != 3 {
			t.Errorf("turned away: got %d, want 3 of 8 with 5 places to wait", got)
		}
		for range len(outcome) {
			if err := <-outcome; !errors.Is(err, ErrBusy) {
				t.Errorf("turned away with %v, want ErrBusy", err)
			}
		}
		release()
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
		a := New(dir, Options{Workers: 1})
		release := a.queue.hold()
		outcome := make(chan error, 50)
		for range cap(outcome) {
			go func() {
				_, err := a.login(context.Background(), basicHeader("push", "s3cret"), nil)
				outcome <- err
			}()
		}
		synctest.Wait()
		if got := len(a.queue.waiting); got != 1 {
			t.Errorf("verifications waiting: got %d, want 1", got)
		}
		release()
		for range cap(outcome) {
			if err := <-outcome; err != nil {
				t.Errorf("got %v, want to get in", err)
			}
		}
	})
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
		"an unknown certificate":                     {nil, verified(stranger), "", ErrWrong},
		"a certificate of a disabled account":        {nil, verified(off), "", ErrWrong},
		"one that was shown and not verified":        {nil, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{feed}}, "", ErrMissing},
		"TLS without one":                            {nil, &tls.ConnectionState{}, "", ErrMissing},
		"a wrong header beside a good certificate":   {basicHeader("by-subject", "x"), verified(feed), "", ErrWrong},
		"an unreadable header beside a good one too": {header("Digest x"), verified(feed), "", ErrWrong},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := a.login(context.Background(), tc.header, tc.state)
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
		if _, err := a.login(context.Background(), h, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// authority is a CA that signs client certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	draft := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	raw, err := x509.CreateCertificate(rand.Reader, draft, draft, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

// sign returns the state of a connection with a certificate from the authority.
func (a authority) sign(t *testing.T, serial int64, draft *x509.Certificate) *tls.ConnectionState {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	draft.SerialNumber, draft.NotAfter = big.NewInt(serial), time.Now().Add(time.Hour)
	raw, err := x509.CreateCertificate(rand.Reader, draft, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert, a.cert}}}
}

// A listed authority can sign any subject, so a subject alone counts only if a single authority can have signed it.
func TestARivalsAuthorityIsNoVendor(t *testing.T) {
	vendor, rival, own := newAuthority(t, "Vendor CA"), newAuthority(t, "Rival CA"), newAuthority(t, "Agency CA")
	subject := pkix.Name{CommonName: "feed", Organization: []string{"Vendor Ltd"}}
	feed := func(a authority) *tls.ConnectionState { return a.sign(t, 7, &x509.Certificate{Subject: subject}) }
	agency := func(a authority) *tls.ConnectionState {
		return a.sign(t, 8, &x509.Certificate{Subject: pkix.Name{CommonName: "siem"}, DNSNames: []string{"siem.agency.example"}})
	}
	twice := func(a authority) *tls.ConnectionState {
		return a.sign(t, 9, &x509.Certificate{Subject: pkix.Name{CommonName: "feed", ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: []int{2, 5, 4, 3}, Value: "feed"}, {Type: []int{2, 5, 4, 3}, Value: "admin"}}}})
	}
	revoked := func(next time.Duration) *x509.RevocationList {
		raw, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(next),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(7), RevocationTime: time.Now()}}}, vendor.cert, vendor.key)
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(raw)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	type certs = []*x509.Certificate
	both, one := certs{vendor.cert, rival.cert}, certs{vendor.cert}
	ofAgency := map[string][]*x509.Certificate{"agency": {own.cert}}
	key := func(state *tls.ConnectionState) string { return certificateNames(state.PeerCertificates[0])[1] }
	pinned := feed(rival)
	for _, row := range []struct {
		name, certificate string
		trust             *Trust
		state             *tls.ConnectionState
		ok                bool
	}{
		{"a subject alone, with one authority", "CN=feed,O=Vendor Ltd", NewTrust(one, nil, nil), feed(vendor), true},
		{"a subject alone, with two", "CN=feed,O=Vendor Ltd", NewTrust(both, nil, nil), feed(vendor), false},
		{"the rival's, with two", "CN=feed,O=Vendor Ltd", NewTrust(both, nil, nil), feed(rival), false},
		{"issuer and subject", "CN=feed,O=Vendor Ltd issuer:CN=Vendor CA", NewTrust(both, nil, nil), feed(vendor), true},
		{"issuer and subject, from the rival", "CN=feed,O=Vendor Ltd issuer:CN=Vendor CA", NewTrust(both, nil, nil), feed(rival), false},
		{"issuer and subject, from a rival of the same name", "CN=feed,O=Vendor Ltd issuer:CN=Vendor CA", NewTrust(certs{vendor.cert, newAuthority(t, "Vendor CA").cert}, nil, nil), feed(vendor), false},
		{"the fingerprint of the key", key(pinned), NewTrust(both, nil, nil), pinned, true},
		{"an alternative name, with one authority", "dns:siem.agency.example", NewTrust(one, nil, nil), agency(vendor), true},
		{"an alternative name, with two", "dns:siem.agency.example", NewTrust(both, nil, nil), agency(vendor), false},
		{"a subject alone, from its party's authority", "CN=siem", NewTrust(both, ofAgency, nil), agency(own), true},
		{"a subject alone, of a party with an authority, from the server's", "CN=siem", NewTrust(one, ofAgency, nil), agency(vendor), false},
		{"a repeated attribute", "CN=feed", NewTrust(one, nil, nil), twice(vendor), false},
		{"an authority that was removed", "CN=feed,O=Vendor Ltd", NewTrust(certs{rival.cert}, nil, nil), feed(vendor), false},
		{"a revoked certificate", "CN=feed,O=Vendor Ltd", NewTrust(one, nil, []*x509.RevocationList{revoked(time.Hour)}), feed(vendor), false},
		{"one that is not on the list", "CN=siem", NewTrust(one, nil, []*x509.RevocationList{revoked(time.Hour)}), agency(vendor), true},
		{"a list that is out of date", "CN=siem", NewTrust(one, nil, []*x509.RevocationList{revoked(-time.Minute)}), agency(vendor), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			name, err := ParseCertificate(row.certificate)
			if err != nil {
				t.Fatal(err)
			}
			a := New(&directory{accounts: []Account{{Name: "x", Party: "agency", Certificates: []string{name}}}}, Options{Trust: func() *Trust { return row.trust }})
			got, err := a.login(t.Context(), nil, row.state)
			if (err == nil) != row.ok || row.ok && got.Name != "x" || !row.ok && !errors.Is(err, ErrWrong) {
				t.Errorf("got %q, %v, want in: %t", got.Name, err, row.ok)
			}
		})
	}
	other := New(&directory{accounts: []Account{{Name: "x", Party: "vendor", Certificates: []string{"CN=siem issuer:CN=Agency CA"}}}},
		Options{Trust: func() *Trust { return NewTrust(one, ofAgency, nil) }})
	if got, err := other.login(t.Context(), nil, agency(own)); err == nil {
		t.Errorf("a party's authority let in %q of another party", got.Name)
	}
}

func TestATokenEnds(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	plain, token := NewToken(now, "sensor")
	token.Expires = now.AddDate(0, 0, 90)
	dir := &directory{accounts: []Account{{Name: "push", Tokens: []Token{token}}}}
	a := New(dir, Options{Now: func() time.Time { return now }})
	if _, err := a.login(t.Context(), header("Bearer "+plain), nil); err != nil {
		t.Errorf("before its end: %v", err)
	}
	if got := a.logins.TokenUsed(token.ID); !got.Equal(now) {
		t.Errorf("last used: got %v, want %v", got, now)
	}
	now = token.Expires
	if _, err := a.login(t.Context(), header("Bearer "+plain), nil); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("at its end: got %v, want it refused as expired", err)
	}
}
