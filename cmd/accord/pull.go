package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/schemas"
	"github.com/accord-taxii/accord/taxii"
)

// pullFlags are the flags of `accord pull` besides those of remote.
type pullFlags struct {
	out, dir   string
	addedAfter string
	state      string
	mode       string
	query      taxii.Query

	all, prune, quiet bool
	format            string
	filter            pullFilter
	name              string // of the collection, with all
}

func newPullCommand(e *env) *cobra.Command {
	var r remote
	var f pullFlags
	cmd := &cobra.Command{
		Use:   "pull --url COLLECTION-URL --user ACCOUNT [--out FILE | --dir DIR]",
		Short: "Fetch STIX objects from a TAXII collection",
		Long: `Fetches the objects of a collection of a TAXII 2.1 server, Accord or another,
oldest first, page by page until nothing is left. Objects are kept exactly as
the server has them.

They are written as one STIX bundle, to standard output or to --out; or with
--dir as one file per version of an object, TYPE/ID/VERSION.json, where VERSION
is the time of its modified (else created) in digits, or a digest of the object
when it has neither.

Without --match-version the server sends the latest version of each object, and
without --match-spec-version of those only the one in the latest STIX version.
A full copy needs --match-version all --match-spec-version 2.0,2.1. Values are
separated by commas.

At the end come how many objects there were, and for each rule of STIX that
some of them break, how many: the collection tolerates that, or warned of it.

Files can be read by their owner alone (0600) if an object in them is marked
above TLP:CLEAR, and others by --mode: by itself 0640 for what is marked
TLP:CLEAR, 0600 for what has no TLP marking. Your umask takes from that.

With --state, the next run fetches only what was added since: after each page
is safely on disk, its date_added is noted in the state file. What the next run
fetches is added to the bundle in --out, or begins a new one if the file has
been taken away. A state belongs to one collection, one output and one set of
filters. One pull at a time writes to a target.

With --all, --url is the server: every collection that the account may read is
pulled into a folder of its own, DIR/ROOT/ALIAS, with a state of its own in the
folder --state. One that fails does not stop the others.

With --prune, the files of versions that the collection no longer has are
removed from --dir: what was withdrawn or deleted, not what a newer version
replaced. If the list of what there is cannot be read, nothing is removed.

--confidence and --valid leave objects out here, for TAXII has no such filters.

` + remoteHelp + `

Exit code 0: everything was fetched. 1: something failed; with --state the
next run goes on where this one stopped. 2: the command line is wrong.`,
		Example: `  ACCORD_PASSWORD=... accord pull --url https://taxii.example/nicp/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/ --user agency > bundle.json
  accord pull --url https://taxii.example/nicp/collections/gsp/ --user agency --password-file secret --dir feed --state feed.state --match-version all
  accord pull --url https://taxii.example/nicp/collections/gsp/ --token-file token --match-type indicator,malware --added-after 24h --out new.json
  accord pull --all --url https://taxii.example/ --token-file token --dir feeds --state states --prune -q`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := f.connect(e, &r)
			if err != nil {
				return err
			}
			for _, t := range unknownTypes(f.query.Types) {
				fmt.Fprintf(e.stderr, "accord: warning: %s is no type of STIX 2.1: only objects of a custom type have it\n", printable(t))
			}
			if f.all {
				return pullAll(cmd.Context(), e, client, r.url, f)
			}
			return pull(cmd.Context(), e, client, r.url, f)
		},
	}
	r.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "write one bundle to `FILE`; - or nothing is standard output")
	flags.StringVar(&f.dir, "dir", "", "write one file per object version into `DIR`")
	flags.StringVar(&f.state, "state", "", "keep in `FILE` how far this got, and go on from there")
	flags.StringVar(&f.addedAfter, "added-after", "", "only what was added to the collection after `TIME`, such as 2026-01-31 or 2026-01-31T09:30:00Z, or so long ago, such as 24h or 7d; a state that exists goes first")
	flags.StringSliceVar(&f.query.IDs, "match-id", nil, "only these object `ID`s")
	flags.StringSliceVar(&f.query.Types, "match-type", nil, "only these object `TYPE`s")
	flags.StringSliceVar(&f.query.Versions, "match-version", nil, "`VERSION`s of each object: all, first, last, or timestamps")
	flags.StringSliceVar(&f.query.Specs, "match-spec-version", nil, "only these STIX `VERSION`s, such as 2.1")
	flags.IntVar(&f.query.Limit, "limit", 0, "ask for pages of `N` objects; 0 leaves it to the server")
	flags.StringVar(&f.mode, "mode", "", "give files with nothing above TLP:CLEAR the `MODE`, such as 0640")
	flags.BoolVar(&f.all, "all", false, "pull every collection that the account may read")
	flags.BoolVar(&f.prune, "prune", false, "remove from --dir what the collection no longer has")
	flags.IntVar(&f.filter.confidence, "confidence", 0, "only objects that state a confidence of at least `N`, 1 to 100")
	flags.BoolVar(&f.filter.valid, "valid", false, "only objects that are not revoked, and valid now")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print errors and warnings alone")
	addFormat(cmd, &f.format)
	cmd.RegisterFlagCompletionFunc("match-type", cobra.FixedCompletions(schemas.Types(), cobra.ShellCompDirectiveNoFileComp))
	cmd.MarkFlagsMutuallyExclusive("out", "dir")
	return cmd
}

