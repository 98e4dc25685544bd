package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newHelpCommand returns the help command. cobra's own prints the general help for an unknown name, as if that had been
// requested.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]...",
		Short: "Explain a command",
		Long: `Explains a command: what it does, its flags, examples. Without a name it lists
the commands.`,
		Example: `  accord help serve
  accord help agreement renew`,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return withHint(usageError("there is no command %s to explain", strings.Join(args, " ")), "accord help lists the commands")
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
