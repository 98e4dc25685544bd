package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/stix/validate"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii/server"
)

// serviceConfig is what a service is made of.
type serviceConfig struct {
	dataDir   string
	transport transport
	opsListen string // empty: no listener for operation
	limits    limits
	log       zerolog.Logger
	now       func() time.Time

	// prepare, when set, works on the open store before anything listens.
	prepare func(context.Context, *store.Store) error

	serverName        string // under which heads are signed; "" for what the key says
	durableDeliveries bool   // on disk before the answer
}

// service is a server that accepts connections: a store and everything wired to it.
type service struct {
	config serviceConfig
	store  *store.Store

	deliveries *store.Deliveries
	ops        *operation
	url        string // scheme, host and port

	// Stopped in this order.
	stops  []func(context.Context) error
	failed chan error // of a listener that ended by itself
}

// startService opens the data folder and listens. When it returns without an error, connections are accepted, and the
// caller must stop the service.
func startService(ctx context.Context, c serviceConfig) (_ *service, err error) {
	s := &service{config: c, failed: make(chan error, 4)}
	if s.store, err = store.Open(c.dataDir, store.Options{Now: c.now}); err != nil {
		return nil, openError(err)
	}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if err := s.keepAccount(); err != nil {
		return nil, err
	}
	socket, err := admin.ListenTo(&admin.API{Store: s.store, Now: c.now, Deliveries: s.deliveries})
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, socket.Close)
	if c.prepare != nil {
		if err := c.prepare(ctx, s.store); err != nil {
			return nil, err
		}
	}
	certificate, selfSigned, err := c.transport.certificate(c.dataDir, c.now())
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", c.transport.listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.transport.listen, err)
	}
	scheme := "http"
	hs := &http.Server{DisableGeneralOptionsHandler: true} // or it answers OPTIONS * itself, to anybody
	if certificate != nil {
		scheme, hs.TLSConfig = "https", certificate.Config()
	}
	s.url = origin(scheme, c.transport.listen, listener)
	connections := c.connections()
	s.ops = newOperation(s.store, s.deliveries, connections)
	taxii, err := s.taxii()
	if err != nil {
		listener.Close()
		return nil, err
	}
	hs.Handler, hs.ConnContext = taxii.Handler(), server.ConnContext
	if certificate == nil {
		listener = taxii.Listener(listener)
	} else {
		listener = server.SecureListener(listener)
	}
	if c.opsListen != "" {
		if err := s.listenOps(c.opsListen); err != nil {
			listener.Close()
			return nil, err
		}
	}
	hs.ConnState = connections.changed
	hs.WriteTimeout = c.limits.bodyTime + c.limits.answerTime // an answer that is large gets more, see package server
	s.serve(hs, listener)
	s.stops = append([]func(context.Context) error{func(context.Context) error { s.ops.draining.Store(true); return nil }}, s.stops...)
	s.background(func(ctx context.Context) { tuneCollector(ctx, int64(c.limits.memory)) })
	s.keepHouse()
	s.release()
	s.retain()
	s.describe()
	if certificate != nil {
		s.keepCertificate(certificate)
	}
	if selfSigned {
		print, err := certificate.Fingerprint()
		if err != nil {
			return nil, err
		}
		c.log.Warn().Str("sha256", print).Msg("self-signed certificate: clients must be told to trust it")
	}
	s.ops.ready.Store(true)
	c.log.Info().Str("url", s.url+"/taxii2/").Str("data", c.dataDir).Msg("listening")
	s.background(func(context.Context) { validate.Prepare() })
	return s, nil
}

// openError adds advice to an error of store.Open.
func openError(err error) error {
	var inUse *store.InUseError
	if errors.As(err, &inUse) {
		return withHint(err, "one process serves a data folder; accord apply and accord agreement talk to it through %s/%s", inUse.Dir, admin.SocketName)
	}
	return err
}

// taxii wires the rooms that speak HTTP.
func (s *service) taxii() (*server.Server, error) {
	directory := auth.Current(func() auth.Directory { return s.store.Registry() })
	logins := auth.New(directory, auth.Options{})
	taxii, err := server.New(s.noting(server.Config{
		Store: s.store,
		Auth:  logins,
		Now:   s.config.now,
		Log:   s.config.log,

		Limits:      s.config.limits.requestLimits(),
		BehindProxy: s.config.transport.behindProxy,
		Observed:    s.ops.observed,
		Refused:     s.ops.refused,
	}))
	if err != nil {
		return nil, err
	}
	s.mountFar(taxii, logins)
	return taxii, nil
}

// serve lets an HTTP server accept from l, and stops it with the service.
func (s *service) serve(hs *http.Server, l net.Listener) {
	hs.ReadHeaderTimeout = s.config.limits.headerTime
	hs.IdleTimeout = s.config.limits.idleTime
	hs.MaxHeaderBytes = int(s.config.limits.headerBytes)
	hs.ErrorLog = log.New(lineWriter{s.config.log}, "", 0)
	go func() {
		var err error
		if hs.TLSConfig != nil {
			err = hs.ServeTLS(l, "", "")
		} else {
			err = hs.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
		}
	}()
	s.stops = append(s.stops, func(ctx context.Context) error {
		if err := hs.Shutdown(ctx); err != nil {
			s.config.log.Warn().Str("address", l.Addr().String()).Msg("connections were cut: what they were doing took too long")
			return hs.Close()
		}
		return nil
	})
}

// describe logs what is served.
func (s *service) describe() {
	now := s.config.now()
	for _, root := range s.store.Registry().Roots {
		for _, col := range s.store.CollectionsIn(root.Name) {
			a := col.Agreement()
			s.config.log.Info().Str("agreement", string(a.Name)).Str("state", string(a.State(now))).
				Str("collection", "/"+root.Name+"/collections/"+col.ID().String()+"/").Msg("serving")
		}
	}
	for _, u := range s.store.Unavailable() {
		s.config.log.Error().Str("agreement", string(u.Name)).Err(u.Reason).Msg("agreement not available")
	}
	if len(s.store.Registry().Accounts) == 0 {
		s.config.log.Warn().Msg("no account exists yet: nobody can log in; accord apply makes accounts")
	}
}

// run waits until ctx ends or a listener fails, and stops the service.
func (s *service) run(ctx context.Context) error {
	var failed error
	select {
	case <-ctx.Done():
		s.config.log.Info().Msg("stopping")
	case failed = <-s.failed:
	}
	if err := errors.Join(failed, s.stop()); err != nil {
		return err
	}
	s.config.log.Info().Msg("stopped")
	return nil
}

// stop ends everything in order: first what lets requests in, last the store.
func (s *service) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.limits.drainTime)
	defer cancel()
	var errs []error
	for _, stop := range s.stops {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(append(errs, s.closeAccount(), s.store.Close())...)
}
