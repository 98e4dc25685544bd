package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/taxii"
)

func newPushCommand(e *env) *cobra.Command {
	var r remote
	var stateFile string
	var most int
	cmd := &cobra.Command{
		Use:   "push FILE... --url COLLECTION-URL --user ACCOUNT",
		Short: "Send STIX objects to a TAXII collection",
		Long: `Sends STIX objects to a collection of a TAXII 2.1 server, Accord or another.

FILE is a bundle, an envelope, a list of objects, a single object, or several
of these one after the other; a folder stands for the .json files in and below
it, and - for standard input. Objects are sent exactly as they are written, in
envelopes as large as the server takes.

Objects that the server refuses are listed on standard error, one a line, with
what the server says about each; they stop nobody else's. Running push again
is harmless: an object that is there already is a success. With --state, the
envelopes that went through without a refusal are noted in a file, and not
sent again.

` + remoteHelp + `

Exit code 0: every object is there. 1: some were refused. 2: something else
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
			p := &push{e: e, client: client, url: r.url, most: most}
			if err := p.run(cmd.Context(), args, stateFile); err != nil {
				return &exitError{code: exitUsage, err: explain(err)}
			}
			if p.unread > 0 {
				return &exitError{code: exitUsage}
			}
			if p.refused > 0 {
				return &exitError{code: exitFound}
			}
			return nil
		},
	}
	r.addFlags(cmd)
	cmd.Flags().StringVar(&stateFile, "state", "", "note in `FILE` which envelopes are done, and leave those out")
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

	bar     *progress
	state   *pushState
	pending []item

	envelopes, accepted, refused, known, unread int
}

func (p *push) run(ctx context.Context, args []string, stateFile string) error {
	files, err := filesOf(args)
	if err != nil {
		return err
	}
	if err := p.greet(ctx); err != nil {
		return err
	}
	if p.state, err = openPushState(stateFile, p.url); err != nil {
		return err
	}
	defer p.state.close()
	p.bar = newProgress(p.e.stderr, "sending", sizeOf(files))
	defer p.bar.done()
	for _, file := range files {
		items, err := p.read(file)
		if err != nil {
			p.unread++
			p.bar.say("not sent: %v", err)
			continue
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
	line := fmt.Sprintf("%s accepted, %d refused, in %s", count(p.accepted, "object"), p.refused, count(p.envelopes, "envelope"))
	if p.known > 0 {
		line += fmt.Sprintf("; %s sent in an earlier run", count(p.known, "object"))
	}
	_, err = fmt.Fprintln(p.e.stdout, line)
	return err
}

// greet asks the server what it takes, and whether from us.
func (p *push) greet(ctx context.Context) error {
	collection, err := p.client.Collection(ctx, p.url)
	if err != nil {
		return err
	}
	if !collection.CanWrite {
		return fmt.Errorf("this account may not add objects to the collection %q", collection.Title)
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

func (p *push) read(file string) ([]item, error) {
	if file == "-" {
		text, err := io.ReadAll(p.e.stdin)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return objectsOf("standard input", text)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return objectsOf(file, text)
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

// envelope sends one envelope, unless it is known to be done.
func (p *push) envelope(ctx context.Context, items []item, size int64) error {
	defer func() {
		for _, it := range items {
			p.bar.add(int64(len(it.raw)) + 1)
		}
	}()
	if size > p.maxBytes {
		p.refuse(items[0], "", "", fmt.Sprintf("not sent: its envelope has %d bytes, the server takes %d", size, p.maxBytes))
		return nil
	}
	raws := rawsOf(items)
	if p.state.has(raws) {
		p.known += len(items)
		return nil
	}
	refused := p.refused
	if err := p.post(ctx, items); err != nil {
		return err
	}
	if p.refused > refused {
		return nil // the next run tries again
	}
	return p.state.add(raws)
}

// post sends items and counts what became of them. An envelope that is refused as a whole for what is in it is sent in
// halves, so that one unreadable object does not stop the others.
func (p *push) post(ctx context.Context, items []item) error {
	status, err := p.client.AddEnvelope(ctx, p.url, rawsOf(items))
	p.envelopes++
	var refusal *taxii.ResponseError
	if errors.As(err, &refusal) && (refusal.StatusCode == http.StatusUnprocessableEntity || refusal.StatusCode == http.StatusRequestEntityTooLarge) {
		if len(items) == 1 {
			text := refusal.Error()
			if refusal.TAXII != nil {
				text = refusal.TAXII.Error()
			}
			p.refuse(items[0], "", "", text)
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
	p.accepted += status.SuccessCount
	if len(status.Failures) < status.FailureCount {
		p.refused += status.FailureCount - len(status.Failures)
		p.bar.say("refused: %s, which the server does not list (status %s)", count(status.FailureCount-len(status.Failures), "object"), status.ID)
	}
	if len(status.Failures) == 0 {
		return nil
	}
	for i, it := range culprits(items, status) {
		failure := status.Failures[i]
		p.refuse(it, failure.ID, failure.Version, failure.Message)
	}
	return nil
}

// refuse lists one object that was not taken: as it names itself, else as the server names it.
func (p *push) refuse(it item, id, version, message string) {
	p.refused++
	line := "refused:"
	if it.raw != nil {
		line += " " + it.place()
		if own, ownVersion := it.header(); own != "" {
			id, version = own, ownVersion
		}
	}
	if id != "" {
		line += " " + id
	}
	if version != "" {
		line += " " + version
	}
	if message == "" {
		message = "the server gives no reason"
	}
	p.bar.say("%s: %s", line, message)
}

// culprits finds the object of each failure in a status: by id and version, else by id, and where those are of no use
// because the object has none, in the order of what is left. One that cannot be told is the zero item.
func culprits(items []item, status taxii.Status) []item {
	byName := map[[2]string][]int{}
	for i, it := range items {
		id, version := it.header()
		byName[[2]string{id, version}] = append(byName[[2]string{id, version}], i)
		if version != "" {
			byName[[2]string{id}] = append(byName[[2]string{id}], i)
		}
	}
	taken := make([]bool, len(items))
	take := func(d taxii.StatusDetail) int {
		for _, name := range [][2]string{{d.ID, d.Version}, {d.ID}} {
			for _, i := range byName[name] {
				if !taken[i] {
					taken[i] = true
					return i
				}
			}
		}
		return -1
	}
	found := make([]item, len(status.Failures))
	var unnamed []int
	for i, failure := range status.Failures {
		if at := take(failure); at >= 0 {
			found[i] = items[at]
		} else {
			unnamed = append(unnamed, i)
		}
	}
	for _, success := range status.Successes {
		take(success)
	}
	var left []int
	for i := range items {
		if !taken[i] {
			left = append(left, i)
		}
	}
	if len(left) == len(unnamed) {
		for n, i := range unnamed {
			found[i] = items[left[n]]
		}
	}
	return found
}

func rawsOf(items []item) [][]byte {
	raws := make([][]byte, len(items))
	for i, it := range items {
		raws[i] = it.raw
	}
	return raws
}

// sizeOf is how many bytes the files have, 0 when that is not known.
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

// count is "1 object" or "2 objects", "1 entry" or "2 entries".
func count[N int | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
