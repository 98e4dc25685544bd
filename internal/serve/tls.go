package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/internal/tlsconf"
)

// Transport says where clients connect and how their connections are protected.
type Transport struct {
	Listen      string // HOST:PORT
	Files       tlsconf.Files
	PlainHTTP   bool
	BehindProxy bool // a proxy in front speaks TLS with clients
}

// A ConfigError says that a Config cannot be used as it is. It speaks in the flags of accord serve.
type ConfigError struct {
	Message string
	Hint    string // what to do instead; may be empty
}

func (e *ConfigError) Error() string { return e.Message }

// Check refuses what would send passwords in the clear, and combinations that mean nothing. Its errors are ConfigErrors.
func (t Transport) Check() error {
	host, _, err := net.SplitHostPort(t.Listen)
	if err != nil {
		return &ConfigError{fmt.Sprintf("--listen %q is not HOST:PORT", t.Listen), "for example 127.0.0.1:6100, [::1]:6100, or :6443 for every address"}
	}
	withTLS := t.Files.Cert != "" || t.Files.Key != "" || t.Files.ClientCA != "" || t.Files.ClientCRL != ""
	switch {
	case t.Files.ACME != nil && (t.PlainHTTP || t.Files.Cert != "" || t.Files.Key != ""):
		return &ConfigError{"--acme-name and --plain-http, --tls-cert or --tls-key exclude each other", ""}
	case t.Files.ACME != nil:
		if err := t.Files.ACME.Check(); err != nil {
			return &ConfigError{"--acme-name: " + err.Error(), ""}
		}
	case t.PlainHTTP && withTLS:
		return &ConfigError{"--plain-http and --tls-cert, --tls-key, --client-ca or --client-crl exclude each other", ""}
	case t.PlainHTTP && !isLoopback(host) && !t.BehindProxy:
		return &ConfigError{fmt.Sprintf("--plain-http is refused on %s: passwords would cross the network in the clear", t.Listen),
			"give --tls-cert and --tls-key; or listen on 127.0.0.1; or say --behind-proxy if a proxy in front speaks TLS"}
	case (t.Files.Cert == "") != (t.Files.Key == ""):
		return &ConfigError{"--tls-cert and --tls-key belong together: one of them is missing", ""}
	case !t.PlainHTTP && t.Files.Cert == "" && !isLoopback(host):
		return &ConfigError{fmt.Sprintf("listening on %s needs a certificate", t.Listen),
			"give --tls-cert and --tls-key, or --acme-name; a self-signed certificate is only made for loopback addresses"}
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

// readCertificate reads the TLS configuration, unless the transport is plain HTTP. On a loopback address without a
// certificate, it makes a self-signed one in the data folder.
func (s *srv) readCertificate(context.Context) (stop, error) {
	t := s.config.Transport
	if t.PlainHTTP {
		return nil, nil
	}
	files := t.Files
	if files.ACME != nil {
		own := *files.ACME
		own.Folder = filepath.Join(s.config.DataDir, "acme")
		files.ACME = &own
		s.certificateFile = own.Folder
	} else if files.Cert == "" {
		made, err := tlsconf.SelfSigned(filepath.Join(s.config.DataDir, "tls"), s.config.Now())
		if err != nil {
			return nil, err
		}
		files.Cert, files.Key, s.selfSigned = made.Cert, made.Key, true
	}
	if files.ACME == nil {
		s.certificateFile = files.Cert
	}
	var err error
	s.certificate, err = tlsconf.NewCurrent(files)
	return nil, err
}

// certificateInterval is how often the files of a certificate are checked for changes; SIGHUP has them read at once.
const certificateInterval = 5 * time.Second

// followCertificate reads the files of a certificate again when they change: whatever renews it need not tell the server.
func (s *srv) followCertificate(context.Context) (stop, error) {
	if s.certificate == nil {
		return nil, nil
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	return s.background(func(ctx context.Context) {
		defer signal.Stop(hangup)
		tick := time.NewTicker(certificateInterval)
		defer tick.Stop()
		for {
			told := false
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-hangup:
				told = true
			}
			changed, err := s.certificate.Refresh(told)
			if err != nil {
				s.config.Log.Error().Err(err).Msg("the certificate could not be read again")
			} else if changed {
				fingerprint, _ := s.certificate.Fingerprint()
				s.config.Log.Info().Str("sha256", fingerprint).Msg("the certificate was read again")
			}
			s.dropDistrusted()
		}
	}), nil
}

const (
	fetchInterval = 12 * time.Hour   // between two looks at whether certificates of an ACME server must be renewed
	fetchAgain    = 10 * time.Minute // after one failed
)

// fetchCertificate gets certificates of an ACME server, which visits the listener meanwhile, and has them renewed in time.
func (s *srv) fetchCertificate(context.Context) (stop, error) {
	if s.certificate == nil || !s.certificate.FromACME() {
		return nil, nil
	}
	return s.background(func(ctx context.Context) {
		for {
			wait := fetchInterval
			if err := s.certificate.Fetch(ctx); err != nil {
				s.config.Log.Error().Err(err).Msg("no certificate came from the ACME server")
				wait = fetchAgain
			} else if leaf := s.certificate.Loaded().Certificate(); leaf != nil {
				s.config.Log.Info().Time("until", leaf.NotAfter).Str("issuer", leaf.Issuer.String()).Msg("the certificate is from the ACME server")
			}
			again := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				again.Stop()
				return
			case <-again.C:
			}
		}
	}), nil
}

// listen binds the addresses. Connections wait in the system's queue until a later part accepts them.
func (s *srv) listen(context.Context) (stop, error) {
	var err error
	if s.clients, err = listen(s.config.Transport.Listen); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", s.config.Transport.Listen, err)
	}
	close := func(context.Context) error { return closeListener(s.clients) }
	s.running.URL = origin(s.scheme(), s.config.Transport.Listen, s.clients)
	if address := s.config.OperationsListen; address != "" {
		if s.monitors, err = net.Listen("tcp", address); err != nil {
			return close, fmt.Errorf("listen for operations on %s: %w", address, err)
		}
		s.running.OperationsURL = origin("http", address, s.monitors)
		close = func(context.Context) error { return errors.Join(closeListener(s.clients), closeListener(s.monitors)) }
	}
	if err := s.listenForConsole(); err != nil {
		return close, err
	}
	if s.browsers == nil {
		return close, nil
	}
	return func(ctx context.Context) error { return errors.Join(close(ctx), closeListener(s.browsers)) }, nil
}

// closeListener closes a listener that may be closed already.
func closeListener(l net.Listener) error {
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
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
