package serve

import (
	"context"
	"net/http"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/taxii/server"
)

// makeTAXII makes the server of TAXII, with /accord/v1/ beside it.
func (s *srv) makeTAXII(context.Context) (stop, error) {
	s.connections = newConnections(s.config.Limits.Connections, s.config.addressConnections())
	s.connections.proxies = s.config.TrustedProxies
	s.makeOperations()
	config := s.notingDeliveries(server.Config{
		Store: s.store,
		Auth:  s.authenticator,
		Now:   s.config.Now,
		Log:   s.config.Log,

		Limits:      s.config.Limits.requestLimits(),
		PublicURL:   s.config.PublicURL,
		Origins:     s.config.CORSOrigins,
		BehindProxy: s.config.Transport.BehindProxy, TrustedProxies: s.config.TrustedProxies, ServesHost: s.config.servesHost(),
		Observed: func(r server.Observation) {
			s.operations.observed(r)
			s.health.observed(r)
		},
		Refused: func(to agreement.Name, rule string) {
			s.operations.refused(to, rule)
			s.health.refused.Add(1)
		},
	})
	if s.node != nil {
		config.Cluster = s.node
	}
	if s.config.TAXII != nil {
		s.config.TAXII(&config)
	}
	made, err := server.New(config)
	if err != nil {
		return nil, err
	}
	s.taxii, s.running.TAXII, s.running.Store = made, made, s.store
	s.mountAdministration()
	return nil, nil
}

// mountAdministration serves /accord/v1/ beside TAXII.
func (s *srv) mountAdministration() {
	s.taxii.Mount(admin.Prefix, s.administration.Remote(admin.Remote{Identify: s.taxii.Identify, Enter: s.taxii.Enter, Stream: s.taxii.Stream}))
}

// requestFailed logs a failure of the server that the caller is not told of.
func (s *srv) requestFailed(r *http.Request, err error) {
	s.config.Log.Error().Str("method", r.Method).Str("path", r.URL.Path).Err(err).Msg("a request failed")
}

// acted logs what an operator did.
func (s *srv) acted(a admin.Act) {
	line := s.config.Log.Info()
	if a.Err != nil {
		line = s.config.Log.Warn().Str("refused", a.Err.Error())
	}
	line.Str("by", string(a.By)).Str("act", a.What).Str("method", a.Method).Str("path", a.Path).Msg("administration")
}

// serveClients serves TAXII and /accord/v1/ on the clients' listener.
func (s *srv) serveClients(context.Context) (stop, error) {
	hs := &http.Server{
		DisableGeneralOptionsHandler: true, // or net/http answers OPTIONS * itself, to callers without a login
		Handler:                      s.taxii.Handler(),
		ConnContext:                  server.ConnContext,
		ConnState:                    s.connections.changed,
		// The streams of a connection are bounded like connections: each is a request. What they send before it is read is
		// bounded for the connection.
		HTTP2:        &http.HTTP2Config{MaxConcurrentStreams: 64, MaxReceiveBufferPerConnection: 512 << 10, MaxReceiveBufferPerStream: 256 << 10},
		WriteTimeout: s.config.Limits.BodyTime + s.config.Limits.AnswerTime, // a large answer gets more, see package server
	}
	if s.certificate == nil {
		return s.serveHTTP(hs, s.taxii.Listener(s.clients)), nil
	}
	hs.TLSConfig = s.certificate.Config(s.trust.issuers)
	return s.serveHTTP(hs, server.SecureListener(s.clients)), nil
}
