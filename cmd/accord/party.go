package main

import (
	"github.com/spf13/cobra"
)

func newPartyCommand(e *env) *cobra.Command {
	cmd, t := newGroup(&cobra.Command{
		Use:   "party",
		Short: "Add and list parties",
		Long:  "Adds and lists parties: the organisations that take part in agreements.",
	})
	cmd.AddCommand(newPartyList(e, t), newPartyAdd(e, t))
	return cmd
}
