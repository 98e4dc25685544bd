// Package tlsconf makes the TLS configuration that Accord serves with: TLS 1.2 and 1.3 and no older version, of TLS 1.2 only
// suites with forward secrecy and authenticated encryption, client certificates when their issuers are named, and a
// self-signed certificate for trying things out on one machine.
//
// It refuses to make weaker choices configurable and to hand out a certificate for anything but the loopback addresses.
// Whom a client certificate belongs to is decided in package auth. Start reading at [Config].
package tlsconf
