package main

import (
	"github.com/spf13/cobra"
)

func newRefusedCommand(e *env) *cobra.Command {
	cmd, t := newGroup(&cobra.Command{
		Use:   "refused",
		Short: "List refused objects, and try them again",
		Long: `Lists, shows and tries again the objects that an agreement refused and keeps for a
time (accept.keep_refused). A producer sees what its own party sent, an operator
sees all.`,
	})
	cmd.AddCommand(newRefusedList(e, t), newRefusedShow(e, t), newRefusedRetry(e, t))
	return cmd
}
