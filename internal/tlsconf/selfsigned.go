package tlsconf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The life of a self-signed certificate, and when it is replaced by a new one before that is over.
const (
	selfSignedLife  = 2 * 365 * 24 * time.Hour
	selfSignedRenew = 30 * 24 * time.Hour
)

// SelfSigned returns the files of a certificate for localhost, 127.0.0.1 and ::1, kept in dir and made when there is
// none that is still good. No client trusts it by default: it is for trials on one machine.
func SelfSigned(dir string, now time.Time) (Files, error) {
	f := Files{Cert: filepath.Join(dir, "selfsigned.crt"), Key: filepath.Join(dir, "selfsigned.key")}
	if stillGood(f, now) {
		return f, nil
	}
	if err := makeSelfSigned(f, now); err != nil {
		return Files{}, fmt.Errorf("make a self-signed certificate in %s: %w", dir, err)
	}
	return f, nil
}

// stillGood says whether a certificate is there, fits its key and lasts a while. A crash between writing the two leaves a
// pair that does not fit, and so a new one is made.
func stillGood(f Files, now time.Time) bool {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	return err == nil && pair.Leaf != nil && now.Add(selfSignedRenew).Before(pair.Leaf.NotAfter) && !now.Before(pair.Leaf.NotBefore)
}

func makeSelfSigned(f Files, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Accord, self-signed"},
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(selfSignedLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.Cert), 0o700); err != nil {
		return err
	}
	if err := writePEM(f.Key, "PRIVATE KEY", secret); err != nil {
		return err
	}
	return writePEM(f.Cert, "CERTIFICATE", cert)
}

// writePEM writes a file that only its owner can read. A file of that name is replaced, not written into: it keeps neither
// its content nor its permissions.
func writePEM(path, kind string, der []byte) error {
	fresh := path + ".new"
	if err := os.WriteFile(fresh, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return err
	}
	if err := os.Chmod(fresh, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
