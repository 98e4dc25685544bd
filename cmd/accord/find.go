package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/index"
)

// findRun is one run of the find command.
type findRun struct {
	target target
	search admin.Search
	file   string
	format string
	most   int
}

func newFindCommand(e *env) *cobra.Command {
	var f findRun
	cmd := &cobra.Command{
		Use:   "find VALUE... | --file FILE",
		Short: "Find objects across all agreements that you may read",
		Long: `Finds objects across all agreements that the account may read. Each VALUE is an
address, a range, a domain, a URL, a hash, an e-mail address, a CVE id, an
object's identifier, a name, or words, defanged or not; an object is found by
any of them. An address finds the ranges that hold it, a range what lies in it,
a domain what lies below it. Of each object its last version is looked at.

With more than one VALUE, a table says first how many objects have each.
--format json prints what /accord/v1/search answers, --format stix a bundle of
the objects. On a data folder without a server, the search index is brought up
to date first, which takes a while the first time.

` + targetHelp,
		Example: `  accord find 198.51.100.7 evil.example --data /var/lib/accord
  accord find "cobalt strike" --type malware --since 2026-01-01 --url https://ti.example/ --user analyst
  accord find --file iocs.txt --valid --format json --data /var/lib/accord`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.search.Q = args
			return f.run(cmd.Context(), e)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.file, "file", "", "`FILE` with a value a line, - for standard input; lines that begin with # are passed over")
	flags.StringArrayVar(&f.search.Type, "type", nil, "only objects of this STIX `TYPE`; may be repeated")
	flags.StringVar(&f.search.Since, "since", "", "only what was added at or after this `DATE` or time")
	flags.IntVar(&f.search.Confidence, "confidence", 0, "only objects whose confidence is at least `N`, 1 to 100")
	flags.BoolVar(&f.search.Valid, "valid", false, "only what is not revoked, and valid now")
	flags.StringArrayVar(&f.search.Agreement, "agreement", nil, "only under this agreement, by `NAME`; may be repeated")
	flags.IntVar(&f.most, "limit", 10_000, "at most `N` objects")
	flags.StringVar(&f.format, "format", "text", "print `text|json|stix`")
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json", "stix"}, cobra.ShellCompDirectiveNoFileComp))
	f.target.addFlags(flags)
	return cmd
}

func (f *findRun) run(ctx context.Context, e *env) error {
	if !slices.Contains([]string{"text", "json", "stix"}, f.format) {
		return usageError("--format %q is not known: text, json or stix", f.format)
	}
	if f.most < 1 {
		return usageError("--limit is %d, expected at least 1", f.most)
	}
	if f.search.Confidence < 0 || f.search.Confidence > 100 {
		return usageError("--confidence is %d, expected 1 to 100", f.search.Confidence)
	}
	if f.file != "" {
		if err := f.readValues(e); err != nil {
			return err
		}
	}
	if len(f.search.Q) == 0 {
		return withHint(usageError("there is nothing to find"), "give values, or --file with a value a line")
	}
	f.search.Content = f.format == "stix"
	return f.target.administer(e, func(c *admin.Client) error {
		found, err := f.ask(ctx, c)
		if err != nil {
			return err
		}
		switch f.format {
		case "json":
			return writeJSON(e.stdout, found)
		case "stix":
			return writeBundle(e.stdout, found)
		}
		return f.write(e.stdout, found)
	})
}

// readValues adds the lines of the file to the values.
func (f *findRun) readValues(e *env) error {
	var r io.Reader = e.stdin
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return usageError("--file: %w", err)
		}
		defer file.Close()
		r = file
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			f.search.Q = append(f.search.Q, line)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", f.file, err)
	}
	return nil
}

// ask fetches all pages, for as many values at once as a server accepts.
func (f *findRun) ask(ctx context.Context, c *admin.Client) (index.Results, error) {
	all := index.Results{Results: []index.Result{}}
	seen := make(map[string]int) // of agreement and id, in all.Results
	for values := range slices.Chunk(f.search.Q, index.MostValues) {
		q := f.search
		q.Q, q.Limit = values, min(f.most, index.MostResults)
		for {
			found, err := c.Search(ctx, q)
			if err != nil {
				return all, err
			}
			if q.Next == "" {
				all.Total += found.Total
				all.Behind = found.Behind
				all.Facets = join(all.Facets, found.Facets)
			}
			for _, r := range found.Results {
				key := r.Agreement + "\x00" + r.ID
				if i, there := seen[key]; there { // also found by values of an earlier request
					all.Results[i].Matches = append(all.Results[i].Matches, r.Matches...)
					all.Total--
					continue
				}
				if len(all.Results) == f.most {
					return all, nil
				}
				seen[key] = len(all.Results)
				all.Results = append(all.Results, r)
			}
			if q.Next = found.Next; q.Next == "" {
				break
			}
		}
	}
	return all, nil
}

// join adds the counts of one answer to another's. Objects that both found are counted by both.
func join(a, b map[string][]index.Count) map[string][]index.Count {
	if a == nil {
		return b
	}
	for name, counts := range b {
		for _, c := range counts {
			i := slices.IndexFunc(a[name], func(o index.Count) bool { return o.Value == c.Value })
			if i < 0 {
				a[name] = append(a[name], c)
			} else {
				a[name][i].Count += c.Count
			}
		}
	}
	return a
}

// write prints a line for each object, below a line for each value if there are several.
func (f *findRun) write(w io.Writer, found index.Results) error {
	if len(f.search.Q) > 1 {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, c := range found.Facets["value"] {
			known := count(int(c.Count), "object")
			if c.Count == 0 {
				known = "not known"
			}
			fmt.Fprintf(table, "%s\t%s\n", c.Value, known)
		}
		fmt.Fprintln(table)
		if err := table.Flush(); err != nil {
			return err
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range found.Results {
		state := "TLP:" + strings.ToUpper(orNone(r.TLP))
		if r.TLP == "" {
			state = "no TLP"
		}
		if r.Revoked {
			state += ", revoked"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Agreement, r.ID, r.Version, r.Added.UTC().Format("2006-01-02"), state, r.Name)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	switch {
	case found.Total == 0:
		fmt.Fprintln(w, "nothing found")
	case uint64(len(found.Results)) < found.Total:
		fmt.Fprintf(w, "%s of %d found; --limit shows more\n", count(len(found.Results), "object"), found.Total)
	default:
		fmt.Fprintf(w, "%s found\n", count(len(found.Results), "object"))
	}
	if found.Behind > 0 {
		fmt.Fprintf(w, "the search index has yet to read %s of the journals\n", count(int(found.Behind), "entry"))
	}
	return nil
}

// writeBundle prints the objects that were found, each once, as a STIX bundle.
func writeBundle(w io.Writer, found index.Results) error {
	if _, err := fmt.Fprintf(w, "{\"type\":\"bundle\",\"id\":\"bundle--%s\",\"objects\":[", uuid.New()); err != nil {
		return err
	}
	seen := make(map[string]bool)
	between := ""
	for _, r := range found.Results {
		if key := r.ID + "\x00" + r.Version; !seen[key] {
			seen[key] = true
			if _, err := fmt.Fprintf(w, "%s\n%s", between, r.Object); err != nil {
				return err
			}
			between = ","
		}
	}
	_, err := fmt.Fprintln(w, "]}")
	return err
}
