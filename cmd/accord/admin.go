package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

// newGroup makes cmd the head of commands that administer one target.
func newGroup(cmd *cobra.Command) (group *cobra.Command, t *target) {
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.Long += "\n\n" + targetHelp
	t = new(target)
	t.addFlags(cmd.PersistentFlags())
	return cmd, t
}

// hintFolder adds advice to an error about a data folder that does not exist or belongs to another user.
func hintFolder(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return withHint(err, "check --data; accord apply and accord serve make a data folder where there is none")
	case errors.Is(err, fs.ErrPermission):
		return withHint(err, "run the command as the user that the server runs as")
	}
	return err
}

// doing is the work of a command on an administration client.
type doing[T any] func(ctx context.Context, ad *admin.Client, args []string) (T, error)

// administers makes cmd call do with a client of the target and print the result with show.
func administers[T any](e *env, t *target, cmd *cobra.Command, do doing[T], show func(io.Writer, T) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return t.administer(e, func(ad *admin.Client) error {
			answer, err := do(cmd.Context(), ad, args)
			if err != nil {
				return hintNames(err)
			}
			return show(e.stdout, answer)
		})
	}
	return cmd
}

// hintNames adds, to an error about an unknown name, the commands that list the known ones.
func hintNames(err error) error {
	if !errors.Is(err, admin.ErrNotFound) {
		return err
	}
	return withHint(err, "accord agreement list, account list and party list show the names that are known")
}

// reports is like administers for commands that also have --format json.
func reports[T any](e *env, t *target, cmd *cobra.Command, do doing[T], show func(io.Writer, T) error) *cobra.Command {
	var format string
	addFormat(cmd, &format)
	administers(e, t, cmd, do, func(w io.Writer, answer T) error {
		if format == "json" {
			return writeJSON(w, answer)
		}
		return show(w, answer)
	})
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkFormat(format); err != nil {
			return err
		}
		return run(cmd, args)
	}
	return cmd
}

// addFormat adds the flag --format.
func addFormat(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "text", "print `text|json`")
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// checkFormat refuses an output format that is neither text nor json.
func checkFormat(format string) error {
	if format != "text" && format != "json" {
		return usageError("--format %q is unknown: text or json", format)
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
