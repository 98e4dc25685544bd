package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
)

func newAgreementExport(e *env, t *target) *cobra.Command {
	return administers(e, t, &cobra.Command{
		Use:   "export NAME",
		Short: "Write an agreement as an apply file",
		Long: `Writes an agreement with all its terms as an apply file: to keep it, to sign it, to
change it, or to have a partner read it. Applied where the agreement is as it was,
the file changes nothing. Accounts, parties and API roots are not in it, and no
logins at other servers.`,
		Example: "  accord agreement export gsp --data /var/lib/accord >gsp.yaml",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) ([]byte, error) {
		a, err := ad.Agreement(ctx, agreement.Name(args[0]))
		if err != nil {
			return nil, err
		}
		if a.Unavailable != "" {
			return nil, fmt.Errorf("the agreement %s cannot be opened: %s", a.Name, a.Unavailable)
		}
		if a.Push != nil {
			return nil, fmt.Errorf("%s is the outbox of a release to another server: export the agreement that releases to it", a.Name)
		}
		var failed error
		text, err := applyfile.Export(&a.Agreement, func(name agreement.Name) *agreement.Push {
			to, err := ad.Agreement(ctx, name)
			if err != nil {
				failed = err
			}
			return to.Push
		})
		if failed != nil {
			err = failed
		}
		return text, err
	}, func(w io.Writer, text []byte) error {
		_, err := w.Write(text)
		return err
	})
}

func newAgreementDiff(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:   "diff NAME FILE",
		Short: "Say how an apply file would change an agreement",
		Long: `Compares an agreement with what an apply file says of it, and prints each term
that differs: its value now, and the one in the file. A term that the file leaves
out has its default there. Nothing is changed, and the file needs not have what
else the server has. What a change would do to objects is said by apply --dry-run.`,
		Example: "  accord agreement diff gsp gsp.yaml --data /var/lib/accord",
		Args:    exactArgs("NAME", "FILE"),
	}, func(ctx context.Context, ad *admin.Client, args []string) ([]applyfile.TermDiff, error) {
		text, err := os.ReadFile(args[1])
		if err != nil {
			return nil, err
		}
		a, err := ad.Agreement(ctx, agreement.Name(args[0]))
		if err != nil {
			return nil, err
		}
		diffs, err := applyfile.Compare(&a.Agreement, args[1], text)
		if diffs == nil {
			diffs = []applyfile.TermDiff{}
		}
		return diffs, err
	}, func(w io.Writer, diffs []applyfile.TermDiff) error {
		if len(diffs) == 0 {
			_, err := fmt.Fprintln(w, "no term differs")
			return err
		}
		for _, d := range diffs {
			if _, err := fmt.Fprintln(w, d); err != nil {
				return err
			}
		}
		return nil
	})
}

func newAgreementNew(e *env) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "new --from TEMPLATE",
		Short: "Write an apply file to begin an agreement with",
		Long: `Writes an apply file with one of the usual arrangements, each clause with a remark
on what it means, to be read by those who negotiate it and then changed: names,
dates and limits are examples. It can be applied as it is to try it.

  ais            contributors report to a hub, which passes on without their names
  isac           members share with each other, and a hub with everyone's consent
  vendor-agency  a vendor gives to an agency, which passes on some of it
  bilateral      two organisations give to each other`,
		Example: "  accord agreement new --from isac >exchange.yaml",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := applyfile.Template(from)
			if err != nil {
				return usageError("--from: %w", err)
			}
			_, err = e.stdout.Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the `TEMPLATE`: "+strings.Join(applyfile.Templates(), "|"))
	cmd.MarkFlagRequired("from")
	cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(applyfile.Templates(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
