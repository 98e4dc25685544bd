package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/taxii"
)

func newPushCommand(e *env) *cobra.Command {
	var r remote
	var stateFile, format string
	var most int
	var quiet bool
	cmd := &cobra.Command{
		Use:   "push FILE... --url COLLECTION-URL --user ACCOUNT",
		Short: "Send STIX objects to a TAXII collection",
		Long: `Sends STIX objects to a collection of a TAXII 2.1 server, Accord or another.

FILE is a bundle, an envelope, a list of objects, a single object, or several
of these one after the other. A folder stands for the files below it whose
names end in .json, .stix, .stix2, .jsonl or .ndjson, and - for standard input.
In a .jsonl or .ndjson file each line is read alone. Objects are sent exactly
as they are written, in envelopes as large as the server takes.

Objects that the server refuses, and those that it takes with a warning, are
listed on standard error, one a line, with what the server says about each;
the others are stored all the same. At the end come how many objects are new,
were present, were corrected and were refused, and how many each rule refused
or warned about. Running push again is harmless: an object that is present
with the same content is a success. With --state, the envelopes that went
through without a refusal are noted in a file, and not sent again.

--format json writes a line of JSON for each object, one for each rule, and at
the end one with the sums:

    {"file","index","id","version","outcome","message","refused_by","warned_by"}
    {"rule","severity","objects"}
    {"new","present","corrected","refused","known","envelopes"}

where outcome is new, present, corrected, refused, known for an object of an
earlier run, or unknown where the server does not say which of several it
refused; refused_by and warned_by are lists of rules.

` + remoteHelp + `

Exit code 0: every object is stored. 1: some were refused. 2: something else
failed, and not everything was sent.`,
		Example: `  ACCORD_PASSWORD=... accord push bundle.json --url https://taxii.example/nicp/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/ --user vendor-push
  make-indicators | accord push - --url https://taxii.example/nicp/collections/gsp/ --user vendor-push --password-file secret
  accord push feed/ --state feed.state --url https://taxii.example/nicp/collections/gsp/ --token-file token`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return withHint(usageError("accord push takes at least one FILE"), "- is standard input; accord push --help shows examples")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := r.client(e)
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return usageError("--format %q is neither text nor json", format)
			}
			p := &push{e: e, client: client, url: r.url, most: most, json: format == "json", quiet: quiet}
			if err := p.run(cmd.Context(), args, stateFile); err != nil {
				return &exitError{code: exitUsage, err: explain(err)}
			}
			if p.unread > 0 {
				return &exitError{code: exitUsage}
			}
			if p.sums.Refused > 0 {
				return &exitError{code: exitFound}
			}
			return nil
		},
	}
	r.addFlags(cmd)
	cmd.Flags().StringVar(&stateFile, "state", "", "note in `FILE` which envelopes are done, and leave those out")
	cmd.Flags().StringVar(&format, "format", "text", "how to answer: text, or json for a line of JSON an object")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print refusals, warnings and errors alone")
	cmd.Flags().IntVar(&most, "envelope-objects", taxii.DefaultBatchObjects, "at most `N` objects in an envelope")
	return cmd
}

// push sends the objects of files. Objects wait in pending until an envelope is full.
type push struct {
	e        *env
	client   *taxii.Client
	url      string
	most     int   // objects in an envelope
	maxBytes int64 // octets of an envelope
	json     bool
	quiet    bool // neither a bar nor sums

	bar     *progress
	state   *pushState
	pending []item
	sums    pushSums
	unread  int // files that could not be read completely
}

func (p *push) run(ctx context.Context, args []string, stateFile string) error {
	var missing error
	files, err := inputFiles(ctx, args, func(name string, err error) { missing = firstError(missing, err) })
	if err := firstError(err, missing); err != nil {
		return err
	}
	if err := p.greet(ctx); err != nil {
		return err
	}
	if p.state, err = openPushState(stateFile, p.url); err != nil {
		return err
	}
	defer p.state.close()
	p.bar = &progress{w: p.e.stderr}
	if !p.quiet {
		p.bar = newProgress(p.e.stderr, "sending", sizeOf(files))
	}
	defer p.bar.done()
	for _, file := range files {
		items, err := p.read(file)
		if err != nil {
			p.unread++
			p.bar.say("not sent: %v", err)
		}
		p.pending = append(p.pending, items...)
		if err := p.flush(ctx, false); err != nil {
			return err
		}
	}
	if err := p.flush(ctx, true); err != nil {
		return err
	}
	p.bar.done()
	if p.quiet && !p.json {
		return nil
	}
	return p.sums.write(p.e.stdout, p.json)
}

