package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/witness"
)

// witnessFlags are the flags of accord witness.
type witnessFlags struct {
	data, name, listen string
	logs               []string
	cert, key          string
}

func newWitnessCommand(e *env) *cobra.Command {
	var f witnessFlags
	cmd := &cobra.Command{
		Use:   "witness --data DIR --listen HOST:PORT --log KEY",
		Short: "Cosign the heads of a partner's server",
		Long: `Runs a small witness (C2SP tlog-witness): it cosigns the head of a server's own
journal if it continues the head that it saw before, and refuses any other. A
partner runs it beside its own server, so that two auditors cannot be shown two
histories. It sees sizes and hashes, never an entry.

Each --log is the key of a server that is witnessed, as accord audit key prints
it there. The witness prints its own key at the start: give it to that server's
operator, for accord audit witness add, and to auditors, for accord audit verify
--witness. The folder keeps its key and the newest heads; a witness that forgets
heads is worth nothing, so back it up, and never restore an old backup.

Without --tls-cert and --tls-key it listens on a loopback address only, behind a
proxy of yours.`,
		Example: `  accord witness --data /var/lib/accord-witness --name witness.partner.example --listen 127.0.0.1:6190 --log ti.example.org+5f3a1c2e+A…`,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runWitness(cmd.Context(), e, f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.data, "data", "", "a folder of the witness's own, `DIR`")
	flags.StringVar(&f.name, "name", "", "`NAME` of the witness, for a key that is not made yet")
	flags.StringVar(&f.listen, "listen", "", "`HOST:PORT` to listen on")
	flags.StringArrayVar(&f.logs, "log", nil, "`KEY` of a server that is witnessed, or a file with keys; may be repeated")
	flags.StringVar(&f.cert, "tls-cert", "", "certificate `FILE`")
	flags.StringVar(&f.key, "tls-key", "", "the `FILE` of its key")
	for _, name := range []string{"data", "listen", "log"} {
		cmd.MarkFlagRequired(name)
	}
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	return cmd
}

func runWitness(ctx context.Context, e *env, f witnessFlags) error {
	logs, err := trustedKeys(f.logs)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return usageError("--listen: %w", err)
	}
	if ip := net.ParseIP(host); f.cert == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return withHint(usageError("--listen %s: without a certificate a witness listens on a loopback address only", f.listen), "give --tls-cert and --tls-key")
	}
	w, err := witness.Open(witness.Config{Dir: f.data, Name: f.name, Logs: logs, Now: e.now})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	fmt.Fprintf(e.stdout, "%s\n", w.Key())
	fmt.Fprintf(e.stderr, "listening on %s\n", listener.Addr())
	server := &http.Server{Handler: w.Handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(stopping)
}
