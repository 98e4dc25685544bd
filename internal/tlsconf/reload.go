package tlsconf

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Current is a configuration that goes by its files: connections that begin after a change get the new one, those that
// are open stay as they are.
type Current struct {
	files Files
	now   atomic.Pointer[tls.Config]

	mu   sync.Mutex
	seen [3]stamp // guarded by mu: the files as they were when they were last read
}

// stamp tells a changed file from the same one.
type stamp struct {
	size     int64
	modified time.Time
	inode    uint64 // a new file may have the old one's time
}

// NewCurrent reads the files.
func NewCurrent(f Files) (*Current, error) {
	c := &Current{files: f, seen: f.stamps()}
	config, err := Config(f)
	if err != nil {
		return nil, err
	}
	c.now.Store(config)
	return c, nil
}

// Config is the configuration of a listener.
func (c *Current) Config() *tls.Config {
	outer := c.now.Load().Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.now.Load(), nil }
	return outer
}

// Fingerprint is that of the certificate as it is now.
func (c *Current) Fingerprint() (string, error) { return Fingerprint(c.now.Load()) }

// Refresh reads the files again if one of them has changed, or if force is set, and says whether it did. With an error the
// configuration stays as it was; it is not tried again before a file changes.
func (c *Current) Refresh(force bool) (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.files.stamps()
	if now == c.seen && !force {
		return false, nil
	}
	c.seen = now
	config, err := Config(c.files)
	if err != nil {
		return false, fmt.Errorf("go on with the certificate as it was: %w", err)
	}
	c.now.Store(config)
	return true, nil
}

func (f Files) stamps() (list [3]stamp) {
	for i, path := range []string{f.Cert, f.Key, f.ClientCA} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			list[i] = stamp{size: info.Size(), modified: info.ModTime()}
			if s, ok := info.Sys().(*syscall.Stat_t); ok {
				list[i].inode = s.Ino
			}
		}
	}
	return list
}
