package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

func newAgreementCommand(e *env) *cobra.Command {
	cmd, data := newGroup(&cobra.Command{
		Use:   "agreement",
		Short: "List and show agreements, and move them through their life",
		Long: `Lists and shows agreements, and moves them through their life: an agreement is
scheduled until its term begins, then active, until it expires, is suspended or
terminated. Outside its term an agreement serves no objects and takes none; its
parties can still see that it exists, and its auditors can read its history.

Each step is recorded in the agreement's journal with who took it and why.

When a server has the data folder open, the server does the work and goes by
the change with the next request; otherwise the files are opened here.`,
	})
	cmd.AddCommand(
		newAgreementList(e, data), newAgreementShow(e, data), newAgreementRenew(e, data),
		newAgreementSuspend(e, data), newAgreementResume(e, data), newAgreementTerminate(e, data), newAgreementRelease(e, data),
	)
	completeNames(cmd, data, func(ctx context.Context, ad *admin.Client) (names []string) {
		list, _ := ad.Agreements(ctx) // a shell shows no errors
		for _, a := range list {
			names = append(names, string(a.Name))
		}
		return names
	})
	return cmd
}

func newAgreementList(e *env, data *string) *cobra.Command {
	return reports(e, data, &cobra.Command{
		Use:   "list",
		Short: "List the agreements with their state",
		Long: `Lists every agreement with its state at this moment, its term, how many objects
it holds, and its title. In the last thirty days of a term it says how much of
it is left.`,
		Example: "  accord agreement list --data /var/lib/accord",
		Args:    noArgs,
	}, func(ctx context.Context, ad *admin.Client, _ []string) ([]admin.Agreement, error) {
		return ad.Agreements(ctx)
	}, func(w io.Writer, list []admin.Agreement) error { return writeAgreements(w, list, e.now()) })
}

// soon is how long before its end an agreement is listed as ending.
const soon = 30 * 24 * time.Hour

// endText says when an agreement ends, if that is soon.
func endText(a admin.Agreement, now time.Time) string {
	left := a.Term.Until.Sub(now)
	if a.State != agreement.Active || a.Term.Until.IsZero() || left > soon {
		return ""
	}
	if left < 48*time.Hour {
		return fmt.Sprintf(", %.0f hours left", left.Hours())
	}
	return fmt.Sprintf(", %.0f days left", left.Hours()/24)
}

func writeAgreements(w io.Writer, list []admin.Agreement, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSTATE\tTERM\tOBJECTS\tVERSIONS\tTITLE")
	for _, a := range list {
		if a.Unavailable != "" {
			fmt.Fprintf(table, "%s\tunavailable\t-\t-\t-\t%s\n", a.Name, a.Unavailable)
			continue
		}
		fmt.Fprintf(table, "%s\t%s%s\t%s\t%d\t%d\t%s\n", a.Name, a.State, endText(a, now), termText(a.Term), a.Figures.Objects, a.Figures.Versions, a.Title)
	}
	return table.Flush()
}

// termText is such as "2026-01-01 to 2029-01-01", with what is open left out.
func termText(t agreement.Term) string {
	var parts []string
	if !t.From.IsZero() {
		parts = append(parts, "from "+agreement.FormatDate(t.From))
	}
	if !t.Until.IsZero() {
		parts = append(parts, "until "+agreement.FormatDate(t.Until))
	}
	return cmp.Or(strings.Join(parts, " "), "open")
}

func newAgreementShow(e *env, data *string) *cobra.Command {
	return reports(e, data, &cobra.Command{
		Use:   "show NAME",
		Short: "Show one agreement with its terms",
		Long: `Shows one agreement: its state, term, collection, parties with their roles, what
it accepts, what it passes on and how far each release has come, and how much
it holds.`,
		Example: "  accord agreement show gsp --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Agreement, error) {
		return ad.Agreement(ctx, agreement.Name(args[0]))
	}, writeAgreement)
}

