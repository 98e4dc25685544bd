package main

import (
	"github.com/spf13/cobra"
)

func newPartyCommand(e *env) *cobra.Command {
	cmd, t := newGroup(&cobra.Command{
		Use:   "party",
		Short: "Add, list, show and delete parties",
		Long:  "Adds, lists, shows and deletes parties: the organisations that take part in agreements.",
	})
	cmd.AddCommand(newPartyList(e, t), newPartyShow(e, t), newPartyAdd(e, t), newPartyDelete(e, t))
	return cmd
}
