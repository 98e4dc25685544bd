package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/console"
	"github.com/accord-taxii/accord/internal/oidc"
	"github.com/accord-taxii/accord/taxii/server"
)

// Console says whether and where the web console is served.
type Console struct {
	On      bool
	Listen  string        // HOST:PORT of a listener of its own; "": beside TAXII
	URL     string        // under which browsers reach it, if that is not the server's PublicURL
	Idle    time.Duration // a session ends when it is not used for so long; 0: half an hour
	Longest time.Duration // and at the latest after so long; 0: twelve hours

	// People log in at another issuer too, as its client. An empty Issuer is none.
	OIDC oidc.Client

	// FactorOptional admits operators without a second factor: for the demo.
	FactorOptional bool
}

// Defaults of a Console.
const (
	DefaultConsoleIdle    = 30 * time.Minute
	DefaultConsoleLongest = 12 * time.Hour
)

// sweepInterval is how often sessions that have ended are forgotten.
const sweepInterval = 10 * time.Minute

// checkConsole refuses what could not be served, or not safely.
func (c *Config) checkConsole() error {
	o := &c.Console
	if !o.On {
		if o.Listen != "" || o.URL != "" || o.OIDC.Issuer != "" {
			return &ConfigError{"--console-listen, --console-url and --oidc-issuer need --console", ""}
		}
		return nil
	}
	if o.Idle == 0 {
		o.Idle = DefaultConsoleIdle
	}
	if o.Longest == 0 {
		o.Longest = DefaultConsoleLongest
	}
	if o.Idle < time.Minute || o.Longest < o.Idle {
		return &ConfigError{"--console-idle must be a minute at least, and --console-session no shorter", ""}
	}
	if o.URL != "" {
		if u, err := url.Parse(o.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return &ConfigError{fmt.Sprintf("--console-url is %q, want a URL such as https://console.example", o.URL), ""}
		}
	}
	if err := o.checkOIDC(); err != nil {
		return err
	}
	own, _, err := net.SplitHostPort(o.Listen)
	beyond := err == nil && !isLoopback(own)
	if c.servesHost() == nil || beyond && c.PublicURL == "" && o.URL == "" {
		return &ConfigError{"--console is refused without its name: browsers could be led to it under another one",
			"give --public-url, and --console-url if the console has a name of its own; or listen on 127.0.0.1"}
	}
	if o.Listen == "" {
		return nil
	}
	return c.checkConsoleListen()
}

// checkOIDC refuses an issuer that people could not log in at.
func (o *Console) checkOIDC() error {
	if o.OIDC.Issuer == "" {
		if o.OIDC.ID != "" || o.OIDC.Secret != "" || len(o.OIDC.Scopes) > 0 {
			return &ConfigError{"--oidc-client-id, --oidc-client-secret-file and --oidc-scope need --oidc-issuer", ""}
		}
		return nil
	}
	if o.OIDC.ID == "" {
		return &ConfigError{"--oidc-issuer needs --oidc-client-id: what the console is called there", ""}
	}
	if err := (auth.Identity{Issuer: o.OIDC.Issuer, Subject: "any"}).Check(); err != nil {
		return &ConfigError{"--oidc-issuer: " + err.Error(), ""}
	}
	return nil
}

// consoleOIDC returns the login at another issuer; nil: none.
func (s *srv) consoleOIDC() *oidc.Login {
	client := s.config.Console.OIDC
	if client.Issuer == "" {
		return nil
	}
	at := cmp.Or(s.config.Console.URL, s.config.PublicURL)
	if at == "" {
		at = s.running.URL
		if s.browsers != nil {
			at = origin(s.scheme(), s.config.Console.Listen, s.browsers)
		}
	}
	client.Redirect = strings.TrimSuffix(at, "/") + console.OIDCPath
	s.config.Log.Info().Str("issuer", client.Issuer).Str("redirect", client.Redirect).Msg("people log in at another issuer too")
	return oidc.NewLogin(s.issuers, client)
}

// scheme is that of the server's URLs.
func (s *srv) scheme() string {
	if s.certificate != nil {
		return "https"
	}
	return "http"
}

