package cluster

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
)

// What connections speak, by ALPN.
const (
	protocolLog  = "accord-log/1"
	protocolHTTP = "http/1.1"
)

// credentials make the TLS configurations of a node. Only TLS 1.3, and certificates of the cluster's authority.
type credentials struct {
	identity *Identity
	own      atomic.Pointer[tls.Certificate]
	members  func() *Members
}

func newCredentials(id *Identity, members func() *Members) *credentials {
	c := &credentials{identity: id, members: members}
	c.renewed()
	return c
}

// renewed takes the certificate that the identity has now.
func (c *credentials) renewed() {
	id := c.identity
	c.own.Store(&tls.Certificate{Certificate: [][]byte{id.certificate.Raw, id.authority.Raw}, PrivateKey: id.key, Leaf: id.certificate})
}

func (c *credentials) authorities() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.identity.authority)
	return pool
}

// server is the configuration of the listener. A client without a certificate may only join: see peerOf.
func (c *credentials) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protocolLog, protocolHTTP},
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: c.authorities(),
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.own.Load(), nil },
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 && s.NegotiatedProtocol != protocolLog {
				return nil
			}
			_, err := c.peerOf(s)
			return err
		},
	}
}

// client is the configuration of a connection to a member.
func (c *credentials) client(to uint64, protocol string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protocol}, RootCAs: c.authorities(), ServerName: c.identity.serverName(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.own.Load(), nil },
		VerifyConnection: func(s tls.ConnectionState) error {
			got, err := c.peerOf(s)
			if err == nil && got.ID != to {
				err = fmt.Errorf("the node %s answers at the address of another node", got.Name)
			}
			return err
		},
	}
}

// clientOf is the configuration of a connection to the routes of a member, which has the key that the caller knows: the members of
// this node may have been made up.
func (c *credentials) clientOf(to Member) *tls.Config {
	config := c.client(to.ID, protocolHTTP)
	config.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.VerifiedChains) == 0 || len(s.PeerCertificates) == 0 {
			return errNotMember
		}
		leaf := s.PeerCertificates[0]
		if node, ok := c.identity.nodeOf(leaf); !ok || node != to.ID || !bytes.Equal(to.Key, keyDigest(leaf)) {
			return fmt.Errorf("at the address of the node %s: %w, or of another one", to.Name, errNotMember)
		}
		return nil
	}
	return config
}

// errNotMember says that a certificate is of no member: of a node that was removed, or a forged one.
var errNotMember = errors.New("the certificate is of no node of this cluster")

// peerOf returns the member at the other end of a connection. A certificate of the authority is not enough: the key must be
// the one that the log has for the node that the certificate names.
func (c *credentials) peerOf(s tls.ConnectionState) (Member, error) {
	if len(s.VerifiedChains) == 0 || len(s.PeerCertificates) == 0 {
		return Member{}, errNotMember
	}
	leaf := s.PeerCertificates[0]
	node, ok := c.identity.nodeOf(leaf)
	if !ok {
		return Member{}, errNotMember
	}
	m, ok := c.members().Node(node)
	if !ok || !bytes.Equal(m.Key, keyDigest(leaf)) {
		return Member{}, errNotMember
	}
	return m, nil
}

// joinerTLS is the configuration of a node that has a token and no certificate yet: it knows the authority by its digest, and the member
// by that of its key; nil: it takes any node's.
func joinerTLS(authority [32]byte, key []byte) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protocolHTTP},
		InsecureSkipVerify: true, // VerifyConnection verifies, against an authority that comes with the certificate
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) != 2 || sha256.Sum256(s.PeerCertificates[1].Raw) != authority {
				return errors.New("the server at that address does not belong to the cluster of the token")
			}
			roots := x509.NewCertPool()
			roots.AddCert(s.PeerCertificates[1])
			leaf := s.PeerCertificates[0]
			if key != nil && !bytes.Equal(key, keyDigest(leaf)) {
				return errors.New("the server at that address is not the node that the token names")
			}
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
			return err
		},
	}
}
