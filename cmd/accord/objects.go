package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

// document is one item of a file: an object's text, or complete findings about the file or the bundle.
type document struct {
	index    int    // among the objects of the file, from 0
	raw      []byte // an object to validate; nil if findings is complete
	id, typ  string
	findings []validate.Finding
	across   []validate.Finding // findings about the object and others of the file

	aside bool // a bundle whose objects are enough: reported only in text, and not counted
}

// bundleIndex is the index of a bundle itself among its objects.
const bundleIndex = -1

// splitDocuments finds the objects in a file: those of a bundle, an envelope or a list, a single object, or several of
// these in sequence. In a file of JSON lines each line is read alone, so that a broken line is one document. Text that
// is not JSON is one document with its finding. The documents refer to text or a copy of it.
func splitDocuments(name string, text []byte, opts validate.Options) []document {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if hasLines(name) {
		return splitLines(text, opts)
	}
	var tree ijson.Tree
	err := tree.Parse(text, frameLimits)
	if err == nil {
		documents, items := splitTree(text, &tree)
		hold(documents, &tree, items, opts)
		return documents
	}
	documents := splitValues(text)
	if documents == nil {
		f := validate.TextFinding(err)
		var fault *ijson.Error
		if errors.As(err, &fault) {
			line, column := ijson.Position(text, fault.Offset)
			f.Message += fmt.Sprintf(" (line %d, column %d)", line, column)
		}
		return []document{{findings: []validate.Finding{f}}}
	}
	holdAll(documents, opts)
	return documents
}

// frameLimits allow for the levels around objects of the greatest depth.
var frameLimits = ijson.Limits{Depth: ijson.DefaultDepth + 2}

// splitLines finds the objects of a file of JSON lines. It skips empty lines.
func splitLines(text []byte, opts validate.Options) []document {
	var documents []document
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		more := splitValue(line)
		if more == nil {
			err := new(ijson.Tree).Parse(line, frameLimits)
			f := validate.TextFinding(err)
			f.Message = fmt.Sprintf("line %d of the file: %s", number, f.Message)
			more = []document{{findings: []validate.Finding{f}}}
		}
		documents = appendDocuments(documents, more)
	}
	holdAll(documents, opts)
	return documents
}

// splitValues finds the objects in a sequence of JSON values, and in JSON that package ijson refuses (a duplicate name,
// a lone surrogate, invalid UTF-8, too deep), so that only the objects with the fault are refused. It returns nil if
// text is not JSON or is one object.
func splitValues(text []byte) []document {
	var documents []document
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return documents
		}
		if err != nil {
			return nil
		}
		more := splitValue(value)
		if more == nil {
			return nil
		}
		documents = appendDocuments(documents, more)
	}
}

// splitValue finds the objects in one JSON value, nil when it is not JSON.
func splitValue(text []byte) []document {
	var tree ijson.Tree
	switch {
	case tree.Parse(text, frameLimits) == nil:
		documents, _ := splitTree(text, &tree)
		return documents
	case json.Valid(text):
		return splitFaulty(text)
	}
	return nil
}

// appendDocuments appends the documents of another value of the same file, numbered on.
func appendDocuments(documents, more []document) []document {
	next := 0
	for i := len(documents) - 1; i >= 0 && next == 0; i-- {
		next = documents[i].index + 1
	}
	for _, d := range more {
		if d.index != bundleIndex {
			d.index += next
		}
		documents = append(documents, d)
	}
	return documents
}

// splitTree finds the objects in a value, and the nodes of those to check against each other.
func splitTree(text []byte, t *ijson.Tree) (documents []document, items []int) {
	root := t.Root()
	list := root
	if t.Kind(root) != ijson.Array {
		list = t.Member(root, "objects")
		typ := t.Member(root, "type")
		switch {
		case t.Is(typ, "bundle"), typ < 0 && strings.HasPrefix(t.Str(t.Member(root, "id")), "bundle--"):
			frame := document{index: bundleIndex, id: t.Str(t.Member(root, "id")), typ: "bundle", findings: validate.Bundle(t, validate.Options{})}
			frame.aside = !validate.Invalid(frame.findings) && t.Kind(list) == ijson.Array
			if len(frame.findings) > 0 || !frame.aside {
				documents = append(documents, frame)
			}
		case typ < 0 && t.Kind(list) == ijson.Array: // a TAXII envelope
		default:
			return []document{{raw: text}}, []int{root}
		}
	}
	items = slices.Collect(t.Items(list))
	for i, item := range items {
		documents = append(documents, document{index: i, raw: t.Raw(item)})
	}
	if len(documents) == 0 && t.Kind(root) == ijson.Array {
		return []document{{raw: text}}, nil // an empty list is no object
	}
	return documents, items
}