// greet asks the server for its limits. Whether this account may add objects is left to the answer to the first
// envelope, which says why not.
func (p *push) greet(ctx context.Context) error {
	if _, err := p.client.Collection(ctx, p.url); err != nil {
		return err
	}
	rootURL, err := taxii.RootOf(p.url)
	if err != nil {
		return err
	}
	root, err := p.client.Root(ctx, rootURL)
	if err != nil {
		return err
	}
	if root.MaxContentLength <= 0 {
		return fmt.Errorf("the API root %s says that it takes bodies of %d bytes", rootURL, root.MaxContentLength)
	}
	p.maxBytes = root.MaxContentLength
	return nil
}

// read finds the objects of a file. With an error it still returns those that can be sent.
func (p *push) read(file string) ([]item, error) {
	text, err := readInput(p.e.stdin, file)
	if err != nil {
		return nil, err
	}
	if file == "-" {
		file = "standard input"
	}
	return objectsOf(displayName(file), text)
}

// flush sends the envelopes that are full, and at the end the one that is not.
func (p *push) flush(ctx context.Context, end bool) error {
	raws := rawsOf(p.pending)
	batches := taxii.Pack(raws, p.maxBytes, p.most)
	sent := 0
	for i, batch := range batches {
		if i == len(batches)-1 && !end && batch.Bytes <= p.maxBytes {
			break // room for more
		}
		items := p.pending[batch.First : batch.First+batch.Count]
		if err := p.envelope(ctx, items, batch.Bytes); err != nil {
			return err
		}
		sent = batch.First + batch.Count
	}
	p.pending = append(p.pending[:0:0], p.pending[sent:]...)
	return nil
}

// envelope sends one envelope, unless an earlier run did.
func (p *push) envelope(ctx context.Context, items []item, size int64) error {
	defer func() {
		for _, it := range items {
			p.bar.add(int64(len(it.raw)) + 1)
		}
	}()
	if size > p.maxBytes {
		p.tell(pushAnswer{item: items[0], Outcome: pushRefused, Message: fmt.Sprintf("not sent: its envelope has %d bytes, the server takes %d", size, p.maxBytes)})
		return nil
	}
	raws := rawsOf(items)
	if p.state.has(raws) {
		for _, it := range items {
			p.tell(pushAnswer{item: it, Outcome: pushKnown})
		}
		return nil
	}
	refused := p.sums.Refused
	if err := p.post(ctx, items); err != nil {
		return err
	}
	if p.sums.Refused > refused {
		return nil // the next run tries again
	}
	return p.state.add(raws)
}

// post sends items and reports the outcomes. If an envelope is refused as a whole for its content, it sends the
// envelope in halves, so that one unreadable object does not stop the others.
func (p *push) post(ctx context.Context, items []item) error {
	status, err := p.client.AddEnvelope(ctx, p.url, rawsOf(items))
	p.sums.Envelopes++
	var refusal *taxii.ResponseError
	if errors.As(err, &refusal) && (refusal.StatusCode == http.StatusUnprocessableEntity || refusal.StatusCode == http.StatusRequestEntityTooLarge) {
		if len(items) == 1 {
			text := refusal.Error()
			if refusal.TAXII != nil {
				text = refusal.TAXII.Error()
			}
			p.tell(pushAnswer{item: items[0], Outcome: pushRefused, Message: text})
			return nil
		}
		half := len(items) / 2
		if err := p.post(ctx, items[:half]); err != nil {
			return err
		}
		return p.post(ctx, items[half:])
	}
	if err != nil {
		return err
	}
	for _, answer := range answersOf(items, status, func(it item) [][]byte { return p.stored(ctx, it) }) {
		p.tell(answer)
	}
	return nil
}

// stored returns the texts that the collection has for an object's version, or none if it does not say.
func (p *push) stored(ctx context.Context, it item) (texts [][]byte) {
	o, ok := objectIn(it.raw)
	if !ok || o.Version == "" {
		return nil
	}
	query := taxii.Query{Versions: []string{o.Version}, Specs: []string{o.SpecVersion}}
	for page, err := range p.client.Object(ctx, p.url, string(o.ID), query) {
		if err != nil {
			return nil
		}
		for _, text := range page.Items {
			texts = append(texts, text)
		}
	}
	return texts
}

// tell counts the outcome for an object, and prints it if it is of interest.
func (p *push) tell(a pushAnswer) {
	a.complete()
	p.sums.count(a)
	if p.json {
		fmt.Fprint(p.e.stdout, string(appendLine(nil, a)))
		return
	}
	if line := a.sentence(); line != "" {
		p.bar.say("%s", line)
	}
}

func rawsOf(items []item) [][]byte {
	raws := make([][]byte, len(items))
	for i, it := range items {
		raws[i] = it.raw
	}
	return raws
}

// sizeOf returns the total size of the files, or 0 if unknown.
func sizeOf(files []string) int64 {
	total := int64(0)
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		total += info.Size()
	}
	return total
}

// count returns a count with its noun, such as "1 object" or "2 entries".
func count[N int | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok && !strings.HasSuffix(stem, "a") { // days
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