// sink is where pulled objects go. If the sink was opened to be durable, objects survive a crash once write has
// returned.
type sink interface {
	write(objects []json.RawMessage) error
	size() int64 // octets of a bundle whose end is not written yet; 0 for other sinks
	finish() error
	abandon()
}

// connect makes the client: of a collection or, with --all, of a server.
func (f *pullFlags) connect(e *env, r *remote) (*taxii.Client, error) {
	if err := errors.Join(checkFormat(f.format), f.filter.check()); err != nil {
		return nil, err
	}
	if f.prune && f.dir == "" {
		return nil, withHint(usageError("--prune needs a folder to remove files from"), "give --dir DIR")
	}
	if f.all {
		return r.connect(e)
	}
	return r.client(e)
}

// pulled is what a pull did.
type pulled struct {
	Collection string    `json:"collection"` // its URL
	Objects    int       `json:"objects"`
	Pages      int       `json:"pages"`
	LeftOut    int       `json:"left_out,omitempty"` // by --confidence and --valid
	Removed    int       `json:"removed,omitempty"`  // by --prune
	Rules      []ruleSum `json:"rules,omitempty"`
}

func pull(ctx context.Context, e *env, client *taxii.Client, url string, f pullFlags) error {
	unlock, err := lockTarget(&f)
	if err != nil {
		return err
	}
	defer unlock()
	state, err := f.start(url, e.now())
	if err != nil {
		return err
	}
	out, err := f.open(e, state)
	if err != nil {
		return err
	}
	bar := f.progress(e)
	defer bar.done()
	done := pulled{Collection: url}
	var found pullFindings
	for page, err := range client.Objects(ctx, url, f.query) {
		if err != nil {
			out.abandon()
			return explain(err)
		}
		passed := f.filter.apply(page.Items, e.now())
		if err := out.write(passed); err != nil {
			out.abandon()
			return err
		}
		done.Objects, done.Pages, done.LeftOut = done.Objects+len(passed), done.Pages+1, done.LeftOut+len(page.Items)-len(passed)
		found.judge(passed)
		if f.state != "" {
			if page.Last.IsZero() {
				out.abandon()
				return fmt.Errorf("the server does not state %s, so there is nothing to go on from; pull without --state", taxii.HeaderLast)
			}
			state.AddedAfter, state.Size = taxii.FormatTime(page.Last), out.size()
			if err := state.save(f.state); err != nil {
				out.abandon()
				return err
			}
		}
		bar.add(int64(len(page.Items)))
	}
	if err := out.finish(); err != nil {
		return err
	}
	bar.done()
	if f.prune {
		if done.Removed, err = prune(ctx, client, url, f.dir, f.query); err != nil {
			return err
		}
	}
	return f.report(e, done, &found)
}

// progress shows how far a pull is, unless it is to be quiet.
func (f *pullFlags) progress(e *env) *progress {
	if f.quiet {
		return &progress{w: e.stderr}
	}
	return newProgress(e.stderr, "receiving", 0)
}

