package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

// batch is a group of documents of one file that are validated together, with their answers.
type batch struct {
	file      string
	documents []document
	tally     tally
	out       []byte
	done      chan struct{}
}

// batchSize is the number of objects that a worker validates at a time.
const batchSize = 64

// judgeObjects validates every object of every input on all cores and writes the answers in the order of the input. At
// most a few batches per core wait at any time, so that a folder of any size takes bounded memory.
func judgeObjects(ctx context.Context, e *env, flags validateFlags, out *bufio.Writer, total *tally) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	work, order := make(chan *batch), make(chan *batch, 4*workers)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			j := judge{flags: flags}
			for b := range work {
				j.judge(b)
				close(b.done)
			}
		})
	}
	bar := newProgress(e.stderr, "validate", 0)
	defer bar.done()
	var readErr error
	var failures tally
	running.Go(func() {
		defer close(order)
		defer close(work)
		readErr = eachInput(ctx, e.stdin, flags.paths, func(file string, text []byte) error {
			documents := splitDocuments(file, text, flags.options())
			if flags.against != nil {
				if err := flags.against.compare(ctx, documents); err != nil {
					return explain(err)
				}
			}
			return send(ctx, file, documents, work, order)
		}, func(file string, err error) { failures.unreadable(bar, file, err) })
	})
	var writeErr error
	for b := range order {
		<-b.done
		if writeErr != nil {
			continue
		}
		total.judged += b.tally.judged
		total.invalid += b.tally.invalid
		total.warned += b.tally.warned
		total.rules.addAll(b.tally.rules)
		bar.add(int64(len(b.documents)))
		if _, err := out.Write(b.out); err != nil {
			writeErr = fmt.Errorf("write the answer: %w", err)
			cancel()
		}
	}
	running.Wait()
	total.unread = failures.unread
	if writeErr != nil {
		return writeErr
	}
	return readErr
}

// send passes documents to the workers, and in the same order to the goroutine that writes the answers.
func send(ctx context.Context, file string, documents []document, work, order chan<- *batch) error {
	for len(documents) > 0 {
		n := min(batchSize, len(documents))
		b := &batch{file: file, documents: documents[:n:n], done: make(chan struct{})}
		documents = documents[n:]
		select {
		case order <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		work <- b
	}
	return nil
}

// judge validates one batch after another. It is used by one goroutine.
type judge struct {
	flags validateFlags
	tree  ijson.Tree
}

func (j *judge) judge(b *batch) {
	for i := range b.documents {
		d := &b.documents[i]
		j.document(d)
		b.tally.count(d)
		switch {
		case j.flags.format == "text":
			b.out = appendTextAnswer(b.out, b.file, d)
		case !d.aside:
			b.out = appendJSONAnswer(b.out, b.file, d)
		}
		d.raw, d.findings, d.across = nil, nil, nil
	}
}

// document fills in the findings about an object.
func (j *judge) document(d *document) {
	if d.raw == nil {
		return
	}
	o, findings := validate.Parse(d.raw, &j.tree, ijson.Limits{})
	if o.Tree != nil {
		d.typ = o.Type
		d.id = j.tree.Str(j.tree.Member(j.tree.Root(), "id"))
	}
	opts := j.flags.options()
	if !validate.Invalid(findings) {
		findings = append(findings, validate.Object(o, opts)...)
	}
	d.findings = validate.Join(findings, d.across, opts)
}

// objectAnswer is a line of --format json.
type objectAnswer struct {
	File     string    `json:"file"`
	Index    int       `json:"index"`
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Valid    bool      `json:"valid"`
	Errors   []finding `json:"errors"`
	Warnings []finding `json:"warnings"`
}

type finding struct {
	Rule    string `json:"rule"`
	Path    string `json:"path"`
	Message string `json:"message"`
}

func appendJSONAnswer(dst []byte, file string, d *document) []byte {
	a := objectAnswer{File: file, Index: d.index, ID: d.id, Type: d.typ, Valid: true, Errors: []finding{}, Warnings: []finding{}}
	for _, f := range d.findings {
		said := finding{Rule: f.Rule, Path: f.Path, Message: f.Message}
		if f.Severity == validate.Error {
			a.Valid = false
			a.Errors = append(a.Errors, said)
		} else {
			a.Warnings = append(a.Warnings, said)
		}
	}
	return appendLine(dst, a)
}

// appendLine appends v as a line of JSON.
func appendLine(dst []byte, v any) []byte {
	line, err := json.Marshal(v)
	if err != nil { // strings, numbers and booleans always marshal
		panic(err)
	}
	return append(append(dst, line...), '\n')
}

// appendTextAnswer appends text about a document if it has findings.
func appendTextAnswer(dst []byte, file string, d *document) []byte {
	if len(d.findings) == 0 {
		return dst
	}
	verdict := "valid, with warnings"
	if validate.Invalid(d.findings) {
		verdict = "invalid"
	}
	name := d.id
	if name == "" {
		name = d.typ
	}
	if d.index != bundleIndex {
		name = fmt.Sprintf("[%d] %s", d.index, name)
	}
	dst = fmt.Appendf(dst, "%s: %s: %s\n", file, printable(name), verdict)
	for _, f := range d.findings {
		section := ""
		if f.Section != "" {
			section = " (STIX 2.1, section " + f.Section + ")"
		}
		path := f.Path
		if path == "" {
			path = "the object"
		}
		dst = fmt.Appendf(dst, "  %-7s  %s  %s: %s%s\n", f.Severity, f.Rule, printable(path), printable(f.Message), section)
	}
	return dst
}
