package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/accord-taxii/accord/stix/validate"
	"github.com/spf13/cobra"
)

const longValidate = `Holds STIX objects to STIX 2.1 the way the server does before it stores them.

A PATH is a file that holds one object, a bundle, a TAXII envelope or a list of
objects, or several of these one after the other; or a folder, whose files
ending in .json, .stix, .stix2, .jsonl and .ndjson are read, at any depth. In a
.jsonl or .ndjson file each line is read alone. - is standard input.

Errors break a MUST of the Standard: the server would refuse the object.
Warnings break a SHOULD, or a MUST that real content breaks harmlessly: the
server keeps the object. Each names its rule (S-nnn), the place as a JSON
pointer into the object, what was found there and what would be right.

The objects of one file are also held to each other (S-201 to S-219): versions of
one object, translations, extensions and their definitions. A second content
under one identifier and version is an error, as it is for the server; the rest
are warnings, and a reference to an object elsewhere is never one.

--against COLLECTION-URL also compares each version with what that collection
has stored: the same meaning is valid, other content is an error (S-201). It
logs in as push does.

--format json writes a line of JSON for each object:

    {"file","index","id","type","valid","errors":[finding],"warnings":[finding]}

where index is the place in the file (0 for a single object, -1 for the bundle
itself) and a finding is {"rule","path","message"}; after several objects also a
line for each rule

    {"rule","severity","objects"}

--pattern reads STIX patterns instead, one a line, and answers each with

    {"line","valid","error"}

Exit codes: 0 everything is valid; 1 something is not; 2 it could not run, or
could not read everything it was asked to.`

// validateFlags holds the flags of `accord validate`.
type validateFlags struct {
	format       string
	pattern      bool
	specVersions []string
	maxFindings  int
	paths        []string

	remote  remote
	against *against // with --against
}

func (f *validateFlags) options() validate.Options {
	return validate.Options{SpecVersions: f.specVersions, MaxFindings: f.maxFindings}
}

func newValidateCommand(e *env) *cobra.Command {
	var flags validateFlags
	cmd := &cobra.Command{
		Use:   "validate PATH...|-",
		Short: "Check STIX objects or patterns as the server would",
		Long:  longValidate,
		Example: `  accord validate bundle.json
  accord validate --format json reports/ | grep '"valid":false'
  curl -s https://feed.example/bundle | accord validate -
  echo "[ipv4-addr:value = '198.51.100.3']" | accord validate --pattern -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return withHint(usageError("accord validate takes files, folders or - for standard input, got nothing"), "accord validate --help shows examples")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.paths = args
			if flags.pattern && !cmd.Flags().Changed("format") {
				flags.format = "json"
			}
			if flags.format != "text" && flags.format != "json" {
				return usageError("--format %q is neither text nor json", flags.format)
			}
			if flags.remote.url != "" {
				if flags.pattern {
					return usageError("--against and --pattern do not go together")
				}
				client, err := flags.remote.client(e)
				if err != nil {
					return err
				}
				flags.against = &against{client: client, url: flags.remote.url}
			}
			return validateAll(cmd.Context(), e, flags)
		},
	}
	cmd.Flags().StringVar(&flags.format, "format", "text", "how to answer: text, or json for a line of JSON an object; with --pattern json unless text is asked for")
	cmd.Flags().BoolVar(&flags.pattern, "pattern", false, "read STIX patterns, one a line, instead of objects")
	cmd.Flags().StringSliceVar(&flags.specVersions, "spec-versions", nil, "versions of STIX that are taken, of 2.0 and 2.1 (default 2.1)")
	cmd.Flags().IntVar(&flags.maxFindings, "max-findings", 0, "most findings of one object (default 100)")
	cmd.Flags().StringVar(&flags.remote.url, "against", "", "also compare with what the collection at `URL` has stored")
	flags.remote.addCredentials(cmd.Flags())
	return cmd
}

// validateAll validates everything that the flags name and turns the tally into an exit code.
func validateAll(ctx context.Context, e *env, flags validateFlags) error {
	out := bufio.NewWriterSize(e.stdout, 1<<16)
	var tally tally
	var err error
	if flags.pattern {
		err = judgePatterns(ctx, e, flags, out, &tally)
	} else {
		err = judgeObjects(ctx, e, flags, out, &tally)
	}
	if flags.format == "text" && err == nil && tally.judged > 0 {
		fmt.Fprintln(out, tally.sentence(flags.pattern))
	}
	if !flags.pattern && err == nil && tally.judged > 1 {
		if flags.format == "json" {
			out.Write(tally.rules.appendJSON(nil))
		} else {
			out.Write(tally.rules.appendText(nil))
		}
	}
	if flushErr := out.Flush(); err == nil && flushErr != nil {
		err = fmt.Errorf("write the answer: %w", flushErr)
	}
	switch {
	case err != nil:
		return &exitError{code: exitUsage, err: err}
	case tally.unread > 0:
		return &exitError{code: exitUsage}
	case tally.invalid > 0:
		return &exitError{code: exitFound}
	}
	return nil
}

// tally counts what was validated.
type tally struct {
	judged, invalid, warned int
	unread                  int // files that could not be read
	rules                   ruleSums
}

func (t *tally) count(d *document) {
	if d.aside {
		return
	}
	t.judged++
	t.rules.addFindings(d.findings)
	switch {
	case validate.Invalid(d.findings):
		t.invalid++
	case len(d.findings) > 0:
		t.warned++
	}
}

func (t *tally) sentence(patterns bool) string {
	what := "object"
	if patterns {
		what = "pattern"
	}
	if t.judged != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s: %d valid (%d with warnings), %d invalid", t.judged, what, t.judged-t.invalid, t.warned, t.invalid)
}

// unreadable reports on standard error a file that could not be read.
func (t *tally) unreadable(bar *progress, name string, err error) {
	t.unread++
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	bar.say("accord: read %s: %v", name, err)
}

// displayName returns the name of a path in answers.
func displayName(path string) string { return strings.TrimPrefix(path, "./") }
