package main

import (
	"github.com/spf13/cobra"
)

func newAgreementCommand(e *env) *cobra.Command {
	cmd, t := newGroup(&cobra.Command{
		Use:   "agreement",
		Short: "List and show agreements, and move them through their life",
		Long: `Lists and shows agreements, and moves them through their life: an agreement is
scheduled until its term begins, then active, until it expires, is suspended or
terminated. Outside its term an agreement serves no objects and takes none; its
parties can still see that it exists, and its auditors can read its history.

Each step is recorded in the agreement's journal, with the account and the reason.

When a server has the data folder open, the server does the work, and the
change holds from the next request on; otherwise the files are opened here.`,
	})
	cmd.AddCommand(
		newAgreementList(e, t), newAgreementShow(e, t), newAgreementRenew(e, t),
		newAgreementSuspend(e, t), newAgreementResume(e, t), newAgreementTerminate(e, t), newAgreementRelease(e, t), newAgreementReport(e, t), newAgreementMatrix(e, t),
		newAgreementExport(e, t), newAgreementDiff(e, t), newAgreementNew(e),
	)
	return cmd
}
