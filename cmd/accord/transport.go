package main

import (
	"context"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/internal/tlsconf"
)

// transport says how connections are protected.
type transport struct {
	listen      string // HOST:PORT
	files       tlsconf.Files
	plainHTTP   bool
	behindProxy bool
}

// check refuses what would send passwords in the clear, and combinations that mean nothing.
func (t transport) check() error {
	host, _, err := net.SplitHostPort(t.listen)
	if err != nil {
		return withHint(usageError("--listen %q is not HOST:PORT", t.listen), "for example 127.0.0.1:6100, [::1]:6100, or :6443 for every address")
	}
	withTLS := t.files.Cert != "" || t.files.Key != "" || t.files.ClientCA != ""
	switch {
	case t.plainHTTP && withTLS:
		return usageError("--plain-http and --tls-cert, --tls-key or --client-ca exclude each other")
	case t.plainHTTP && !isLoopback(host) && !t.behindProxy:
		return withHint(usageError("--plain-http is refused on %s: passwords would cross the network in the clear", t.listen),
			"give --tls-cert and --tls-key; or listen on 127.0.0.1; or say --behind-proxy if a proxy in front speaks TLS")
	case (t.files.Cert == "") != (t.files.Key == ""):
		return usageError("--tls-cert and --tls-key belong together: one of them is missing")
	case !t.plainHTTP && t.files.Cert == "" && !isLoopback(host):
		return withHint(usageError("listening on %s needs a certificate", t.listen),
			"give --tls-cert and --tls-key; a self-signed certificate is only made for loopback addresses")
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// certificate is the TLS configuration; nil for plain HTTP. selfSigned says that the certificate was made here, in the data
// folder.
func (t transport) certificate(dataDir string, now time.Time) (c *tlsconf.Current, selfSigned bool, err error) {
	if t.plainHTTP {
		return nil, false, nil
	}
	files := t.files
	if files.Cert == "" {
		made, err := tlsconf.SelfSigned(filepath.Join(dataDir, "tls"), now)
		if err != nil {
			return nil, false, err
		}
		files.Cert, files.Key, selfSigned = made.Cert, made.Key, true
	}
	c, err = tlsconf.NewCurrent(files)
	return c, selfSigned, err
}

// certificateInterval is how often the files of a certificate are looked at; SIGHUP has them read at once.
const certificateInterval = 5 * time.Second

// keepCertificate goes by the files of a certificate as long as the service runs: what renews it need not tell the server.
func (s *service) keepCertificate(c *tlsconf.Current) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer signal.Stop(hangup)
		tick := time.NewTicker(certificateInterval)
		defer tick.Stop()
		for {
			told := false
			select {
			case <-ended:
				return
			case <-tick.C:
			case <-hangup:
				told = true
			}
			changed, err := c.Refresh(told)
			if err != nil {
				s.config.log.Error().Err(err).Msg("the certificate could not be read again")
			} else if changed {
				print, _ := c.Fingerprint()
				s.config.log.Info().Str("sha256", print).Msg("the certificate was read again")
			}
		}
	}()
	s.stops = append(s.stops, func(context.Context) error {
		close(ended)
		<-done
		return nil
	})
}

// origin is the URL that clients on this machine reach l by, such as https://127.0.0.1:6443.
func origin(scheme, listen string, l net.Listener) string {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return scheme + "://" + l.Addr().String()
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