func writeAgreement(w io.Writer, a admin.Agreement) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, text)
		}
	}
	row("agreement", "%s", a.Name)
	if a.Unavailable != "" {
		row("unavailable", "%s", a.Unavailable)
		return table.Flush()
	}
	row("title", "%s", a.Title)
	row("description", "%s", a.Description)
	row("state", "%s%s", a.State, markText(a))
	row("term", "%s", termText(a.Term))
	row("collection", "/%s/collections/%s/", a.APIRoot, a.Collection.ID)
	row("alias", "%s", a.Collection.Alias)
	for _, m := range a.Parties {
		roles := make([]string, len(m.Roles))
		for i, r := range m.Roles {
			roles[i] = string(r)
		}
		row("party", "%s: %s", m.Party, strings.Join(roles, ", "))
	}
	row("accepts", "%s", acceptText(a.Accept))
	for _, r := range a.Release {
		row("releases", "to %s%s%s%s", r.To, ceilingText(r.MaxTLP), typesText(r.Types), lagText(a.Releases, r.To))
	}
	if r := a.Retention; r != (agreement.Retention{}) {
		row("keeps", "%s", retentionText(r))
	}
	row("holds", "%s in %s, %s; %s", count(a.Figures.Objects, "object"), count(a.Figures.Versions, "version"),
		count(a.Figures.Bytes, "byte"), count(a.Figures.Entries, "journal entry"))
	if last := a.Figures.LastAdded; !last.IsZero() {
		row("last added", "%s", last.UTC().Format(time.RFC3339Nano))
	}
	return table.Flush()
}

// markText says who decided on the state and why, if somebody did.
func markText(a admin.Agreement) string {
	mark := a.Terminated
	if mark == nil && a.State == agreement.Suspended {
		mark = a.Suspended
	}
	if mark == nil {
		return ""
	}
	text := fmt.Sprintf(" since %s by %s", mark.At.UTC().Format(time.RFC3339), mark.By)
	if mark.Reason != "" {
		text += ": " + mark.Reason
	}
	return text
}

func acceptText(a agreement.Accept) string {
	parts := []string{"STIX " + strings.Join(a.SpecVersions, ", ")}
	if len(a.Types) > 0 {
		parts = append(parts, "types "+strings.Join(a.Types, ", "))
	}
	if a.MaxTLP != 0 {
		parts = append(parts, "marked up to "+a.MaxTLP.String())
	}
	if a.DefaultTLP != 0 {
		parts = append(parts, "unmarked counts as "+a.DefaultTLP.String())
	}
	if a.RequireMarking {
		parts = append(parts, "marked objects only")
	}
	if a.Warnings == agreement.WarningsReject {
		parts = append(parts, "nothing that draws a warning")
	}
	if a.CreatedBy == agreement.CreatedByParty {
		parts = append(parts, "created by the producing party")
	}
	if a.FutureModified == agreement.FutureReject {
		parts = append(parts, "nothing modified more than a day ahead")
	}
	return strings.Join(parts, "; ")
}

func ceilingText(l stix.TLP) string {
	if l == 0 {
		return ""
	}
	return ", marked up to " + l.String()
}

// lagText says how far a release has come.
func lagText(releases []admin.Release, to agreement.Name) string {
	for _, r := range releases {
		switch {
		case r.To != to:
		case r.Paused != "":
			return fmt.Sprintf(" (%s behind; paused: %s)", count(r.Behind, "entry"), r.Paused)
		case r.Behind > 0:
			return fmt.Sprintf(" (%s behind)", count(r.Behind, "entry"))
		default:
			return " (up to date)"
		}
	}
	return ""
}

func typesText(types []string) string {
	if len(types) == 0 {
		return ""
	}
	return ", types " + strings.Join(types, ", ")
}

func retentionText(r agreement.Retention) string {
	var parts []string
	if r.Versions > 0 {
		parts = append(parts, fmt.Sprintf("the newest %d versions of an object", r.Versions))
	}
	if r.MaxAgeDays > 0 {
		parts = append(parts, fmt.Sprintf("%d days", r.MaxAgeDays))
	}
	return strings.Join(parts, ", for ")
}
