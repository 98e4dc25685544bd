package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
)

func newAgreementRelease(e *env, t *target) *cobra.Command {
	var to string
	var dryRun bool
	cmd := reports(e, t, &cobra.Command{
		Use:   "release NAME --dry-run [--to TARGET]",
		Short: "Say what a release would pass on, and what not",
		Long: `Says of every version that an agreement has whether its releases would pass it
on, and which term says so if not. It is what a release would decide that began
now; nothing is changed. More than two hundred versions are summed up by term, with
three examples each; of a journal with more than a hundred and fifty thousand
entries a part is drawn: the numbers are those of the part, and say so. Of a release
that changes objects on the way, the first few copies are shown as they would
differ. A server does the releases by itself, all the time.`,
		Example: "  accord agreement release gsp --to members --dry-run --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (preview, error) {
		if !dryRun {
			return preview{}, withHint(usageError("a server releases by itself as objects come"), "--dry-run shows what it does and would do")
		}
		list, err := ad.PreviewRelease(ctx, agreement.Name(args[0]), agreement.Name(to))
		if err != nil {
			return preview{}, err
		}
		outboxes, err := ad.Outboxes(ctx)
		return preview{list, outboxes.Outboxes}, err
	}, writePreview)
	cmd.Flags().StringVar(&to, "to", "", "only to this `TARGET`")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}

// preview is what releases would pass on, and how the outboxes of those to other servers are.
type preview struct {
	decisions []follow.Decision
	outboxes  []admin.Outbox
}

// MarshalJSON writes the decisions.
func (p preview) MarshalJSON() ([]byte, error) { return json.Marshal(p.decisions) }

// writePreview writes decisions, and what becomes of what is withdrawn later at other servers.
func writePreview(w io.Writer, p preview) error {
	if err := writeDecisions(w, p.decisions); err != nil {
		return err
	}
	for _, o := range p.outboxes {
		if !slices.ContainsFunc(p.decisions, func(d follow.Decision) bool { return string(d.Target) == o.Agreement }) {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n", o.Agreement, withdrawalText(o)); err != nil {
			return err
		}
	}
	return nil
}

// mostDecisions is how many decisions are written a line each.
const mostDecisions = 200

// decisionGroup is what one term decides in one release.
type decisionGroup struct {
	target   agreement.Name
	text     string
	versions int
	examples []string
}

// writeGroups sums decisions up by release and by the term that decides, with a few examples each.
func writeGroups(w io.Writer, list []follow.Decision) error {
	var groups []*decisionGroup
	for _, d := range list {
		text := string(d.Verdict)
		switch {
		case d.Verdict == follow.Goes && len(d.Reasons) > 0, d.Verdict == follow.There && len(d.Reasons) > 0:
			text += ", changed on the way"
		case len(d.Reasons) > 0:
			term, _, _ := strings.Cut(d.Reasons[0], ": ")
			text += " by " + term
		case d.Verdict == follow.Waits:
			text += " for what it refers to"
		}
		i := slices.IndexFunc(groups, func(g *decisionGroup) bool { return g.target == d.Target && g.text == text })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &decisionGroup{target: d.Target, text: text})
		}
		g := groups[i]
		if g.versions++; len(g.examples) < 3 && !slices.Contains(g.examples, string(d.Object)) {
			g.examples = append(g.examples, string(d.Object))
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range groups {
		fmt.Fprintf(table, "%s\t%d\t%s\tsuch as %s\n", g.target, g.versions, g.text, strings.Join(g.examples, ", "))
	}
	return table.Flush()
}

// writeDecisions writes a line a version, or sums up, and a sum a target.
func writeDecisions(w io.Writer, list []follow.Decision) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "the agreement has no objects to pass on")
		return err
	}
	type sum struct{ there, goes, stays int }
	sums := make(map[agreement.Name]*sum)
	var order []agreement.Name
	estimates := make(map[agreement.Name]string)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, d := range list {
		s := sums[d.Target]
		if s == nil {
			s = new(sum)
			sums[d.Target] = s
			order = append(order, d.Target)
		}
		switch d.Verdict {
		case follow.There:
			s.there++
		case follow.Goes:
			s.goes++
		default:
			s.stays++
		}
		if d.Sampled != nil {
			estimates[d.Target] = fmt.Sprintf(" (of %d drawn at random, of %d versions)", d.Sampled.Judged, d.Sampled.Of)
		}
		if len(list) <= mostDecisions {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", d.Target, d.Object, d.Version, admin.DecisionText(d))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(list) > mostDecisions {
		if err := writeGroups(w, list); err != nil {
			return err
		}
	}
	for _, d := range list {
		if err := writeCopy(w, d); err != nil {
			return err
		}
	}
	for _, name := range order {
		s := sums[name]
		if _, err := fmt.Fprintf(w, "to %s: %d go, %d are there, %d stay%s\n", name, s.goes, s.there, s.stays, estimates[name]); err != nil {
			return err
		}
	}
	return nil
}

// writeCopy writes how the copy of a version differs from it, property by property, if the decision has both.
func writeCopy(w io.Writer, d follow.Decision) error {
	if d.Copy == "" {
		return nil
	}
	if _, err := fmt.Fprintf(w, "for example, the copy of %s for %s:\n", d.Object, d.Target); err != nil {
		return err
	}
	return writeDifference(w, d, "  ")
}

// writeDifference writes the properties in which the copy of a version differs from it, if the decision has both.
func writeDifference(w io.Writer, d follow.Decision, indent string) error {
	if d.Copy == "" {
		return nil
	}
	var was, is map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal([]byte(d.Original), &was), json.Unmarshal([]byte(d.Copy), &is)); err != nil {
		return fmt.Errorf("compare the copy of %s: %w", d.Object, err)
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(was)), maps.Keys(is))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		before, had := was[name]
		after, has := is[name]
		if had && has && string(before) == string(after) {
			continue
		}
		if had {
			fmt.Fprintf(w, "%s- %s: %s\n", indent, name, before)
		}
		if has {
			fmt.Fprintf(w, "%s+ %s: %s\n", indent, name, after)
		}
	}
	return nil
}