// report prints what a pull did.
func (f *pullFlags) report(e *env, done pulled, found *pullFindings) error {
	w := e.stdout
	if f.toStdout() {
		w = e.stderr
	}
	if f.format == "json" {
		done.Rules = found.rules.rows()
		return writeJSONLine(w, done)
	}
	if f.quiet {
		return nil
	}
	line := fmt.Sprintf("%s received in %s", count(done.Objects, "object"), count(done.Pages, "page"))
	if f.name != "" {
		line = f.name + ": " + line
	}
	if done.LeftOut > 0 {
		line += fmt.Sprintf(", %d left out", done.LeftOut)
	}
	if f.prune {
		line += fmt.Sprintf(", %s removed", count(done.Removed, "file"))
	}
	if _, err := fmt.Fprintln(w, line); err != nil {
		return err
	}
	return found.write(w)
}

func (f *pullFlags) toStdout() bool { return f.dir == "" && (f.out == "" || f.out == "-") }

// start checks the flags, reads the state, and completes the query.
func (f *pullFlags) start(url string, now time.Time) (*pullState, error) {
	if f.addedAfter != "" {
		t, err := addedAfterOf(f.addedAfter, now)
		if err != nil {
			return nil, usageError("--added-after: %w", err)
		}
		f.query.AddedAfter = t
	}
	if f.query.Limit < 0 {
		return nil, usageError("--limit %d: expected a number above 0, or 0 to leave it to the server", f.query.Limit)
	}
	if f.mode != "" {
		if _, err := parseMode(f.mode); err != nil {
			return nil, err
		}
	}
	if f.state != "" && f.toStdout() {
		return nil, withHint(usageError("--state needs an output that can be added to"), "give --out FILE or --dir DIR")
	}
	state := &pullState{Collection: strings.TrimRight(url, "/") + "/", Filters: filtersOf(f.query) + f.filter.String(), Output: cmp.Or(f.dir, f.out)}
	if f.state == "" {
		return state, nil
	}
	if err := state.load(f.state); err != nil {
		return nil, err
	}
	if state.AddedAfter != "" {
		after, err := taxii.ParseTime(state.AddedAfter)
		if err != nil {
			return nil, fmt.Errorf("read the state %s: %w", f.state, err)
		}
		f.query.AddedAfter = after
	}
	return state, nil
}

func (f *pullFlags) open(e *env, state *pullState) (sink, error) {
	modes, err := parseMode(f.mode)
	if err != nil {
		return nil, err
	}
	switch {
	case f.dir != "":
		return openFolder(f.dir, f.state != "", modes)
	case f.toStdout():
		return newBundle(e.stdout), nil
	case f.state == "":
		return createBundle(f.out, modes)
	}
	return extendBundle(f.out, state, f.state, modes)
}

// filtersOf returns a text that differs if the match fields do.
func filtersOf(q taxii.Query) string {
	var parts []string
	for _, field := range []struct {
		name   string
		values []string
	}{{"id", q.IDs}, {"type", q.Types}, {"version", q.Versions}, {"spec_version", q.Specs}} {
		if len(field.values) > 0 {
			parts = append(parts, field.name+"="+strings.Join(field.values, ","))
		}
	}
	return strings.Join(parts, "&")
}

// pullState is how far a pull got.
type pullState struct {
	Collection string `json:"collection"`
	Filters    string `json:"filters,omitempty"`
	Output     string `json:"output"`
	AddedAfter string `json:"added_after,omitempty"` // date_added of the last object that is on disk
	Size       int64  `json:"size,omitempty"`        // of the bundle in Output, up to that object

	exists bool // it was read from a file
}

// load reads a state that exists, which must be that of the same pull.
func (s *pullState) load(name string) error {
	text, err := readIfExists(name)
	if err != nil || text == nil {
		return err
	}
	var kept pullState
	if err := json.Unmarshal(text, &kept); err != nil {
		return fmt.Errorf("read the state %s: %w", name, err)
	}
	for _, part := range []struct{ what, kept, asked string }{
		{"collection", kept.Collection, s.Collection},
		{"filters", kept.Filters, s.Filters},
		{"output", kept.Output, s.Output},
	} {
		if part.kept != part.asked {
			return withHint(fmt.Errorf("%s is the state of another pull: its %s is %q, not %q", name, part.what, part.kept, part.asked),
				"give each pull a state file of its own")
		}
	}
	*s, s.exists = kept, true
	return nil
}

// save writes the state atomically: after a crash there is either the old or the new one.
func (s *pullState) save(name string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(name, append(text, '\n'), true, 0o600); err != nil {
		return fmt.Errorf("keep the state: %w", err)
	}
	return syncFolder(filepath.Dir(name))
}
