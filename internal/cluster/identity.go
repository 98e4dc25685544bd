package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
)

// Identity is who a node is: what DIR/cluster/identity.json has, with the keys beside it. All of it is secret but the names.
type Identity struct {
	Cluster uuid.UUID `json:"cluster"`
	Node    uint64    `json:"node"`
	Name    string    `json:"name"`
	Secret  []byte    `json:"secret"` // of the cluster

	// Follower says that the node has the log from another one, over HTTPS, and is none of Raft's.
	Follower bool `json:"follower,omitempty"`

	// Joining is the secret of the token, until the node is admitted.
	Joining []byte   `json:"joining,omitempty"`
	Peers   []string `json:"peers,omitempty"` // whom to ask then

	authority    *x509.Certificate
	authorityKey *ecdsa.PrivateKey
	key          *ecdsa.PrivateKey
	certificate  *x509.Certificate
}

// The files of a node's identity and its log, below the data folder.
const (
	folderName      = "cluster"
	identityName    = "identity.json"
	authorityName   = "ca.crt"
	authorityKeyFil = "ca.key"
	certificateName = "node.crt"
	keyName         = "node.key"
	logFolder       = "log"
	logName         = "log.db"
)

const (
	authorityLifetime   = 30 * 365 * 24 * time.Hour
	certificateLifetime = 365 * 24 * time.Hour
	certificateRenewal  = 120 * 24 * time.Hour // before its end
	certificateBackdate = 24 * time.Hour       // clocks differ
)

// LogPath returns where the log of a data folder is.
func LogPath(dir string) string { return filepath.Join(dir, logFolder, logName) }

// In reports whether a data folder belongs to a cluster.
func In(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, folderName, identityName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// newIdentity makes a cluster with its first node.
func newIdentity(name string, now time.Time) (*Identity, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	id := &Identity{Cluster: uuid.New(), Name: name, Secret: make([]byte, 32)}
	rand.Read(id.Secret)
	id.Node = newNodeID()
	var err error
	if id.authorityKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	text, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Accord cluster " + id.Cluster.String()},
		NotBefore: now.Add(-certificateBackdate), NotAfter: now.Add(authorityLifetime),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "Accord cluster " + id.Cluster.String()}}, id.authorityKey.Public(), id.authorityKey)
	if err != nil {
		return nil, err
	}
	if id.authority, err = x509.ParseCertificate(text); err != nil {
		return nil, err
	}
	if id.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	return id, id.certify(now)
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return n.Add(n, big.NewInt(1))
}

// newNodeID draws an id of a node: Raft's ids are not zero, and the largest are its own.
func newNodeID() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:])>>2 | 1
}

// certify makes the node's certificate, for the key that it has.
func (id *Identity) certify(now time.Time) (err error) {
	id.certificate, err = id.sign(id.Node, id.Name, id.key.Public(), now)
	return err
}

// sign makes a certificate for a node of the cluster.
func (id *Identity) sign(node uint64, name string, public any, now time.Time) (*x509.Certificate, error) {
	text, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-certificateBackdate), NotAfter: now.Add(certificateLifetime),
		DNSNames: []string{id.serverName()}, URIs: []*url.URL{nodeURI(id.Cluster, node)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, id.authority, public, id.authorityKey)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of %s: %w", name, err)
	}
	return x509.ParseCertificate(text)
}

// serverName is what the certificates of all nodes of a cluster are for.
func (id *Identity) serverName() string { return id.Cluster.String() + ".accord-cluster.internal" }

func nodeURI(cluster uuid.UUID, node uint64) *url.URL {
	return &url.URL{Scheme: "accord-cluster", Host: cluster.String(), Path: fmt.Sprintf("/%016x", node)}
}

