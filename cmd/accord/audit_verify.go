package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

func newAuditVerify(e *env) *cobra.Command {
	var from source
	var file string
	var trusted []string
	var quick bool
	var peers bool
	var show, format string
	var asked audit.Verification
	cmd := &cobra.Command{
		Use:   "verify [CHECKPOINT-FILE] --agreement NAME",
		Short: "Hold a journal against a checkpoint kept from earlier",
		Long: `Reads the whole journal of an agreement and checks it against a checkpoint that
was kept from earlier: that the signatures are those of a trusted key, that the
journal begins with exactly the entries of then, and that every entry hashes to
the signed head, that each is well-formed, and that the first terms name the
agreement. It trusts nothing that the server says. It prints what it proved, or
what failed, and then exits with 1; --format json is about what it proved. --show prints the entries about an object,
from what was verified. --server verifies the server's own journal.

--witness demands that a witness has cosigned the server's own journal, which
holds the heads of its agreements; give it once for each witness. --at-least N
is enough of them, --max-age how old their cosignatures may be.

--file verifies the file of an agreement instead, such as one of a backup, with
its objects and indexes.

--peer verifies what other servers have signed instead: of the server that the
agreement's mirror follows, which is asked for its head of now, and of servers
whose mirrors follow the agreement. SAME: each head continues the one before.
Otherwise it exits with 1, and the first word says how a server contradicts what
it signed: FORK (two histories), REWOUND (entries are gone), OTHER KEY, OTHER
JOURNAL; or NONE: no server has signed anything. accord audit trace has the same
proof for one object.

--trusted-key is a key that you have by a way you trust; a key that it has named
its successor is trusted, too. Without it the keys are the server's own.
--quick checks signatures and consistency but does not read the entries.

` + sourceHelp,
		Example: `  accord audit verify gsp.checkpoint --agreement gsp --url https://ti.example.org/ --user auditor --trusted-key ti.key
  accord audit verify --peer --agreement vendor-copy --data /var/lib/accord
  accord audit verify gsp.checkpoint --file backup/agreements/91a7b528-80eb-42ed-a74d-c6fbd5a26116.db`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			v, err := verification(args, from, trusted, quick)
			if err != nil {
				return err
			}
			if v.Witnesses, err = trustedKeys(asked.Witnesses); err != nil {
				return err
			}
			v.AtLeast, v.MaxAge = asked.AtLeast, asked.MaxAge
			var shown []audit.Record
			if show != "" {
				if quick || file != "" {
					return usageError("--show needs the entries, which are not read with --quick or --file")
				}
				v.Visit = func(p journal.Position, entry journal.Entry, _ []byte) {
					if entry.Object == show {
						shown = append(shown, audit.RecordOf(p, entry))
					}
				}
			}
			if file != "" && peers {
				return usageError("--peer and --file are both given, expected one of them")
			}
			if file != "" {
				return verifyFile(cmd.Context(), e, file, from, v, format)
			}
			if peers {
				if from.name == "" || v.Kept != nil || quick || show != "" || len(v.Witnesses) > 0 {
					return usageError("--peer takes --agreement, and no checkpoint, --quick, --show or --witness: the server keeps what its peers signed")
				}
				return from.ask(e, func(a *audit.Client) error { return verifyPeers(cmd.Context(), e, a, from, v.Keys, format) })
			}
			if from.name == "" && !from.server {
				return usageError("--agreement is missing: it says whose journal to verify; --server is the server's own")
			}
			return from.ask(e, func(a *audit.Client) error {
				verdict, err := a.Verify(cmd.Context(), v)
				if err != nil {
					return failed(err)
				}
				if format == "json" {
					return writeJSON(e.stdout, struct {
						audit.Verdict
						Shown []audit.Record `json:"shown,omitempty"`
					}{verdict, shown})
				}
				for _, r := range shown {
					if err := writeRecord(e.stdout, r, true, false); err != nil {
						return err
					}
				}
				_, err = fmt.Fprintln(e.stdout, verdict)
				return err
			})
		},
	}
	from.addFlags(cmd, false)
	cmd.Flags().StringVar(&file, "file", "", "or one agreement's `FILE`, instead of --data or --url")
	cmd.Flags().StringArrayVar(&trusted, "trusted-key", nil, trustedHelp)
	cmd.Flags().BoolVar(&quick, "quick", false, "do not read the entries")
	from.addServer(cmd)
	addFormat(cmd, &format)
	cmd.Flags().BoolVar(&peers, "peer", false, "verify what other servers have signed of the journals that mirrors follow")
	cmd.Flags().StringVar(&show, "show", "", "print the entries about the object `OBJECT-ID`")
	cmd.Flags().StringArrayVar(&asked.Witnesses, "witness", nil, "`KEY` of a witness that must have cosigned, or a file with keys; may be repeated")
	cmd.Flags().IntVar(&asked.AtLeast, "at-least", 0, "so many witnesses are enough, `N`; by default all")
	cmd.Flags().DurationVar(&asked.MaxAge, "max-age", 0, "how old cosignatures may be, such as 24h; by default any age")
	return cmd
}

func verification(args []string, from source, trusted []string, quick bool) (v audit.Verification, err error) {
	v = audit.Verification{Agreement: from.agreement(), Quick: quick}
	if v.Keys, err = trustedKeys(trusted); err != nil {
		return v, err
	}
	if len(args) == 1 {
		v.Kept, err = readCheckpoint(args[0])
	}
	return v, err
}

// readCheckpoint reads a checkpoint that was kept in a file.
func readCheckpoint(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("read the kept checkpoint: %w", err)}
	}
	return text, nil
}

func verifyFile(ctx context.Context, e *env, file string, from source, v audit.Verification, format string) error {
	if from.data != "" || from.remote.url != "" {
		return usageError("--file is given beside --data or --url, expected one of them")
	}
	verdict, err := audit.VerifyFile(ctx, file, v)
	if err != nil {
		return failed(err)
	}
	return writeVerdict(e, verdict, format)
}

// writeVerdict prints what was proved.
func writeVerdict(e *env, verdict any, format string) error {
	if format == "json" {
		return writeJSON(e.stdout, verdict)
	}
	_, err := fmt.Fprintln(e.stdout, verdict)
	return err
}

// failed turns an error of verification into an error of the command, with advice.
func failed(err error) error {
	var signature *journal.SignatureError
	var proof *journal.ProofError
	var entry *journal.EntryError
	switch {
	case errors.As(err, &signature):
		return withHint(err, "if the server's key was replaced, ask its operator for the key it has now, by a way you trust")
	case errors.As(err, &proof), errors.As(err, &entry):
		return withHint(err, "keep the checkpoint and this output: together they show that the history was changed")
	}
	return err
}