// splitFaulty splits a value with a fault in one of several objects. A single object is one document.
func splitFaulty(text []byte) []document {
	var items []json.RawMessage
	if json.Unmarshal(text, &items) != nil {
		var frame map[string]json.RawMessage
		if json.Unmarshal(text, &frame) != nil {
			return nil
		}
		var typ string
		if raw, ok := frame["type"]; ok && (json.Unmarshal(raw, &typ) != nil || typ != "bundle") || json.Unmarshal(frame["objects"], &items) != nil {
			return []document{{raw: text}}
		}
	}
	var t ijson.Tree
	documents := make([]document, len(items))
	faulty := false
	for i, item := range items {
		documents[i] = document{index: i, raw: item}
		faulty = faulty || t.Parse(item, ijson.Limits{}) != nil
	}
	if !faulty {
		return []document{{raw: text}} // the fault is in the frame
	}
	return documents
}

// hold checks objects in one tree against each other.
func hold(documents []document, t *ijson.Tree, items []int, opts validate.Options) {
	across := validate.Across(t, items, opts)
	place := 0
	for i := range documents {
		if documents[i].raw != nil {
			documents[i].across = across[place]
			place++
		}
	}
}

// holdAll checks the objects of a file against each other, except those whose text has a fault.
func holdAll(documents []document, opts validate.Options) {
	if len(documents) < 2 {
		return
	}
	var t ijson.Tree
	list := []byte{'['}
	var places []int
	for i := range documents {
		if raw := documents[i].raw; raw != nil && t.Parse(raw, ijson.Limits{}) == nil {
			if len(places) > 0 {
				list = append(list, ',')
			}
			list = append(list, raw...)
			places = append(places, i)
		}
	}
	if t.Parse(append(list, ']'), frameLimits) != nil {
		return // each of them parses
	}
	for place, findings := range validate.Across(&t, slices.Collect(t.Items(t.Root())), opts) {
		documents[places[place]].across = findings
	}
}

// item is one object of a file to send, with its text as in the file.
type item struct {
	file  string
	index int // among the objects of the file, from 0
	raw   []byte
}

func (it item) place() string { return fmt.Sprintf("%s[%d]", it.file, it.index) }

// header returns the object's identifier and version. Members that are not strings count as absent.
func (it item) header() (id, version string) {
	var h struct{ ID, Created, Modified any }
	if json.Unmarshal(it.raw, &h) != nil {
		return "", ""
	}
	id, _ = h.ID.(string)
	version, _ = h.Created.(string)
	if modified, ok := h.Modified.(string); ok {
		version = modified
	}
	return id, version
}

// objectsOf finds the objects in a file's text, as validate does. The error is about the first thing that cannot be
// sent; the items are those that can. The server validates the objects.
func objectsOf(file string, text []byte) (items []item, err error) {
	for _, d := range splitDocuments(file, text, validate.Options{}) {
		switch {
		case d.raw == nil && !validate.Invalid(d.findings):
		case d.raw == nil:
			err = firstError(err, fmt.Errorf("%s is not JSON: %s", file, d.findings[0].Message))
		case bytes.TrimSpace(d.raw)[0] != '{':
			err = firstError(err, fmt.Errorf("%s: item %d is %.20s, expected a STIX object", file, d.index, d.raw))
		default:
			items = append(items, item{file: file, index: d.index, raw: d.raw})
		}
	}
	return items, err
}

// firstError returns the first of two errors that is not nil, if any.
func firstError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}
