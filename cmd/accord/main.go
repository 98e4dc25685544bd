package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/serve"
)

// env is a command's access to the outside world.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
}

// Exit codes. A command that checks something (validate, check, audit verify, push) exits with exitFound if it did its
// work and found something wrong.
const (
	exitOK     = 0
	exitFailed = 1 // it could not do its work
	exitFound  = 1
	exitUsage  = 2 // wrong usage, or (validate, push) it could not run
)

// exitError is an error that decides the exit code. If err is nil, the command has already printed everything.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError returns an error about wrong usage of a command.
func usageError(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// hintError is an error with advice, which is printed on a line of its own.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// withHint adds advice to an error.
func withHint(err error, format string, args ...any) error {
	return &hintError{err: err, hint: fmt.Sprintf(format, args...)}
}

// commandRow is a row of the command table.
type commandRow struct {
	group string // the heading that the command stands under in the help text
	make  func(*env) *cobra.Command
}

// commands is the command table.
var commands = []commandRow{
	{groupServer, newDemoCommand},
	{groupServer, newServeCommand},
	{groupServer, newApplyCommand},
	{groupServer, newStatusCommand},
	{groupServer, newDoctorCommand},
	{groupServer, newAgreementCommand},
	{groupServer, newObjectCommand},
	{groupServer, newReleaseCommand},
	{groupServer, newAccountCommand},
	{groupServer, newPartyCommand},
	{groupServer, newExplainCommand},
	{groupServer, newFindCommand},
	{groupServer, newLoginCommand},
	{groupServer, newRefusedCommand},
	{groupServer, newWebhookCommand},
	{groupServer, newMirrorCommand},
	{groupServer, newOutboxCommand},
	{groupServer, newClusterCommand},
	{groupClient, newValidateCommand},
	{groupClient, newRuleCommand},
	{groupClient, newSchemasCommand},
	{groupServer, newVersionCommand},
	{groupClient, newPushCommand},
	{groupClient, newPullCommand},
	{groupClient, newCollectionsCommand},
	{groupClient, newWatchCommand},
	{groupClient, newRevokeCommand},
	{groupClient, newDeleteCommand},
	{groupAudit, newHistoryCommand},
	{groupAudit, newAuditCommand},
	{groupAudit, newWitnessCommand},
	{groupServer, newManCommand},
	{groupAudit, newBackupCommand},
	{groupAudit, newRestoreCommand},
	{groupAudit, newCompactCommand},
	{groupAudit, newCheckCommand},
}

// The headings of the help text.
const (
	groupServer = "Running a server:"
	groupClient = "Sharing and checking:"
	groupAudit  = "History and safety:"
)

const longHelp = `Accord is a TAXII 2.1 server in which each sharing agreement is a collection.

An agreement says who gives, who receives, what may be shared, how sensitive it
may be and how long it runs. Accord enforces it on every object that comes in
and every page that goes out, and keeps a history that either side can check.

A first look needs no preparation:

    accord demo

A server of your own needs a data folder and a file that says what was agreed:

    accord apply -f exchange.yaml --data /var/lib/accord
    accord serve --data /var/lib/accord --listen :6443 --tls-cert F --tls-key F

Exit codes: 0 done; 1 it could not be done, or something was found wrong;
2 the command line is wrong, or the command could not run at all.`

// newRoot builds the command tree.
func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:           "accord",
		Short:         "TAXII 2.1 server in which each sharing agreement is a collection",
		Long:          longHelp,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return withHint(usageError("%w", err), "%s --help lists the flags", cmd.CommandPath())
	})
	root.SuggestionsMinimumDistance = 2
	root.Version = versionText()
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetHelpCommand(newHelpCommand())
	for _, c := range commands {
		if !root.ContainsGroup(c.group) {
			root.AddGroup(&cobra.Group{ID: c.group, Title: c.group})
		}
		cmd := c.make(e)
		cmd.GroupID = c.group
		root.AddCommand(cmd)
	}
	addCompletion(e, root)
	return root
}

// onRun makes every command below cmd call started when its own work begins: an error before that is an error of usage.
func onRun(cmd *cobra.Command, started func()) {
	if do := cmd.RunE; do != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			started()
			return do(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		onRun(sub, started)
	}
}

// noArgs refuses arguments: for a command without subcommands they are a mistake, for one with them a subcommand that does
// not exist.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasAvailableSubCommands() {
		err := usageError("there is no command %q", cmd.CommandPath()+" "+args[0])
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return withHint(err, "did you mean %s?", strings.Join(near, " or "))
		}
		return withHint(err, "%s --help lists the commands", cmd.CommandPath())
	}
	return usageError("%s takes no arguments, got %q", cmd.CommandPath(), args[0])
}

// exactArgs requires exactly the named arguments.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return withHint(usageError("%s takes %s, got %s", cmd.CommandPath(), strings.Join(names, " "), count(len(args), "argument")),
			"%s --help shows an example", cmd.CommandPath())
	}
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, e *env) int {
	e, flush := e.guard()
	defer flush()
	root := newRoot(e)
	code := exitUsage
	onRun(root, func() { code = exitFailed })
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var config *serve.ConfigError
	if errors.As(err, &config) {
		err = usageError("%w", err)
		if config.Hint != "" {
			err = withHint(err, "%s", config.Hint)
		}
	}
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
		if exit.err == nil {
			return code
		}
	}
	fmt.Fprintf(e.stderr, "accord: %v\n", err)
	var hint *hintError
	switch {
	case errors.As(err, &hint):
		fmt.Fprintf(e.stderr, "        %s\n", hint.hint)
	case code == exitUsage && exit == nil: // cobra's own, such as a flag that is missing
		fmt.Fprintf(e.stderr, "        %s --help lists the flags\n", cmd.CommandPath())
	}
	return code
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	zerolog.TimeFieldFormat = time.RFC3339Nano
	code := run(ctx, os.Args[1:], &env{
		stdin:  os.Stdin,
		stdout: os.Stdout,
		stderr: os.Stderr,
		getenv: os.Getenv,
		now:    time.Now,
	})
	stop()
	os.Exit(code)
}
