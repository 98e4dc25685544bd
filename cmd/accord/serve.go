package main

import (
	"context"
	"errors"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/serve"
	"github.com/accord-taxii/accord/internal/tlsconf"
	"github.com/accord-taxii/accord/store"
)

// serveFlags are the flags of `accord serve`.
type serveFlags struct {
	data                 string
	transport            serve.Transport
	acme                 tlsconf.ACME
	apply                string
	opsListen            string
	opsExposed, opsNames bool
	logFormat, logLevel  string
	proxies              []string

	serverName        string
	durableDeliveries bool
	noIndex           bool
	limits            serve.Limits

	console        serve.Console
	oidcSecretFile string

	publicURL   string
	corsOrigins []string
	keyHeaders  []string

	webhookAllow []string

	cluster serve.Cluster
}

func newServeCommand(e *env) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve --data DIR --listen HOST:PORT",
		Short: "Serve the agreements in a data folder over TAXII 2.1",
		Long: `Serves the agreements in a data folder over TAXII 2.1, until SIGTERM or an
interrupt ends it. What is in flight is finished first; then it exits with 0.

The data folder is made when it does not exist. One process at a time can have
it open; accord apply and accord agreement reach a running server through the
socket admin.sock in the folder.

Connections are protected with TLS 1.2 or 1.3. Give --tls-cert and --tls-key;
on a loopback address they may be left out, and a self-signed certificate is
made in the data folder whose SHA-256 fingerprint the log shows. --plain-http
is for a loopback address, or for standing behind a proxy that speaks TLS.

With --acme-name the certificate comes from an ACME server, such as Let's
Encrypt, and is renewed in time. That server looks at port 443 of the name, so
that port must lead to --listen.

With --client-ca, clients may log in with a certificate from one of those
issuers, if an account names it; others still log in with a password or token.
--client-crl names the certificates that were revoked. A party may also have
issuers of its own, see accord apply.

Requests that name another host than this one are refused (421), if its names
are known: with --public-url, or on a loopback address. Addresses always count.

Certificates are read again when their files change, or at SIGHUP; connections
stay open meanwhile.

Every bound on what clients may do has a default that suits most, and a flag,
which says in brackets what is answered beyond it.

With --console, people find a web console at /console/. They log in there with
the password of their account, and operators with a second factor besides (accord
account totp). It is best served under a name of its own: --console-listen and
--console-url.

An account may name who it is to another issuer (oidc in the apply file): access
tokens of that issuer for --public-url then log in as the account, and with
--oidc-issuer people also log in to the console there, as the client
--oidc-client-id. The password is never left out as a way in. The secret of
that client, if it has one, is the first line of --oidc-client-secret-file, or
the environment variable ACCORD_OIDC_CLIENT_SECRET.

The log goes to standard error, one line an event. It says "listening", with
the URL, once connections are accepted. --ops-listen opens a second address,
for those who run the server: /healthz, /readyz and /metrics (Prometheus).`,
		Example: `  accord serve --data /var/lib/accord --listen :6443 --tls-cert accord.crt --tls-key accord.key
  accord serve --data ./data --listen 127.0.0.1:6100 --plain-http --apply exchange.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), e, f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.data, "data", "", "the data folder `DIR`")
	flags.StringVar(&f.transport.Listen, "listen", "", "address to accept clients on, `HOST:PORT`; port 0 takes a free one")
	flags.StringVar(&f.transport.Files.Cert, "tls-cert", "", "`FILE` with the server's certificate and intermediates, PEM")
	flags.StringVar(&f.transport.Files.Key, "tls-key", "", "`FILE` with the certificate's key, PEM")
	flags.StringArrayVar(&f.acme.Names, "acme-name", nil, "get the certificate for this `HOST` from an ACME server, whose terms you accept; may be repeated")
	flags.StringVar(&f.acme.Directory, "acme-directory", "", "`URL` of that server's directory (default Let's Encrypt's)")
	flags.StringVar(&f.acme.CA, "acme-ca", "", "`FILE` with the issuers of that server's own certificate, PEM (default the system's)")
	flags.StringVar(&f.acme.Contact, "acme-contact", "", "`ADDRESS` that it may write e-mail to")
	flags.StringVar(&f.transport.Files.ClientCA, "client-ca", "", "`FILE` with the issuers of client certificates, PEM")
	flags.StringVar(&f.transport.Files.ClientCRL, "client-crl", "", "`FILE` with lists of revoked client certificates, PEM or DER")
	flags.BoolVar(&f.transport.PlainHTTP, "plain-http", false, "speak HTTP without TLS; on loopback, or with --behind-proxy")
	flags.BoolVar(&f.transport.BehindProxy, "behind-proxy", false, "a proxy in front of this server speaks TLS with clients")
	flags.StringSliceVar(&f.proxies, "trusted-proxy", nil, "`CIDR` of proxies whose X-Forwarded-For says where a request comes from; may be repeated")
	flags.StringVar(&f.apply, "apply", "", "apply this `FILE` first, as accord apply does")
	flags.StringVar(&f.opsListen, "ops-listen", "", "address `HOST:PORT` for /healthz, /readyz and /metrics")
	flags.BoolVar(&f.opsExposed, "ops-exposed", false, "let --ops-listen be beyond loopback, where others may read it")
	flags.BoolVar(&f.opsNames, "ops-names", false, "name agreements in metrics that are exposed")
	flags.StringVar(&f.logFormat, "log-format", "", "`json|console`; by default console on a terminal, else json")
	flags.StringVar(&f.logLevel, "log-level", "info", "log lines of this `LEVEL` at least: debug, info, warn, error")
	flags.StringVar(&f.publicURL, "public-url", "", "`URL` under which clients reach this server, such as https://taxii.example; without it API roots are stated as paths")
	flags.StringArrayVar(&f.corsOrigins, "cors-origin", nil, "`ORIGIN` whose scripts may read answers in a browser, such as https://viewer.example; may be repeated")
	flags.StringArrayVar(&f.keyHeaders, "key-header", nil, "`NAME` of a header that may carry a token, such as X-API-Key; may be repeated")
	flags.BoolVar(&f.console.On, "console", false, "serve the web console at /console/")
	flags.StringVar(&f.console.Listen, "console-listen", "", "address `HOST:PORT` for the console alone, instead of beside TAXII")
	flags.StringVar(&f.console.URL, "console-url", "", "`URL` under which browsers reach the console, if it is not --public-url")
	flags.DurationVar(&f.console.Idle, "console-idle", serve.DefaultConsoleIdle, "a session of the console ends when it is not used for so long")
	flags.DurationVar(&f.console.Longest, "console-session", serve.DefaultConsoleLongest, "a session of the console ends at the latest after so long")
	flags.StringVar(&f.console.OIDC.Issuer, "oidc-issuer", "", "`URL` of an OpenID Connect issuer at which people log in to the console too")
	flags.StringVar(&f.console.OIDC.ID, "oidc-client-id", "", "`ID` of the console at that issuer")
	flags.StringVar(&f.oidcSecretFile, "oidc-client-secret-file", "", "`FILE` whose first line is the console's secret there (else ACCORD_OIDC_CLIENT_SECRET)")
	flags.StringArrayVar(&f.console.OIDC.Scopes, "oidc-scope", nil, "`SCOPE` to ask for beside openid, such as groups; may be repeated")
	flags.StringArrayVar(&f.webhookAllow, "webhook-allow", nil, "`HOST` of webhooks that may be at a private or loopback address; may be repeated")
	addLimits(flags, &f.limits)
	flags.StringVar(&f.serverName, "server-name", "", "`NAME` under which heads of histories are signed, such as a host name; it is chosen once (default the host of --public-url, or accord)")
	flags.BoolVar(&f.noIndex, "no-index", false, "keep no search index: searches are answered with 503")
	flags.BoolVar(&f.durableDeliveries, "durable-deliveries", false, "have deliveries on disk before the first byte of an answer, not within a second")
	cmd.RegisterFlagCompletionFunc("log-format", cobra.FixedCompletions([]string{logJSON, logConsole}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions(logLevels, cobra.ShellCompDirectiveNoFileComp))
	flags.StringVar(&f.cluster.Listen, "cluster-listen", "", "address `HOST:PORT` for the other nodes of the cluster that the folder belongs to; by habit port 6445")
	flags.StringVar(&f.cluster.Address, "cluster-address", "", "address `HOST:PORT` where they find this node (default: as --cluster-listen)")
	flags.DurationVar(&f.cluster.MaxStaleness, "max-staleness", serve.DefaultMaxStaleness, "a node without contact to a majority of its cluster for so long answers nothing")
	flags.DurationVar(&f.cluster.LogKeep, "log-keep", serve.DefaultLogKeep, "how long a node of the cluster may be away and catch up from the log")
	flags.Int64Var(&f.cluster.LogKeepBytes, "log-keep-bytes", serve.DefaultLogKeepBytes, "bytes of log that are kept at most")
	flags.DurationVar(&f.cluster.MaxClockDifference, "max-clock-difference", serve.DefaultMaxClockDifference, "a node whose clock is further from most others' takes no writes")
	cmd.MarkFlagRequired("data")
	cmd.MarkFlagRequired("listen")
	return cmd
}

func runServe(ctx context.Context, e *env, f serveFlags) error {
	log, flush, err := newLogger(e.stderr, f.logFormat, f.logLevel)
	if err != nil {
		return err
	}
	defer flush()
	if len(f.acme.Names) > 0 {
		f.transport.Files.ACME = &f.acme
	} else if f.acme.Directory != "" || f.acme.CA != "" || f.acme.Contact != "" {
		return usageError("--acme-directory, --acme-ca and --acme-contact need --acme-name")
	}
	if f.console.OIDC.Issuer != "" {
		f.console.OIDC.Secret = e.getenv("ACCORD_OIDC_CLIENT_SECRET")
	}
	if f.oidcSecretFile != "" {
		if f.console.OIDC.Secret, err = firstLine(f.oidcSecretFile); err != nil {
			return &exitError{code: exitUsage, err: err}
		}
	}
	config := serve.Config{
		DataDir: f.data, Transport: f.transport, Limits: f.limits, OperationsListen: f.opsListen,
		PublicURL: f.publicURL, Console: f.console, CORSOrigins: f.corsOrigins, KeyHeaders: f.keyHeaders, WebhookAllow: f.webhookAllow,
		OperationsExposed: f.opsExposed, OperationsNames: f.opsNames,
		ServerName: f.serverName, DurableDeliveries: f.durableDeliveries, NoIndex: f.noIndex,
		Cluster: f.cluster,
		Log:     log, Now: e.now, Version: versionText(),
	}
	for _, text := range f.proxies {
		prefix, err := proxyPrefix(text)
		if err != nil {
			return err
		}
		config.TrustedProxies = append(config.TrustedProxies, prefix)
	}
	config.Cluster.Version = programVersion()
	if err := config.Check(); err != nil {
		return err
	}
	if f.apply != "" {
		if _, _, err := admin.CheckFor(f.data, f.apply, e.getenv); err != nil {
			return notApplied(err) // before the data folder is made
		}
		config.Prepare = func(ctx context.Context, _ *store.Store, administration *admin.Service) error {
			return applyAtStart(ctx, e, administration, f.apply, log)
		}
	}
	return openError(serve.Run(ctx, config))
}

// proxyPrefix reads an address or a network of proxies.
func proxyPrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, usageError("--trusted-proxy %q is not an address or a network such as 10.0.0.0/8", text)
	}
	return prefix.Masked(), nil
}

// openError adds advice to an error of store.Open.
func openError(err error) error {
	var inUse *store.InUseError
	if errors.As(err, &inUse) {
		return withHint(err, "one process serves a data folder; accord apply and accord agreement talk to it through %s/%s", inUse.Dir, admin.SocketName)
	}
	return err
}
