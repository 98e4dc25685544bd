package tlsconf

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// ACME says that the server's certificate comes from an ACME server (RFC 8555), which sees at the server's own listener that the names
// are its (RFC 8737, TLS-ALPN-01). Whoever sets it accepts the terms of that server.
type ACME struct {
	Names     []string // of the server; the first is also for clients that name none
	Directory string   // URL of the ACME server's directory; "": Let's Encrypt
	CA        string   // file with the issuers of that server's own certificate, PEM; "": the system's
	Contact   string   // e-mail address that the ACME server may write to; may be empty
	Folder    string   // where account and certificates are kept
}

// Check returns an error if no certificate could come of it.
func (a ACME) Check() error {
	for _, name := range a.Names {
		if !strings.Contains(strings.Trim(name, "."), ".") || strings.ContainsAny(name, "*/: ") {
			return fmt.Errorf("%q is not a name that a certificate could be had for, want one such as taxii.example", name)
		}
	}
	return nil
}

// authority gets certificates and keeps the newest of the first name.
type authority struct {
	ACME
	manager *autocert.Manager
	leaf    atomic.Pointer[x509.Certificate]
}

func newAuthority(a ACME) (*authority, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	client := &acme.Client{DirectoryURL: a.Directory, HTTPClient: &http.Client{Timeout: time.Minute}, UserAgent: "accord"}
	if a.CA != "" {
		issuers, err := readIssuers(a.CA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		for _, issuer := range issuers {
			pool.AddCert(issuer)
		}
		client.HTTPClient.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}
	}
	return &authority{ACME: a, manager: &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(a.Folder), HostPolicy: autocert.HostWhitelist(a.Names...), Client: client, Email: a.Contact,
	}}, nil
}

// config is the configuration of a listener, whose certificate is fetched when the first client asks for it.
func (a *authority) config() *tls.Config {
	c := base()
	c.GetCertificate = a.certificate
	c.NextProtos = append(c.NextProtos, acme.ALPNProto)
	return c
}

func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName == "" {
		named := *hello
		named.ServerName = a.Names[0]
		hello = &named
	}
	cert, err := a.manager.GetCertificate(hello)
	if err == nil && strings.EqualFold(strings.TrimSuffix(hello.ServerName, "."), a.Names[0]) && !slices.Contains(hello.SupportedProtos, acme.ALPNProto) {
		leaf := cert.Leaf
		if leaf == nil {
			leaf, _ = x509.ParseCertificate(cert.Certificate[0])
		}
		if leaf != nil {
			a.leaf.Store(leaf)
		}
	}
	return cert, err
}

// Fetch gets the certificates of all names, unless they are there, and renews those that end soon. The listener must be served
// meanwhile. A Current without ACME has nothing to fetch.
func (c *Current) Fetch(ctx context.Context) error {
	if c.authority == nil {
		return nil
	}
	var failed []error
	for _, name := range c.authority.Names {
		if ctx.Err() != nil {
			break
		}
		hello := &tls.ClientHelloInfo{ServerName: name, CipherSuites: suites, SupportedCurves: []tls.CurveID{tls.CurveP256},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, SupportedVersions: []uint16{tls.VersionTLS13}}
		if _, err := c.authority.certificate(hello); err != nil {
			failed = append(failed, fmt.Errorf("get a certificate for %s: %w", name, err))
		}
	}
	return errors.Join(failed...)
}

// FromACME reports whether the certificate comes from an ACME server.
func (c *Current) FromACME() bool { return c.authority != nil }
