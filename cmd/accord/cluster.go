package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/cluster"
	"github.com/accord-taxii/accord/store"
)

func newClusterCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Carry the same agreements on several machines",
		Long: `A cluster is several servers, its nodes, each with a data folder of its own. All
of them have all agreements, answer requests and take changes; three of them go
on when one is lost, five when two are. Changes are in one log, which a majority
has on disk before they are answered with success.

One node is made with init, and started with accord serve --cluster-listen. It
invites the others, which join into empty folders. All commands work on a data
folder, through the server that has it open, if one has.`,
		Example: `  accord cluster init --node a --data /var/lib/accord
  accord cluster list --data /var/lib/accord`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	data := new(string)
	cmd.PersistentFlags().StringVar(data, "data", "", "the data folder `DIR`")
	cmd.MarkPersistentFlagRequired("data")
	cmd.AddCommand(newClusterInit(e, data), newClusterInvite(e, data), newClusterJoin(e, data), newClusterList(e, data),
		newClusterFollow(e, data), newClusterLeave(e, data), newClusterRemove(e, data), newClusterRestart(e, data))
	return cmd
}

// programVersion returns the version of the program in a word, as a list of nodes shows it.
func programVersion() string {
	words := strings.Fields(versionText())
	return strings.Trim(words[1], "()")
}

// running reaches the node that has a data folder open.
func running(data string) (*cluster.Control, error) {
	c, err := cluster.Connect(data)
	if errors.Is(err, cluster.ErrNotRunning) {
		return nil, withHint(err, "start it: accord serve --data %s --cluster-listen HOST:PORT", data)
	}
	return c, err
}

func newClusterInit(e *env, data *string) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "init --node NAME",
		Short: "Make a data folder the first node of a cluster",
		Long: `Makes a data folder the first node of a new cluster, with an authority for the
certificates of its nodes. No server may have the folder open. Afterwards it is
served with accord serve --cluster-listen.

A cluster of one node is as durable as a single server, and no more: invite
others.`,
		Example: `  accord cluster init --node a --data /var/lib/accord`,
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := os.Stat(*data); err != nil {
				return hintFolder(fmt.Errorf("make the first node of a cluster: %w", err))
			}
			if in, err := cluster.In(*data); err != nil {
				return hintFolder(err)
			} else if !in { // of what a backup of a node has
				if err := store.LeaveLog(*data); err != nil {
					return hintFolder(openError(err))
				}
			}
			if err := cluster.Init(*data, name, programVersion(), e.now()); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "%s is the node %s of a new cluster. Start it: accord serve --data %s --cluster-listen HOST:PORT …\n", *data, name, *data)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "node", "", "the `NAME` of the node: lower-case letters, digits and hyphens")
	cmd.MarkFlagRequired("node")
	return cmd
}

func newClusterInvite(e *env, data *string) *cobra.Command {
	var name, follow string
	var reader bool
	cmd := &cobra.Command{
		Use:   "invite --node NAME",
		Short: "Print a token with which a node joins",
		Long: `Prints a token, which is good for one node of that name for one hour. Anyone who has
it can join and get everything, keys included: hand it over as you would a
password.

With --reader the node has all files and answers requests, and its disk does not
count for the majority. It has the log from the node that leads, like every node
that votes: about ten of them are sensible.

With --follow it is a reader that has the log from the node that you name, over
HTTPS, and costs no other node anything. That node may be any, also one that
follows another: for a site behind a slow line, and for hundreds of readers.`,
		Example: `  accord cluster invite --node b --data /var/lib/accord
  accord cluster invite --node far --follow b --data /var/lib/accord`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := running(*data)
			if err != nil {
				return err
			}
			var token string
			if follow != "" {
				token, err = c.InviteFollower(cmd.Context(), name, follow)
			} else {
				token, err = c.Invite(cmd.Context(), name, reader)
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(e.stdout, token)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "node", "", "the `NAME` of the node that is to join")
	cmd.Flags().BoolVar(&reader, "reader", false, "it does not vote")
	cmd.Flags().StringVar(&follow, "follow", "", "it does not vote, and has the log from the node `NAME`, over HTTPS")
	cmd.MarkFlagRequired("node")
	return cmd
}

func newClusterJoin(e *env, data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "join TOKEN",
		Short: "Make an empty data folder a further node of a cluster",
		Long: `Fetches a certificate and everything that the cluster has into a data folder that
is new or empty. Each file is verified on the way. Afterwards accord serve
--cluster-listen catches up with the others, and the node votes.

A transfer that broke off is made again with the same token.`,
		Example: `  accord cluster join "$TOKEN" --data /var/lib/accord`,
		Args:    exactArgs("TOKEN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			bar := newByteBar(e.stderr, "join")
			name, err := cluster.Join(cmd.Context(), cluster.Joining{Dir: *data, Token: args[0], Version: programVersion(), Format: store.MessageFormat, Now: e.now, Progress: bar.show})
			bar.done()
			if err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "%s is the node %s. Start it: accord serve --data %s --cluster-listen HOST:PORT …\n", *data, name, *data)
			return nil
		},
	}
}

