package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestBoundsOfAnAddress(t *testing.T) {
	now := time.Now()
	a := Account{Name: "feed", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}}
	for address, want := range map[string]bool{"192.0.2.7": true, "::ffff:192.0.2.7": true, "2001:db8::1": true, "2001:db8::1%eth0": true,
		"192.0.3.1": false, "": false, "unknown": false, "2001:db9::1": false} {
		if got := a.Bounds(address, now) == nil; got != want {
			t.Errorf("from %q: %v", address, got)
		}
	}
}

// Bounds are judged after the credentials: a stranger learns nothing from them.
func TestBoundsAreNotToldToStrangers(t *testing.T) {
	dir := &directory{accounts: []Account{{Name: "feed", PasswordHash: cheapHash("s3cret"), Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Expires: time.Now().Add(-time.Hour)}}}
	a := New(dir, Options{})
	reason := func(password string) string {
		_, err := a.Authenticate(context.Background(), Request{Address: "198.51.100.1", Header: basicHeader("feed", password)}, nil)
		var wrong *WrongError
		if !errors.As(err, &wrong) {
			t.Fatalf("error %v", err)
		}
		return wrong.Reason
	}
	if got := reason("another"); got != "the user name or the password is wrong" {
		t.Errorf("with a wrong password: %s", got)
	}
	if got := reason("s3cret"); got != "the account has expired" {
		t.Errorf("with the right one: %s", got)
	}
}

func TestTokensOfOtherIssuers(t *testing.T) {
	asked := ""
	a := New(&directory{}, Options{Foreign: func(_ context.Context, token string) (Account, error) {
		asked = token
		if token == "a.good.one" {
			return Account{Name: "feed"}, nil
		}
		return Account{}, &WrongError{Reason: "no"}
	}})
	for _, tc := range []struct {
		header  http.Header
		account string
		asked   string
	}{
		{header("Bearer a.good.one"), "feed", "a.good.one"},
		{header("Bearer a.bad.one"), "", "a.bad.one"},
		{header("Bearer opaque"), "", ""},
		{header("Bearer " + TokenPrefix + "a.b.c"), "", TokenPrefix + "a.b.c"},
		{basicHeader("feed", "a.good.one"), "", ""},
		{header("Bearer a.good." + strings.Repeat("x", maxBearer)), "", ""},
	} {
		asked = ""
		account, err := a.login(context.Background(), tc.header, nil)
		if account.Name != tc.account || (err == nil) != (tc.account != "") || asked != tc.asked {
			t.Errorf("%.40v: account %q, asked %.40q, %v", tc.header, account.Name, asked, err)
		}
	}
}

func TestAnAccountThatNeedsBoth(t *testing.T) {
	feed, other := certificate(t, pkix.Name{CommonName: "feed"}), certificate(t, pkix.Name{CommonName: "other"})
	dir := &directory{accounts: []Account{
		{Name: "feed", PasswordHash: cheapHash("s3cret"), Certificates: []string{"CN=feed"}, Both: true},
		{Name: "other", PasswordHash: cheapHash("s3cret"), Certificates: []string{"CN=other"}},
	}}
	a := New(dir, Options{})
	shows := func(c *x509.Certificate) *tls.ConnectionState {
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}, VerifiedChains: [][]*x509.Certificate{{c}}}
	}
	for name, tc := range map[string]struct {
		header http.Header
		state  *tls.ConnectionState
		want   string
	}{
		"both":                          {basicHeader("feed", "s3cret"), shows(feed), "feed"},
		"the password alone":            {basicHeader("feed", "s3cret"), nil, ""},
		"the certificate alone":         {nil, shows(feed), ""},
		"a wrong password":              {basicHeader("feed", "wrong"), shows(feed), ""},
		"another account's certificate": {basicHeader("feed", "s3cret"), shows(other), ""},
		"an account that needs one":     {basicHeader("other", "s3cret"), nil, "other"},
	} {
		got, err := a.login(context.Background(), tc.header, tc.state)
		if got.Name != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s: account %q, %v", name, got.Name, err)
		}
	}
	if err := a.Admit(dir.accounts[0], "192.0.2.1"); !errors.Is(err, ErrWrong) {
		t.Errorf("at the console: %v", err)
	}
}
