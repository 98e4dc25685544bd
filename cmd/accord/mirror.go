package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newMirrorCommand(e *env) *cobra.Command {
	cmd, t := newGroup(&cobra.Command{
		Use:   "mirror",
		Short: "Follow collections of other servers",
		Long: `An agreement whose terms have a mirror follows a collection of another TAXII 2.1
server: what is added there is judged by the agreement's terms and added here.
The server visits at the interval of the terms, less often after failures.

These commands say how mirrors are, and have one visit now, pause or go on. They
are for operators.`,
		Example: "  accord mirror list --data /var/lib/accord",
	})
	cmd.AddCommand(newMirrorList(e, t), newMirrorNow(e, t), newMirrorPause(e, t, true), newMirrorPause(e, t, false), newMirrorTrust(e, t))
	return cmd
}

func newMirrorList(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:     "list",
		Short:   "List mirrors, and how they are",
		Long:    "Lists mirrors with what they have taken and, where one fails or is paused, why and what to do.",
		Example: "  accord mirror list --data /var/lib/accord",
		Args:    noArgs,
	}, func(ctx context.Context, ad *admin.Client, _ []string) (admin.MirrorList, error) {
		return ad.Mirrors(ctx)
	}, writeMirrors)
}

func writeMirrors(w io.Writer, list admin.MirrorList) error {
	if len(list.Mirrors) == 0 {
		_, err := fmt.Fprintln(w, "No agreement has a mirror.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "AGREEMENT\tSTATUS\tCOMPLETE\tTAKEN\tADDED\tREFUSED\tWITHDRAWN\tURL")
	for _, m := range list.Mirrors {
		complete := "never"
		if !m.Complete.IsZero() {
			complete = m.Complete.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", m.Agreement, m.Status, complete, m.Taken, m.Added, m.Refused, m.Withdrawn, oneLine(m.URL))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, m := range list.Mirrors {
		if err := writeShown(w, m); err != nil {
			return err
		}
		if m.Reason == "" {
			continue
		}
		line := m.Agreement + ": " + m.Reason
		if m.Advice != "" {
			line += "; " + m.Advice
		}
		if _, err := fmt.Fprintln(w, oneLine(line)); err != nil {
			return err
		}
	}
	return nil
}

func newMirrorNow(e *env, t *target) *cobra.Command {
	var start bool
	cmd := reports(e, t, &cobra.Command{
		Use:   "now AGREEMENT",
		Short: "Visit a remote collection now",
		Long: `Has the server visit the remote collection of an agreement, and prints how the
mirror is when that has ended. Exits with 1 if the visit failed. With
--from-start everything is read again, such as after terms that now take what
they refused; what is here already stays as it is.`,
		Example: "  accord mirror now gsp --data /var/lib/accord",
		Args:    exactArgs("AGREEMENT"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.MirrorState, error) {
		return ad.VisitMirror(ctx, agreement.Name(args[0]), start)
	}, func(w io.Writer, m admin.MirrorState) error {
		err := writeMirrors(w, admin.MirrorList{Mirrors: []admin.MirrorState{m}})
		if err == nil && m.Status != admin.MirrorActive {
			err = &exitError{code: exitFound}
		}
		return err
	})
	cmd.Flags().BoolVar(&start, "from-start", false, "read everything again")
	return cmd
}

func newMirrorPause(e *env, t *target, pause bool) *cobra.Command {
	cmd := &cobra.Command{
		Use: "pause AGREEMENT", Short: "Pause a mirror",
		Long:    "Pauses the mirror of an agreement until accord mirror resume: the remote server is not asked for anything. It goes on where it was.",
		Example: "  accord mirror pause gsp --data /var/lib/accord", Args: exactArgs("AGREEMENT"),
	}
	if !pause {
		cmd = &cobra.Command{
			Use: "resume AGREEMENT", Short: "Let a mirror go on",
			Long:    "Lets a mirror that was paused go on, where it was.",
			Example: "  accord mirror resume gsp --data /var/lib/accord", Args: exactArgs("AGREEMENT"),
		}
	}
	return reports(e, t, cmd, func(ctx context.Context, ad *admin.Client, args []string) (admin.MirrorState, error) {
		return ad.PauseMirror(ctx, agreement.Name(args[0]), pause)
	}, func(w io.Writer, m admin.MirrorState) error {
		return writeMirrors(w, admin.MirrorList{Mirrors: []admin.MirrorState{m}})
	})
}

// writeShown says what the remote server has shown of its journal.
func writeShown(w io.Writer, m admin.MirrorState) error {
	h := m.History
	if h == nil {
		return nil
	}
	text := fmt.Sprintf("%s: its history is proved up to %s of %s, on %s", m.Agreement, count(int(h.Size), "entry"), h.Origin, h.Proved.UTC().Format(time.RFC3339))
	if h.Break != "" {
		text += "; IT CONTRADICTS WHAT IT SIGNED: " + h.Break
	} else if h.Problem != "" {
		text += "; since then: " + h.Problem
	}
	_, err := fmt.Fprintln(w, oneLine(text))
	return err
}

func newMirrorTrust(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:   "trust AGREEMENT",
		Short: "Accept that a remote server contradicts what it signed",
		Long: `Accepts the history that the server of a mirror shows, after it contradicted what
it had signed: it has entries no longer, has others, or signs with another key.
Ask its operator first; a restored backup is the usual reason. Its history begins
anew with the head that it showed then. What was kept before stays, and accord
audit verify --peer goes on to tell of it.`,
		Example: "  accord mirror trust vendor-copy --data /var/lib/accord",
		Args:    exactArgs("AGREEMENT"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.MirrorState, error) {
		return ad.TrustMirror(ctx, agreement.Name(args[0]))
	}, func(w io.Writer, m admin.MirrorState) error {
		return writeMirrors(w, admin.MirrorList{Mirrors: []admin.MirrorState{m}})
	})
}