func newClusterList(e *env, data *string) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the nodes, and how they are",
		Long: `Lists the nodes of the cluster as this one sees them: role, place in the log, how
far behind, clock, version. Exits with 1 if anything is wrong.`,
		Example: `  accord cluster list --data /var/lib/accord`,
		Args:    noArgs,
		PreRunE: func(*cobra.Command, []string) error { return checkFormat(format) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s *cluster.Status
			c, err := cluster.Connect(*data)
			if errors.Is(err, cluster.ErrNotRunning) {
				s, err = cluster.ListStopped(*data, e.now)
			} else if err == nil {
				s, err = c.Status(cmd.Context())
			}
			if err != nil {
				return err
			}
			if format == "json" {
				err = writeJSON(e.stdout, s)
			} else {
				err = writeCluster(e.stdout, s)
			}
			if err == nil && s.Wrong() {
				err = &exitError{code: exitFound}
			}
			return err
		},
	}
	addFormat(cmd, &format)
	return cmd
}

func writeCluster(w io.Writer, s *cluster.Status) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tADDRESS\tROLE\tPLACE\tBEHIND\tCLOCK\tVERSION\tFORMAT\tSTATE")
	for _, m := range s.Members {
		role, state := m.RoleText(), "well"
		if m.Leads {
			role += ", leads"
		}
		if m.Wrong != "" {
			state = m.Wrong
		}
		address := m.Address
		if address == "" {
			address = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%d\t%s\n", m.Name, oneLine(address), role, m.Place, m.Behind, m.Clock.Round(time.Millisecond), oneLine(m.Version), m.Format, oneLine(state))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if s.Leader == "" {
		fmt.Fprintln(w, "No node leads, as far as this one knows: the cluster takes no writes.")
	}
	for _, id := range s.Closed {
		fmt.Fprintf(w, "Collection %s is closed on this node: its file differs from most others', and another copy is fetched.\n", id)
	}
	return nil
}

func newClusterLeave(e *env, data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "leave",
		Short: "Take this node out of the cluster",
		Long: `Has another node remove this one; stop its server then. Its name is never used
again. On the folder of the last node, with its server stopped, it makes that
folder one of a single server, as if it had never been in a cluster.`,
		Example: `  accord cluster leave --data /var/lib/accord`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cluster.Connect(*data)
			switch {
			case errors.Is(err, cluster.ErrNotRunning):
				if err := cluster.LeaveLast(*data, e.now); err != nil {
					return hintFolder(openError(err))
				}
				fmt.Fprintf(e.stdout, "%s is the folder of a single server again.\n", *data)
				return nil
			case err != nil:
				return err
			}
			if err := c.Leave(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintln(e.stdout, "This node has left the cluster. Stop its server; its folder is not needed any more.")
			return nil
		},
	}
}

func newClusterRemove(e *env, data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a node that is gone",
		Long: `Removes another node for good: one whose machine or disk is lost. Its name is
never used again, and what it may still have is refused. A new node takes its
place by invite and join, under another name.`,
		Example: `  accord cluster remove b --data /var/lib/accord`,
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := running(*data)
			if err != nil {
				return err
			}
			if err := c.Remove(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "%s is no longer a node of the cluster.\n", oneLine(args[0]))
			return nil
		},
	}
}

func newClusterRestart(e *env, data *string) *cobra.Command {
	yes := false
	cmd := &cobra.Command{
		Use:   "restart-alone --yes",
		Short: "Begin a new cluster from one node, after the majority is lost for good",
		Long: `Makes what this folder has a new cluster of this node alone. Use it when most
nodes are lost for good and will never come back: what only they had is lost.
No server may have the folder open. Nodes of the old cluster can never connect to
the new one; they are emptied and join again.`,
		Example: `  accord cluster restart-alone --yes --data /var/lib/accord`,
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if !yes {
				return withHint(usageError("what only the other nodes have is lost"), "say --yes if they will never come back")
			}
			if err := cluster.RestartAlone(*data, programVersion(), e.now); err != nil {
				return hintFolder(openError(err))
			}
			fmt.Fprintf(e.stdout, "%s is the only node of a new cluster. Start it, and invite others.\n", *data)
			return nil
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "the other nodes will never come back")
	return cmd
}
