package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
)

func newAuditCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Prove and verify what happened under an agreement",
		Long: `Proves and verifies what happened under an agreement. Every change is an entry
of the agreement's journal, whose entries hash to one head, which the server
signs. With a signed head that you kept (a checkpoint), you can show later that the
journal only grew: nothing was changed, dropped or slipped in.

  accord audit checkpoint --agreement gsp --url https://ti.example/ --user me > gsp.checkpoint
  accord audit verify gsp.checkpoint --agreement gsp --url https://ti.example/ --user me

doc/history.md describes entries, hashing and files, for those who would rather
verify with a program of their own.

` + sourceHelp,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAuditCheckpoint(e), newAuditKey(e), newAuditProve(e), newAuditVerify(e), newAuditVerifyEvidence(e), newAuditCompare(e), newAuditVerifyReport(e), newAuditTrace(e), newAuditDeliveries(e), newAuditWitness(e))
	return cmd
}

// sourceHelp explains the flags of source.
const sourceHelp = targetHelp + `

Over the network, history takes the role auditor; a producer sees what its party
added.`

// source is where history is read from.
type source struct {
	target
	name   string
	server bool // the server's own journal
}

func (s *source) addFlags(cmd *cobra.Command, needsAgreement bool) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&s.name, "agreement", "", "`NAME` of the agreement")
	s.target.addFlags(flags)
	if needsAgreement {
		cmd.MarkFlagRequired("agreement")
	}
}

// addServer adds the flag --server.
func (s *source) addServer(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.server, "server", false, "the server's own journal instead of an agreement's")
	cmd.MarkFlagsMutuallyExclusive("agreement", "server")
}

// agreement returns the agreement whose journal is read, or "" for the server's own.
func (s *source) agreement() agreement.Name { return agreement.Name(s.name) }

// ask opens the source, calls do and closes the source.
func (s *source) ask(e *env, do func(*audit.Client) error) error {
	return s.administer(e, func(c *admin.Client) error { return do(c.Audit()) })
}

// trustedHelp explains the flag --trusted-key.
const trustedHelp = "`KEY` that is trusted, as accord audit key prints it, or a file with keys, a line each; may be repeated"

// trustedKeys reads the values of --trusted-key: keys, or files of keys.
func trustedKeys(values []string) ([]string, error) {
	var keys []string
	for _, v := range values {
		if strings.Count(v, "+") >= 2 {
			keys = append(keys, v)
			continue
		}
		text, err := os.ReadFile(v)
		if err != nil {
			return nil, usageError("--trusted-key %q is neither a key nor a file that can be read: %w", v, err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" {
				keys = append(keys, line)
			}
		}
	}
	return keys, nil
}
