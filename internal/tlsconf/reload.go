package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Current is a configuration that follows its files: connections that begin after a change get the new one, those that
// are open stay as they are.
type Current struct {
	files     Files
	authority *authority // nil: the certificate is in files
	now       atomic.Pointer[Loaded]

	mu    sync.Mutex
	stamp [4]stamp // guarded by mu: the files as they were when they were last read
}

// Loaded is what the files hold at one time. It does not change.
type Loaded struct {
	Issuers []*x509.Certificate // of client certificates
	Revoked []*x509.RevocationList

	config    *tls.Config // without client certificates
	authority *authority  // nil: the certificate is in config
}

// Certificate is the server's own; nil: none has come from the ACME server yet.
func (l *Loaded) Certificate() *x509.Certificate {
	if l.authority != nil {
		return l.authority.leaf.Load()
	}
	return l.config.Certificates[0].Leaf
}

// stamp tells a changed file from the same one.
type stamp struct {
	size     int64
	modified time.Time
	inode    uint64 // a new file may have the old one's time
}

// NewCurrent reads the files.
func NewCurrent(f Files) (*Current, error) {
	c := &Current{files: f, stamp: f.stamps()}
	if f.ACME != nil {
		var err error
		if c.authority, err = newAuthority(*f.ACME); err != nil {
			return nil, err
		}
	}
	loaded, err := c.load()
	if err != nil {
		return nil, err
	}
	c.now.Store(loaded)
	return c, nil
}

func (c *Current) load() (*Loaded, error) {
	f, l := c.files, Loaded{authority: c.authority}
	var err error
	if c.authority != nil {
		l.config = c.authority.config()
	} else if l.config, err = config(f); err != nil {
		return nil, err
	}
	if l.Issuers, err = readIssuers(f.ClientCA); err != nil {
		return nil, err
	}
	l.Revoked, err = readRevoked(f.ClientCRL)
	return &l, err
}

// Loaded returns what the files held when they were last read.
func (c *Current) Loaded() *Loaded { return c.now.Load() }

// Config is the configuration of a listener. more, if not nil, returns further issuers of client certificates.
func (c *Current) Config(more func() []*x509.Certificate) *tls.Config {
	outer := c.now.Load().config.Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		loaded := c.now.Load()
		issuers := loaded.Issuers
		if more != nil {
			issuers = append(issuers[:len(issuers):len(issuers)], more()...)
		}
		if len(issuers) == 0 {
			return loaded.config, nil
		}
		config := loaded.config.Clone()
		verifyClients(config, issuers)
		return config, nil
	}
	return outer
}

// Fingerprint is that of the certificate as it is now.
func (c *Current) Fingerprint() (string, error) { return Fingerprint(c.now.Load().config) }

// Refresh reads the files again if one of them has changed, or if force is set, and reports whether it did. With an error
// the configuration stays as it was; it is not tried again before a file changes.
func (c *Current) Refresh(force bool) (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.files.stamps()
	if now == c.stamp && !force {
		return false, nil
	}
	c.stamp = now
	loaded, err := c.load()
	if err != nil {
		return false, fmt.Errorf("go on with the certificates as they were: %w", err)
	}
	c.now.Store(loaded)
	return true, nil
}

func (f Files) stamps() (list [4]stamp) {
	for i, path := range []string{f.Cert, f.Key, f.ClientCA, f.ClientCRL} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			list[i] = stamp{size: info.Size(), modified: info.ModTime(), inode: inodeOf(info)}
		}
	}
	return list
}
