package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

func newObjectCommand(e *env) *cobra.Command {
	cmd, t := newGroup(&cobra.Command{
		Use:   "object",
		Short: "Show whose an object is, and remove it as an operator",
		Long: `Shows who owns an object in an agreement and who added what of it, and removes
it as an operator, whatever party owns it.`,
	})
	cmd.AddCommand(newObjectShow(e, t), newObjectRemove(e, t))
	return cmd
}

func newObjectShow(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:   "show AGREEMENT OBJECT-ID",
		Short: "Show the owner of an object, its versions and what was removed",
		Long: `Shows what an agreement knows of an object: the owner, which alone adds versions
and deletes; each version with who added it, its marking and the agreements
that released it; the feedback on it that came back from where it was released
to, by type; and the versions that were removed, by whom, why, and whom that
keeps from adding them again.`,
		Example: "  accord object show gsp indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --data /var/lib/accord",
		Args:    exactArgs("AGREEMENT", "OBJECT-ID"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.ObjectState, error) {
		return ad.Object(ctx, agreement.Name(args[0]), stix.ID(args[1]))
	}, writeObjectState)
}

func newObjectRemove(e *env, t *target) *cobra.Command {
	var r admin.ObjectRemoval
	cmd := reports(e, t, &cobra.Command{
		Use:   "remove AGREEMENT OBJECT-ID --reason TEXT [--version V] [--bar]",
		Short: "Remove an object, whatever party owns it",
		Long: `Removes an object from an agreement, any party's and in whatever state the
agreement is: all versions, or the one that --version names. What was released
onward from it is taken back. The journal keeps who did it, and why. An object
of which nothing is left is free for a new owner; with --bar no one can add the
removed versions again.`,
		Example: `  accord object remove gsp indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --reason "names a person" --bar --data /var/lib/accord`,
		Args:    exactArgs("AGREEMENT", "OBJECT-ID"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.ObjectRemoved, error) {
		if r.Reason == "" {
			return admin.ObjectRemoved{}, usageError("--reason is empty: the journal keeps why")
		}
		return ad.RemoveObject(ctx, agreement.Name(args[0]), stix.ID(args[1]), r)
	}, writeObjectRemoved)
	flags := cmd.Flags()
	flags.StringVar(&r.Reason, "reason", "", "`TEXT` that the journal keeps")
	flags.StringVar(&r.Version, "version", "", "only the version `V`: its modified, or the date_added of an object without versions")
	flags.BoolVar(&r.Bar, "bar", false, "keep what is removed from being added again")
	cmd.MarkFlagRequired("reason")
	return cmd
}

func writeObjectRemoved(w io.Writer, r admin.ObjectRemoved) error {
	_, err := fmt.Fprintf(w, "%s: %s removed, %d there\n", r.State.Object, count(r.Removed, "version"), len(r.State.Versions))
	return err
}

func writeObjectState(w io.Writer, s admin.ObjectState) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "object\t%s\n", s.Object)
	fmt.Fprintf(table, "owner\t%s\n", ownerText(s.Owner))
	for _, typ := range slices.Sorted(maps.Keys(s.Feedback)) {
		fmt.Fprintf(table, "feedback\t%s\n", count(s.Feedback[typ], typ))
	}
	for _, v := range s.Versions {
		parts := []string{"STIX " + v.SpecVersion, "added " + v.Added.Format(time.RFC3339Nano) + actorText(v.Account, v.Party)}
		if v.TLP != "" {
			parts = append(parts, "TLP:"+v.TLP)
		}
		if len(v.Released) > 0 {
			parts = append(parts, "released from "+strings.Join(v.Released, " and "))
		}
		if v.Owner != nil {
			parts = append(parts, "owned by "+ownerText(v.Owner))
		}
		fmt.Fprintf(table, "version\t%s\t%s\n", v.Version, strings.Join(parts, ", "))
	}
	for _, r := range s.Removed {
		text := "STIX " + r.SpecVersion + ", removed " + r.At.UTC().Format(time.RFC3339Nano) + actorText(r.Account, r.Party)
		if r.Bars != "nobody" {
			text += ", barred for " + r.Bars
		}
		if r.Reason != "" {
			text += ": " + r.Reason
		}
		fmt.Fprintf(table, "removed\t%s\t%s\n", cmp.Or(r.Version, "(no version)"), text)
	}
	return table.Flush()
}

func ownerText(o *admin.ObjectOwner) string {
	switch {
	case o == nil:
		return "nobody"
	case o.Released != "":
		return "the release from " + o.Released
	}
	return string(o.Party)
}

// actorText says which account acted, and for which party; nothing for the system.
func actorText(account, party string) string {
	switch {
	case account == "":
		return ""
	case party == "":
		return " by " + account
	}
	return " by " + account + " of " + party
}
