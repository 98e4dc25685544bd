package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newClusterFollow(e *env, data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "follow NAME",
		Short: "Have this node follow another one",
		Long: `Has a node that was invited with --follow have the log from another node than
before, and believe that node again if it had given a log that differed from the
others'. While the node that is to be followed does not answer, a follower has
the log from one that votes, by itself.`,
		Example: `  accord cluster follow c --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := running(*data)
			if err != nil {
				return err
			}
			if err := c.Follow(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "This node follows %s.\n", oneLine(args[0]))
			return nil
		},
	}
}
