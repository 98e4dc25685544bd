package main

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/accord-taxii/accord/internal/admin"
)

// names lists names for a shell to complete. It asks a running server, because completion must not open the files; a shell shows no
// errors.
type names func(ctx context.Context, e *env, cmd *cobra.Command) []string

// flagNames are the flags whose values are names.
var flagNames = map[string]names{"agreement": agreementNames, "party": partyNames, "profile": profileNames, "account": accountNames}

// argumentNames are the arguments that are names, by how a command's usage calls them. NAME is of what the commands above are about.
var argumentNames = map[string]names{"AGREEMENT": agreementNames, "ACCOUNT": accountNames, "OUTBOX": outboxNames, "TARGET": agreementNames}

// groupNames are the arguments of commands below one of these.
var groupNames = map[string]map[string]names{
	"agreement": {"NAME": agreementNames},
	"account":   {"NAME": accountNames},
	"token":     {"NAME": accountNames},
	"party":     {"NAME": partyNames},
	"mirror":    {"AGREEMENT": mirrorNames},
	"webhook":   {"ID": webhookNames},
	"witness":   {"NAME": witnessNames},
	"accord":    {"NAME": profileNames}, // of accord login
}

// addCompletion adds the completion of names to a command and those below it.
func addCompletion(e *env, cmd *cobra.Command) {
	add := func(f *pflag.Flag) {
		list, ok := flagNames[f.Name]
		if placeholder, _ := pflag.UnquoteUsage(f); !ok && (placeholder == "TARGET" || placeholder == "ACCOUNT" && f.Name != "user") {
			list, ok = argumentNames[placeholder], true
		}
		if _, there := cmd.GetFlagCompletionFunc(f.Name); ok && !there {
			cmd.RegisterFlagCompletionFunc(f.Name, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
				return list(cmd.Context(), e, cmd), cobra.ShellCompDirectiveNoFileComp
			})
		}
	}
	cmd.PersistentFlags().VisitAll(add)
	cmd.Flags().VisitAll(add)
	if arguments := argumentsOf(cmd); len(arguments) > 0 && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) >= len(arguments) {
				return nil, cobra.ShellCompDirectiveDefault
			}
			if list := arguments[len(args)]; list != nil {
				return list(cmd.Context(), e, cmd), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		}
	}
	for _, sub := range cmd.Commands() {
		addCompletion(e, sub)
	}
}

// argumentsOf returns how each argument of a command is completed, nil for one that is no known name; nil if none is.
func argumentsOf(cmd *cobra.Command) (list []names) {
	if cmd.Name() == "add" && cmd.HasParent() && cmd.Parent().Name() != "webhook" {
		return nil // a new name
	}
	found := false
	for _, word := range strings.Fields(cmd.Use)[1:] {
		word = strings.Trim(strings.TrimRight(word, "."), "[]")
		if word == "|" && !found {
			list = nil // the other way to call it has names
			continue
		}
		if strings.ContainsAny(word, "-[({|") && word != "OBJECT-ID" && word != "TOKEN-ID" {
			break // flags follow
		}
		var one names
		if cmd.HasParent() {
			one = groupNames[cmd.Parent().Name()][word]
		}
		if one == nil {
			one = argumentNames[word]
		}
		found = found || one != nil
		list = append(list, one)
	}
	if !found {
		return nil
	}
	return list
}

// asking calls do with a client of the server that a command line names.
func asking[T any](e *env, cmd *cobra.Command, do func(*admin.Client) (T, error)) (answer T) {
	var t target
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	t.addFlags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if given := cmd.Flag(f.Name); given != nil && given.Changed {
			flags.Set(f.Name, given.Value.String())
		}
	})
	c, err := t.connect(e)
	if err != nil {
		return answer
	}
	defer c.Close()
	answer, _ = do(c)
	return answer
}

func agreementNames(ctx context.Context, e *env, cmd *cobra.Command) (list []string) {
	for _, a := range asking(e, cmd, func(c *admin.Client) ([]admin.Agreement, error) { return c.Agreements(ctx) }) {
		list = append(list, string(a.Name))
	}
	return list
}

func accountNames(ctx context.Context, e *env, cmd *cobra.Command) (list []string) {
	for _, a := range asking(e, cmd, func(c *admin.Client) ([]admin.Account, error) { return c.Accounts(ctx) }) {
		list = append(list, a.Name)
	}
	return list
}

func partyNames(ctx context.Context, e *env, cmd *cobra.Command) (list []string) {
	return asking(e, cmd, func(c *admin.Client) (list []string, err error) {
		parties, err := c.Parties(ctx)
		for _, p := range parties {
			list = append(list, string(p.Name))
		}
		return list, err
	})
}

func outboxNames(ctx context.Context, e *env, cmd *cobra.Command) (list []string) {
	for _, o := range asking(e, cmd, func(c *admin.Client) (admin.OutboxList, error) { return c.Outboxes(ctx) }).Outboxes {
		list = append(list, o.Agreement)
	}
	return list
}

func mirrorNames(ctx context.Context, e *env, cmd *cobra.Command) (list []string) {
	for _, m := range asking(e, cmd, func(c *admin.Client) (admin.MirrorList, error) { return c.Mirrors(ctx) }).Mirrors {
		list = append(list, m.Agreement)
	}
	return list
}

func webhookNames(ctx context.Context, e *env, cmd *cobra.Command) (list []string) {
	for _, w := range asking(e, cmd, func(c *admin.Client) (admin.WebhookList, error) { return c.Webhooks(ctx) }).Webhooks {
		list = append(list, w.ID)
	}
	return list
}

func witnessNames(ctx context.Context, e *env, cmd *cobra.Command) (list []string) {
	for _, w := range asking(e, cmd, func(c *admin.Client) (admin.WitnessList, error) { return c.Witnesses(ctx) }).Witnesses {
		name, _, _ := strings.Cut(w.Key, "+")
		list = append(list, name)
	}
	return list
}

// profileNames are those of this user's profiles.
func profileNames(_ context.Context, e *env, _ *cobra.Command) (list []string) {
	path, err := profilePath(e, "x")
	if err != nil {
		return nil
	}
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.json"))
	for _, file := range files {
		list = append(list, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	return list
}