// checkConsoleListen holds the console's own listener to what holds for the clients'.
func (c *Config) checkConsoleListen() error {
	own := c.Transport
	own.Listen = c.Console.Listen
	var wrong *ConfigError
	if err := own.Check(); errors.As(err, &wrong) {
		return &ConfigError{strings.ReplaceAll(wrong.Message, "--listen", "--console-listen"), wrong.Hint}
	}
	return nil
}

// consoleKey is the key, in the context of a request, of whether it came by the console's own listener.
type consoleKey struct{}

// makeConsole opens the console beside TAXII, whose limits, log and Host check are its own too.
func (s *srv) makeConsole(context.Context) (stop, error) {
	if !s.config.Console.On {
		return nil, nil
	}
	s.health.started = s.config.Now()
	made, err := console.New(console.Config{
		Admin: s.administration, Accounts: auth.Current(func() auth.Directory { return s.store.Registry() }),
		Identify: s.taxii.Identify, Enter: s.taxii.Enter, Address: s.taxii.Address, OIDC: s.consoleOIDC(), Admit: s.authenticator.Admit, Refuse: s.authenticator.Refuse,
		Sessions: filepath.Join(s.config.DataDir, auth.LoginsFolder, "console.db"),
		Idle:     s.config.Console.Idle, Longest: s.config.Console.Longest, FactorOptional: s.config.Console.FactorOptional,
		TLS: s.certificate != nil || s.config.Transport.BehindProxy, PublicURL: s.config.PublicURL, Data: s.config.DataDir,
		Health: func() console.Health { return s.health.lately(s.takeSample) },
		Limits: s.health.limitHits, Servers: s.clusterServers(),
		Now: s.config.Now, Failed: s.requestFailed,
	})
	if err != nil {
		return nil, err
	}
	s.taxii.Mount(console.Prefix, s.onlyByItsListener(made))
	sweep := s.every(sweepInterval, func(context.Context) {
		if err := made.Sweep(); err != nil {
			s.config.Log.Error().Err(err).Msg("old sessions of the console could not be dropped")
		}
	})
	return func(ctx context.Context) error { return errors.Join(sweep(ctx), made.Close()) }, nil
}

// onlyByItsListener serves the console nowhere but at its own listener, if it has one.
func (s *srv) onlyByItsListener(h http.Handler) http.Handler {
	if s.browsers == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(consoleKey{}) == nil {
			http.NotFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// listenForConsole binds the console's own address.
func (s *srv) listenForConsole() (err error) {
	address := s.config.Console.Listen
	if s.config.Console.On && address != "" {
		if s.browsers, err = net.Listen("tcp", address); err != nil {
			return fmt.Errorf("listen for the console on %s: %w", address, err)
		}
	}
	return nil
}

// serveConsole serves the console's own listener: nothing else is there.
func (s *srv) serveConsole(context.Context) (stop, error) {
	if !s.config.Console.On {
		return nil, nil
	}
	s.running.ConsoleURL = s.running.URL + console.Prefix
	if s.browsers == nil {
		return nil, nil
	}
	s.running.ConsoleURL = origin(s.scheme(), s.config.Console.Listen, s.browsers) + console.Prefix
	all := s.taxii.Handler()
	hs := &http.Server{
		DisableGeneralOptionsHandler: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/":
				http.Redirect(w, r, console.Prefix, http.StatusSeeOther)
			case !strings.HasPrefix(r.URL.Path, console.Prefix):
				http.NotFound(w, r)
			default:
				all.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), consoleKey{}, true)))
			}
		}),
		ConnContext:  server.ConnContext,
		ConnState:    s.connections.changed,
		HTTP2:        &http.HTTP2Config{MaxConcurrentStreams: 64, MaxReceiveBufferPerConnection: 512 << 10, MaxReceiveBufferPerStream: 256 << 10},
		WriteTimeout: s.config.Limits.BodyTime + s.config.Limits.AnswerTime,
	}
	if s.certificate == nil {
		return s.serveHTTP(hs, s.taxii.Listener(s.browsers)), nil
	}
	hs.TLSConfig = s.certificate.Config(nil) // asks for no client certificate of a party's own issuer; none counts
	return s.serveHTTP(hs, server.SecureListener(s.browsers)), nil
}
