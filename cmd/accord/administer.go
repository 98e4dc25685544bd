package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
)

// newGroup makes cmd the head of commands that administer the data folder which --data names.
func newGroup(cmd *cobra.Command) (group *cobra.Command, data *string) {
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	data = cmd.PersistentFlags().String("data", "", "the data folder `DIR`")
	cmd.MarkPersistentFlagRequired("data")
	return cmd, data
}

// administer opens the administration of an existing data folder for the time of do.
func administer(data string, do func(*admin.Client) error) error {
	a, err := openAdmin(data)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := do(a); err != nil {
		return err
	}
	return a.Close()
}

// openAdmin opens the administration of an existing data folder.
func openAdmin(data string) (*admin.Client, error) {
	a, err := admin.OpenExisting(data)
	return a, hintFolder(err)
}

// hintFolder says what to do about a data folder that is not there, or is somebody else's.
func hintFolder(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return withHint(err, "check --data; accord apply and accord serve make a data folder where there is none")
	case errors.Is(err, fs.ErrPermission):
		return withHint(err, "run the command as the user that the server runs as")
	}
	return err
}

// doing is what a command asks of the administration.
type doing[T any] func(ctx context.Context, ad *admin.Client, args []string) (T, error)

// administers has cmd ask the administration of a data folder, and show the answer.
func administers[T any](e *env, data *string, cmd *cobra.Command, do doing[T], show func(io.Writer, T) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return administer(*data, func(ad *admin.Client) error {
			answer, err := do(cmd.Context(), ad, args)
			if err != nil {
				return hintNames(err, data)
			}
			return show(e.stdout, answer)
		})
	}
	return cmd
}

// completeNames has the shell complete the argument NAME of the commands below cmd, except where it is a new one. It asks the
// server that has the folder open: a key pressed in a shell opens no files.
func completeNames(cmd *cobra.Command, data *string, names func(context.Context, *admin.Client) []string) {
	for _, sub := range cmd.Commands() {
		if !strings.Contains(sub.Use, " NAME") || sub.Name() == "add" {
			continue
		}
		sub.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 || *data == "" {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			server, err := admin.Connect(*data)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			defer server.Close()
			return names(cmd.Context(), server), cobra.ShellCompDirectiveNoFileComp
		}
	}
}

// hintNames says where the names stand that there are, beside an error about one that there is not.
func hintNames(err error, data *string) error {
	if !errors.Is(err, admin.ErrNotFound) {
		return err
	}
	return withHint(err, "accord agreement list, account list and party list, with --data %s, show what there is", *data)
}

// reports is administers for what programs read too: --format json.
func reports[T any](e *env, data *string, cmd *cobra.Command, do doing[T], show func(io.Writer, T) error) *cobra.Command {
	var format string
	addFormat(cmd, &format)
	cmd.PreRunE = func(*cobra.Command, []string) error { return checkFormat(format) }
	return administers(e, data, cmd, do, func(w io.Writer, answer T) error {
		if format == "json" {
			return writeJSON(w, answer)
		}
		return show(w, answer)
	})
}

// addFormat adds the flag --format of commands that programs read too.
func addFormat(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "text", "print `text|json`")
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// checkFormat refuses an output format that is neither text nor json.
func checkFormat(format string) error {
	if format != "text" && format != "json" {
		return usageError("--format %q is not known: text or json", format)
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
