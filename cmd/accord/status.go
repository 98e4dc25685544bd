package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/cluster"
	"github.com/accord-taxii/accord/store"
)

const statusHelp = `A finding names the agreement, account or file that it is about: a server that
is not running, an agreement whose file cannot be opened, one that has ended
while releases still count on it, versions that a release cannot pass on, a
webhook that has ended or failed for an hour, a mirror or an outbox that fails, a
node of the cluster that is not well, an account that is enabled and has nothing
to log in with, a certificate within 30 days of its end, a disk with less than a
twentieth free, a clock behind the newest entry, a missing key, files that are
not listed, belong to another user or may be read by others, and faults of the
last check. What is only worth knowing (a term that ends within 30 days, a backup older than a week) is listed
as information.

Exits with 0 when there is no finding, with 1 when there is one, and with 2 when
it cannot be known.

`

func newStatusCommand(e *env) *cobra.Command {
	return newStatus(e, &cobra.Command{
		Use:   "status",
		Short: "Say how a server and its data folder are, for people and monitoring",
		Long: `Prints whether a server is running, its agreements, certificates, disk, last
backup and last check, and what must be done. accord doctor prints the same with
the command that mends each finding.

` + statusHelp + targetHelp,
		Example: `  accord status --data /var/lib/accord
  accord status --url https://ti.example.org/ --user root --format json`,
	}, false)
}

func newDoctorCommand(e *env) *cobra.Command {
	return newStatus(e, &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with a server or its data folder, and what to do",
		Long: `Prints what accord status prints, and under each finding the command that mends
it. It changes nothing itself.

` + statusHelp + targetHelp,
		Example: `  accord doctor --data /var/lib/accord`,
	}, true)
}

func newStatus(e *env, cmd *cobra.Command, commands bool) *cobra.Command {
	t := new(target)
	t.addFlags(cmd.Flags())
	format := cmd.Flags().String("format", "text", "`text|json`")
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkFormat(*format); err != nil {
			return err
		}
		st, err := askStatus(cmd.Context(), e, t)
		if err != nil {
			return &exitError{code: exitUsage, err: hintLogin(err)}
		}
		nodes, err := clusterStatus(cmd.Context(), t.data)
		if err != nil {
			return &exitError{code: exitUsage, err: err}
		}
		st.Findings = append(st.Findings, clusterFindings(nodes, t.data)...)
		if *format == "json" {
			out := json.NewEncoder(e.stdout)
			out.SetIndent("", "  ")
			err = out.Encode(st)
		} else {
			err = writeStatus(e.stdout, st, commands)
			if err == nil && nodes != nil {
				fmt.Fprintln(e.stdout)
				err = writeCluster(e.stdout, nodes)
			}
		}
		if err == nil && len(st.Findings) > 0 {
			err = &exitError{code: exitFound}
		}
		return err
	}
	return cmd
}

// clusterStatus asks the node of a data folder for the cluster; nil without a node that runs.
func clusterStatus(ctx context.Context, data string) (*cluster.Status, error) {
	if data == "" {
		return nil, nil
	}
	node, err := cluster.Connect(data)
	if err != nil {
		return nil, nil // what else is wrong, the other findings say
	}
	return node.Status(ctx)
}

// clusterFindings are what is wrong with a cluster, as one of its nodes sees it.
func clusterFindings(s *cluster.Status, data string) (list []admin.Finding) {
	if s == nil {
		return nil
	}
	add := func(format string, args ...any) {
		list = append(list, admin.Finding{Message: fmt.Sprintf(format, args...), Command: "accord cluster list --data " + shellWord(data)})
	}
	if s.Leader == "" {
		add("no node leads the cluster, as far as this one knows: it takes no writes")
	}
	for _, m := range s.Members {
		if m.Wrong != "" {
			add("node %s of the cluster: %s", m.Name, m.Wrong)
		}
	}
	for _, id := range s.Closed {
		add("collection %s is closed on this node: its file differs from most others'", id)
	}
	return list
}

// askStatus asks the server, or reads a stopped server's folder.
func askStatus(ctx context.Context, e *env, t *target) (admin.Status, error) {
	if err := t.resolve(e); err != nil {
		return admin.Status{}, err
	}
	var c *admin.Client
	var err error
	if t.data == "" {
		c, err = t.remote.administration(e)
	} else if c, err = admin.OpenReadOnly(t.data); err != nil {
		st, unknown := admin.StoppedStatus(t.data, err, e.now())
		if unknown == nil {
			return st, nil
		}
		return st, hintFolder(openError(unknown))
	}
	if err != nil {
		return admin.Status{}, err
	}
	defer c.Close()
	st, err := c.Status(ctx)
	var answer *admin.AnswerError
	if errors.As(err, &answer) || err == nil {
		return st, err
	}
	return st, fmt.Errorf("ask for the status: %w", err)
}

func writeStatus(w io.Writer, st admin.Status, commands bool) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	state := "stopped"
	if st.Running {
		state = "running, " + st.Version
	}
	fmt.Fprintf(table, "server\t%s\n", state)
	fmt.Fprintf(table, "data folder\t%s\n", st.Data)
	if st.Key != "" {
		fmt.Fprintf(table, "name and key\t%s\n", st.Key)
	}
	if st.Disk != nil {
		fmt.Fprintf(table, "disk\t%s free of %s\n", bytesText(st.Disk.Free), bytesText(st.Disk.Total))
	}
	fmt.Fprintf(table, "last backup\t%s\n", runText(st.Upkeep.Backup))
	fmt.Fprintf(table, "last check\t%s\n", runText(st.Upkeep.Check))
	for _, c := range st.Certificates {
		fmt.Fprintf(table, "certificate\t%s %s: until %s, %d days left\n", c.Use, c.Subject, c.Until.UTC().Format(time.DateOnly), c.Days)
	}
	for _, a := range st.Agreements {
		until := "no end"
		if !a.Until.IsZero() {
			until = "until " + a.Until.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(table, "agreement %s\t%s, %s; %d objects, %d versions; releases %d entries behind; %d refused since the start\n",
			a.Name, a.State, until, a.Objects, a.Versions, a.Behind, a.Refused)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	list := func(title string, findings []admin.Finding) {
		for _, f := range findings {
			about := ""
			switch {
			case f.Agreement != "":
				about = fmt.Sprintf("agreement %s ", f.Agreement)
			case f.Account != "":
				about = fmt.Sprintf("account %s ", f.Account)
			case f.File != "":
				about = f.File + ": "
			}
			fmt.Fprintf(w, "%s: %s%s\n", title, about, f.Message)
			if commands && f.Command != "" {
				fmt.Fprintf(w, "        %s\n", f.Command)
			}
		}
	}
	list("FINDING", st.Findings)
	list("information", st.Information)
	_, err := fmt.Fprintf(w, "findings: %d\n", len(st.Findings))
	return err
}

func runText(r *store.UpkeepRun) string {
	if r == nil {
		return "none"
	}
	text := r.At.UTC().Format("2006-01-02 15:04 MST")
	if r.Bytes > 0 {
		text += ", " + bytesText(uint64(r.Bytes))
	}
	if r.Faults > 0 {
		text += fmt.Sprintf(", %d faults", r.Faults)
	}
	return text
}
