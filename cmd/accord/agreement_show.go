package main

import (
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

func newAgreementShow(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
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
	row("terms", "%s", wordingText(a.Wording))
	row("accepts", "%s", acceptText(a.Accept))
	for _, r := range a.Release {
		row("releases", "to %s%s%s", r.To, releaseText(r), lagText(a.Releases, r.To))
	}
	if m := a.Mirror; m != nil {
		row("mirrors", "%s, every %s; what is gone there: %s", m.URL, m.Every(), m.Gone)
	}
	if p := a.Push; p != nil {
		row("pushes to", "%s", p.URL)
	}
	if r := a.Retention; r != (agreement.Retention{}) {
		row("keeps", "%s", retentionText(r))
	}
	if a.Figures == nil { // they are for those who may read or audit
		return table.Flush()
	}
	row("holds", "%s in %s, %s; %s", count(a.Figures.Objects, "object"), count(a.Figures.Versions, "version"),
		count(a.Figures.Bytes, "byte"), count(a.Figures.Entries, "journal entry"))
	if last := a.Figures.LastAdded; !last.IsZero() {
		row("last added", "%s", last.UTC().Format(time.RFC3339Nano))
	}
	return table.Flush()
}

func wordingText(w *agreement.Wording) string {
	if w == nil {
		return ""
	}
	var parts []string
	if w.Licence != "" {
		parts = append(parts, "licence "+w.Licence)
	}
	if w.SHA256 != "" {
		parts = append(parts, "the text with the SHA-256 "+w.SHA256)
	}
	if w.Text != "" {
		parts = append(parts, fmt.Sprintf("%q", w.Text))
	}
	return strings.Join(parts, ", ")
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
	if text := markingsText(a.MaxPAP, a.Markings); text != "" {
		parts = append(parts, strings.TrimPrefix(text, ", "))
	}
	if len(a.Tolerate) > 0 {
		parts = append(parts, "tolerating "+strings.Join(a.Tolerate, ", "))
	}
	if a.KeepRefusedDays > 0 {
		parts = append(parts, fmt.Sprintf("what is refused is kept for %d days", a.KeepRefusedDays))
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
	if a.FutureModified == agreement.FutureWarn {
		parts = append(parts, "objects modified more than a day ahead, with a warning")
	}
	if a.Versions == agreement.VersionsAny {
		parts = append(parts, "versions of an object from any producer")
	}
	if a.Corrections == agreement.CorrectionsAccept {
		parts = append(parts, "corrections of a version by its owner")
	}
	if a.Consent != "" {
		parts = append(parts, "authors may be named to "+string(a.Consent))
	}
	if a.Relay {
		parts = append(parts, "objects that another party created")
	}
	return strings.Join(parts, "; ")
}

// markingsText describes terms on markings beside TLP where they are not the default.
func markingsText(most stix.PAP, m *agreement.Markings) (text string) {
	if most != 0 {
		text = ", up to PAP:" + most.String()
	}
	if carried := m.String(); carried != "" {
		text += ", carrying markings " + carried
	}
	return text
}

// releaseText describes the terms of a release.
func releaseText(r agreement.Release) string {
	text := ceilingText(r.MaxTLP) + typesText(r.Types) + markingsText(r.MaxPAP, r.Markings)
	if r.Cuts() {
		text += ", without references to what is not there"
	}
	for _, part := range []string{r.Where.String(), r.Change.String(), r.Feedback.String()} {
		if part != "" {
			text += ", " + part
		}
	}
	if r.After > 0 {
		text += ", " + r.After.String() + " after it was added"
	}
	if !r.NotBefore.IsZero() {
		text += ", not before " + agreement.FormatDate(r.NotBefore)
	}
	switch r.Approvals() {
	case 1:
		text += ", once approved"
	case 2:
		text += ", once two accounts have approved"
	}
	if e := r.Expire; e != nil {
		text += ", what has expired is " + map[string]string{agreement.ExpiryWithdraw: "withdrawn", agreement.ExpiryRevoke: "revoked"}[e.ValidUntil]
		if e.Grace > 0 {
			text += " after " + e.Grace.String()
		}
	}
	return text
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
		if r.To != to {
			continue
		}
		var parts []string
		switch {
		case r.Paused != "":
			parts = append(parts, count(r.Behind, "entry")+" behind", "paused: "+r.Paused)
		case r.Behind > 0:
			parts = append(parts, count(r.Behind, "entry")+" behind")
		default:
			parts = append(parts, "up to date")
		}
		if r.Held > 0 {
			parts = append(parts, count(uint64(r.Held), "version")+" held: see release queue")
		}
		if r.Conflicts > 0 {
			parts = append(parts, count(uint64(r.Conflicts), "version")+" in conflict with others: see agreement release --dry-run")
		}
		return " (" + strings.Join(parts, "; ") + ")"
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