// nodeOf returns which node of the cluster a certificate names. The caller has verified its issuer.
func (id *Identity) nodeOf(c *x509.Certificate) (node uint64, ok bool) {
	if len(c.URIs) != 1 {
		return 0, false
	}
	if _, err := fmt.Sscanf(c.URIs[0].Path, "/%016x", &node); err != nil {
		return 0, false
	}
	return node, c.URIs[0].String() == nodeURI(id.Cluster, node).String()
}

// keyDigest is how members name a public key.
func keyDigest(c *x509.Certificate) []byte {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return sum[:]
}

// authorityDigest is how tokens name the cluster's authority.
func (id *Identity) authorityDigest() [32]byte { return sha256.Sum256(id.authority.Raw) }

// logIdentity is what a log belongs to.
func (id *Identity) logIdentity() []byte {
	return binary.BigEndian.AppendUint64(append([]byte(nil), id.Cluster[:]...), id.Node)
}

// write writes all files of an identity; the JSON last, which makes the folder one of a cluster.
func (id *Identity) write(dir string) error {
	folder := filepath.Join(dir, folderName)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	authorityKey, err := x509.MarshalPKCS8PrivateKey(id.authorityKey)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		text []byte
	}{
		{authorityName, pemText("CERTIFICATE", id.authority.Raw)}, {authorityKeyFil, pemText("PRIVATE KEY", authorityKey)},
		{certificateName, pemText("CERTIFICATE", id.certificate.Raw)}, {keyName, pemText("PRIVATE KEY", key)},
		{identityName, append(text, '\n')},
	} {
		if err := writeFile(filepath.Join(folder, f.name), f.text); err != nil {
			return err
		}
	}
	return nil
}

func pemText(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// writeFile replaces a file as a whole, readable by its owner only, and makes it durable.
func writeFile(path string, text []byte) error {
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadIdentity reads who the node of a data folder is.
func ReadIdentity(dir string) (id *Identity, err error) {
	defer func() {
		if err != nil {
			id, err = nil, fmt.Errorf("read %s: %w", filepath.Join(dir, folderName), err)
		}
	}()
	read := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, folderName, name)) }
	text, err := read(identityName)
	if err != nil {
		return nil, err
	}
	id = &Identity{}
	if err := json.Unmarshal(text, id); err != nil {
		return nil, fmt.Errorf("%s: %w", identityName, err)
	}
	if id.authority, err = parseCertificate(read(authorityName)); err != nil {
		return nil, fmt.Errorf("%s: %w", authorityName, err)
	}
	if id.certificate, err = parseCertificate(read(certificateName)); err != nil {
		return nil, fmt.Errorf("%s: %w", certificateName, err)
	}
	if id.authorityKey, err = parseKey(read(authorityKeyFil)); err != nil {
		return nil, fmt.Errorf("%s: %w", authorityKeyFil, err)
	}
	if id.key, err = parseKey(read(keyName)); err != nil {
		return nil, fmt.Errorf("%s: %w", keyName, err)
	}
	if !id.key.PublicKey.Equal(id.certificate.PublicKey) || id.certificate.CheckSignatureFrom(id.authority) != nil {
		return nil, errors.New("its keys and certificates do not belong together")
	}
	if node, ok := id.nodeOf(id.certificate); !ok || node != id.Node {
		return nil, errors.New("its certificate is of another node or another cluster")
	}
	return id, nil
}

func parseCertificate(text []byte, err error) (*x509.Certificate, error) {
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it holds no PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

func parseKey(text []byte, err error) (*ecdsa.PrivateKey, error) {
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it holds no PEM")
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("it holds no ECDSA key")
	}
	return key, nil
}

// renew makes a new certificate if the one that the node has ends soon. It reports whether it did.
func (id *Identity) renew(dir string, now time.Time) (bool, error) {
	if now.Before(id.certificate.NotAfter.Add(-certificateRenewal)) {
		return false, nil
	}
	if err := id.certify(now); err != nil {
		return false, err
	}
	return true, writeFile(filepath.Join(dir, folderName, certificateName), pemText("CERTIFICATE", id.certificate.Raw))
}
