package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/internal/demo"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/internal/serve"
	"github.com/accord-taxii/accord/store"
)

// Defaults of the demo's folder and address.
const (
	demoData   = "demo-data"
	demoListen = "127.0.0.1:6100"
)

type demoFlags struct {
	data, listen string
	opsListen    string
	logFormat    string
}

func newDemoCommand(e *env) *cobra.Command {
	f := demoFlags{listen: demoListen}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Serve a made-up exchange to try things out",
		Long: `Makes a data folder with two agreements, their parties and accounts, and a few
hundred STIX objects that a generator makes up, the same every time. Then it
serves the folder over plain HTTP on a loopback address, with the web console,
and prints URLs, logins, and command lines to try.

What is added to the demo stays in the folder: the next accord demo serves it
again. Remove the folder to begin anew. When port 6100 is taken and --listen
was not given, another port is used.`,
		Example: `  accord demo
  accord demo --data /tmp/look --listen 127.0.0.1:8080`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), e, f, cmd.Flags().Changed("listen"))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.data, "data", demoData, "the data folder `DIR`, made when it does not exist")
	flags.StringVar(&f.listen, "listen", demoListen, "loopback address to accept clients on, `HOST:PORT`")
	flags.StringVar(&f.opsListen, "ops-listen", "", "address `HOST:PORT` for /healthz, /readyz and /metrics")
	flags.StringVar(&f.logFormat, "log-format", "", "`json|console`; by default console on a terminal, else json")
	return cmd
}

func runDemo(ctx context.Context, e *env, f demoFlags, listenGiven bool) error {
	t := serve.Transport{Listen: f.listen, PlainHTTP: true}
	if err := t.Check(); err != nil {
		return withHint(usageError("%s", err), "the demo's passwords are public, so it serves this machine only; use accord serve for more")
	}
	log, flush, err := newLogger(e.stderr, f.logFormat, "info")
	if err != nil {
		return err
	}
	defer flush()
	d := demoRun{now: e.now}
	config := serve.Config{
		DataDir: f.data, Transport: t, Limits: serve.DefaultLimits(), OperationsListen: f.opsListen,
		Log: log.Level(zerolog.WarnLevel), Now: e.now, Version: versionText(), Prepare: d.prepare,
		Console: serve.Console{On: true, FactorOptional: true},
		Started: func(r serve.Running) {
			for _, begin := range []func(context.Context, string) error{d.live, d.bridge} {
				if err := begin(ctx, r.URL); err != nil {
					log.Warn().Err(err).Msg("the demo has less to show than it should")
				}
			}
			fmt.Fprint(e.stdout, d.welcome(r, f.data))
			log.Info().Str("url", r.URL+"/taxii2/").Str("data", f.data).Msg("listening")
		},
	}
	err = serve.Run(ctx, config)
	if errors.Is(err, syscall.EADDRINUSE) && !listenGiven {
		host, _, _ := net.SplitHostPort(f.listen)
		config.Transport.Listen = net.JoinHostPort(host, "0")
		err = serve.Run(ctx, config)
	}
	return openError(err)
}

// demoRun holds what the demo knows about its folder once it is prepared.
type demoRun struct {
	now    func() time.Time
	fresh  bool // it was made by this run
	supply demo.Supply
	status uuid.UUID // of the last addition to industry

	administration *admin.Service
}

// prepare applies the demo's apply file to the folder, and adds the objects if there are none yet.
func (d *demoRun) prepare(ctx context.Context, st *store.Store, administration *admin.Service) error {
	d.administration = administration
	held, err := isFilled(st)
	if err != nil {
		return err
	}
	if err := d.apply(ctx, held); err != nil {
		return err
	}
	for i, supply := range demo.Supplies() {
		if err := d.fill(ctx, st, supply, i == 0); err != nil {
			return fmt.Errorf("fill agreement %s: %w", supply.Agreement, err)
		}
	}
	return nil
}

// isFilled reports whether the demo has added its objects to a folder before.
func isFilled(st *store.Store) (bool, error) {
	col, ok := st.Collection(agreement.Name(demo.Supplies()[0].Agreement))
	if !ok {
		return false, nil
	}
	stats, err := col.Stats()
	return stats.Versions > 0, err
}

// apply applies the demo's apply file.
func (d *demoRun) apply(ctx context.Context, held bool) error {
	file, err := applyfile.Parse("demo", demo.Exchange(held))
	if err != nil {
		return err
	}
	client := d.administration.Client()
	defer client.Close()
	err = file.Resolve(applyfile.Passwords{Getenv: demo.Getenv}, func(name string) (string, error) {
		return client.PasswordHash(ctx, name)
	})
	if err != nil {
		return err
	}
	_, err = client.Apply(ctx, file, applyfile.Consent{Yes: true})
	return err
}

// fill adds the objects of one agreement in one batch, so that a demo that was killed has all of them or none. If
// they exist already, it adds one again, which changes nothing but makes a status to look at.
func (d *demoRun) fill(ctx context.Context, st *store.Store, supply demo.Supply, first bool) error {
	col, ok := st.Collection(agreement.Name(supply.Agreement))
	if !ok {
		return errors.New("there is no such agreement in this folder")
	}
	if first {
		d.supply = supply
	}
	stats, err := col.Stats()
	if err != nil {
		return err
	}
	texts := supply.Objects
	if stats.Versions > 0 {
		texts = texts[:1]
	} else {
		d.fresh = true
	}
	account, _ := st.Registry().Account(supply.Account)
	party, _ := st.Registry().Party(agreement.PartyName(account.Party))
	caller := agreement.Caller{Account: agreement.AccountName(account.Name), Party: party.Name}
	if agreement.Permit(col.Agreement(), caller, agreement.Add, d.now()) != nil {
		return nil // the agreement was suspended or terminated in the demo
	}
	result, err := ingest.Accept(ctx, col, caller, party, texts, ingest.Options{Now: d.now()})
	if err != nil {
		return err
	}
	if first {
		d.status = result.ID
	}
	return nil
}
