package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/store"
)

// Bounds of one sending.
const (
	sendTime   = 15 * time.Second // until the answer has come
	dialTime   = 5 * time.Second
	mostAnswer = 64 << 10 // bytes of an answer's body that are read, and dropped
	mostHeader = 32 << 10
	mostURL    = 2048
)

// CheckURL says what is wrong with a receiver's address, as far as its text shows: https, or http on this machine. Where it
// leads is checked when it is connected to.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("%q is not the address of a receiver, expected https://HOST/PATH", text)
	case len(text) > mostURL:
		return fmt.Errorf("the address of the receiver has %d characters, at most %d are kept", len(text), mostURL)
	case u.User != nil || u.Fragment != "":
		return errors.New("the address of a receiver has neither user nor fragment: messages are signed")
	case u.Scheme == "http" && !loopbackName(u.Hostname()) || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the address %s of a receiver must be https", u.Redacted())
	}
	return nil
}

// loopbackName reports whether a host is this machine by its name alone.
func loopbackName(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// AddressError says that a receiver is at an address where messages are not sent to.
type AddressError struct {
	Host   string
	Reason string
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("%s: %s; accord serve --webhook-allow %s allows it", e.Host, e.Reason, e.Host)
}

// allowed lists hosts that may be private.
type allowed []string

func (a allowed) has(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return slices.ContainsFunc(a, func(one string) bool { return strings.EqualFold(strings.TrimSuffix(one, "."), host) })
}

// newClient returns a client that connects to public addresses only, by https, except for the allowed hosts. The address is
// checked when it is connected to, after the name was resolved: what was resolved earlier does not count. No proxy is used and
// no redirect followed.
func newClient(hosts allowed, roots *x509.CertPool) *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		exempt := hosts.has(host)
		dialer := net.Dialer{Timeout: dialTime, Control: func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			if !exempt && !public(at.Addr()) {
				return &AddressError{host, "it is an address within, not a public one"}
			}
			if ctx.Value(plainKey{}) != nil && !at.Addr().Unmap().IsLoopback() {
				return &AddressError{host, "plain http is for this machine alone"}
			}
			return nil
		}}
		return dialer.DialContext(ctx, network, address)
	}
	return &http.Client{
		Timeout: sendTime,
		Transport: &http.Transport{
			Proxy: nil, DialContext: dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout: dialTime, MaxResponseHeaderBytes: mostHeader, MaxIdleConns: 64, MaxIdleConnsPerHost: 1,
			IdleConnTimeout: 30 * time.Second, DisableCompression: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// plainKey is the key, in a request's context, of the fact that it is sent by plain http.
type plainKey struct{}

// special are networks that are unicast and not private, and yet not public.
var special = func() (list []netip.Prefix) {
	for _, text := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "fec0::/10"} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}()

// public reports whether an address can be reached from the Internet. IPv6 addresses that stand for an IPv4 one
// count as that (RFC 6052, RFC 3056).
func public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if b := ip.As16(); ip.Is6() {
		switch {
		case netip.MustParsePrefix("64:ff9b::/96").Contains(ip):
			ip = netip.AddrFrom4([4]byte(b[12:16]))
		case netip.MustParsePrefix("2002::/16").Contains(ip):
			ip = netip.AddrFrom4([4]byte(b[2:6]))
		}
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// errRedirect says that a receiver answered with a redirect.
var errRedirect = errors.New("the receiver redirects, which is not followed: give the address that it redirects to")

// post sends a message once and returns the status of the answer; an error if there was none.
func (s *Service) post(ctx context.Context, w store.Webhook, id string, body []byte) (status int, after time.Duration, err error) {
	if err := CheckURL(w.URL); err != nil {
		return 0, 0, err
	}
	u, _ := url.Parse(w.URL)
	if u.Scheme == "http" {
		if !s.allowed.has(u.Hostname()) {
			return 0, 0, &AddressError{u.Hostname(), "plain http is for allowed hosts alone"}
		}
		ctx = context.WithValue(ctx, plainKey{}, true)
	}
	at := s.config.Now()
	signature, err := Signature(w, id, at, body)
	if err != nil {
		return 0, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"accord-webhook"},
		"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Webhook-Signature": {signature},
	}
	req.Header["Idempotency-Key"] = nil // not sent: a connection that the receiver has just closed is replaced, not a failure
	resp, err := s.client.Do(req)
	if err != nil {
		var failed *url.Error // it repeats the address, which may hold a secret of the receiver's
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return 0, 0, err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, mostAnswer)) // so that the connection can be used again
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); err == nil {
		after = time.Duration(seconds) * time.Second
	}
	if resp.StatusCode/100 == 3 {
		return resp.StatusCode, 0, errRedirect
	}
	return resp.StatusCode, after, nil
}
