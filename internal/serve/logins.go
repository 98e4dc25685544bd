package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/oidc"
	"github.com/accord-taxii/accord/internal/tlsconf"
	"github.com/accord-taxii/accord/store"
)

// loginsInterval is how often what is known about logins is written to disk.
const loginsInterval = 10 * time.Second

// leastLoginMemory is what verifying passwords may take where --max-memory is small.
const leastLoginMemory = 16 << 20

// openLogins makes the authenticator, whose memory outlives the process.
func (s *srv) openLogins(context.Context) (stop, error) {
	logins, err := auth.OpenLogins(filepath.Join(s.config.DataDir, auth.LoginsFolder))
	if err != nil {
		return nil, err
	}
	s.logins = logins
	s.refusedLogins = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "accord_logins_refused_total", Help: "Requests whose credentials were refused, by reason.",
	}, []string{"reason"})
	s.trust = &trust{store: s.store, certificate: s.certificate}
	s.issuers = oidc.New(oidc.Config{
		Directory: func() oidc.Directory { return s.store.Registry() }, Audience: s.config.PublicURL, Now: s.config.Now,
		Failed: func(issuer string, err error) {
			s.config.Log.Warn().Str("issuer", issuer).Err(err).Msg("an issuer of tokens could not be asked")
		},
	})
	s.authenticator = auth.New(auth.Current(func() auth.Directory { return s.store.Registry() }), auth.Options{
		Logins: logins, Now: s.config.Now, Failed: s.loginRefused, Trust: s.trust.now, KeyHeaders: s.config.KeyHeaders, Foreign: s.issuers.Account,
		Memory: max(s.config.Limits.Memory/8, leastLoginMemory),
	})
	save := func() {
		if err := logins.Save(); err != nil {
			s.config.Log.Error().Err(err).Msg("logins could not be written")
		}
	}
	stopSaving := s.every(loginsInterval, func(context.Context) { save() })
	return func(ctx context.Context) error {
		stopSaving(ctx)
		return logins.Save()
	}, nil
}

// loginRefused logs and counts a failed login.
func (s *srv) loginRefused(account, address, reason string) {
	s.refusedLogins.WithLabelValues(reason).Inc()
	s.health.wrong.Add(1)
	s.config.Log.Info().Str("account", account).Str("address", address).Str("reason", reason).Msg("login refused")
}

// trust joins the issuers of client certificates in files with those of single parties. It is made anew when either
// changes.
type trust struct {
	store       *store.Store
	certificate *tlsconf.Current // nil: plain HTTP

	mu       sync.Mutex
	registry *store.Registry // guarded by mu: that made was made from
	loaded   *tlsconf.Loaded // guarded by mu
	made     *auth.Trust     // guarded by mu
	parties  []*x509.Certificate
}

// now returns the trust as it is now.
func (t *trust) now() *auth.Trust {
	made, _ := t.current()
	return made
}

// issuers returns the issuers of single parties.
func (t *trust) issuers() []*x509.Certificate {
	_, parties := t.current()
	return parties
}

func (t *trust) current() (*auth.Trust, []*x509.Certificate) {
	registry, loaded := t.store.Registry(), &tlsconf.Loaded{}
	if t.certificate != nil {
		loaded = t.certificate.Loaded()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made != nil && t.registry == registry && (t.loaded == loaded || t.certificate == nil) {
		return t.made, t.parties
	}
	own := map[string][]*x509.Certificate{}
	var all []*x509.Certificate
	for _, p := range registry.Parties {
		if p.ClientCA == "" {
			continue
		}
		list, err := tlsconf.ParseIssuers([]byte(p.ClientCA))
		if err != nil {
			continue // it was checked when it was applied; without it, fewer certificates count
		}
		own[string(p.Name)] = list
		all = append(all, list...)
	}
	t.registry, t.loaded, t.parties = registry, loaded, all
	t.made = auth.NewTrust(loaded.Issuers, own, loaded.Revoked)
	return t.made, all
}

// dropDistrusted closes the connections whose client certificate no longer counts.
func (s *srv) dropDistrusted() {
	now := s.trust.now()
	n := s.connections.closeWhere(func(state tls.ConnectionState) bool { return !now.Holds(&state, s.config.Now()) })
	if n > 0 {
		s.config.Log.Info().Int("connections", n).Msg("closed connections whose client certificate is no longer trusted")
	}
}
