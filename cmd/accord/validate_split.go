package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

// document is one thing to answer for: an object's text, or findings that stand already.
type document struct {
	index    int
	raw      []byte // an object to judge; nil when the findings below are all
	id, typ  string
	findings []validate.Finding
	across   []validate.Finding // what other objects beside it give reason to say

	aside bool // a bundle whose objects say enough: answered in words only, and not counted
}

// bundleIndex is the index of a bundle itself among its objects.
const bundleIndex = -1

// splitDocuments finds the objects in a text: the objects of a bundle or an envelope, the items of a list, or the one object
// that the text is. Text that is not JSON is one document with its finding. The documents hold on to text or a copy of it.
func splitDocuments(text []byte) []document {
	var tree ijson.Tree
	err := tree.Parse(text, ijson.Limits{Depth: ijson.DefaultDepth + 2})
	if err == nil {
		return splitTree(text, &tree)
	}
	var fault *ijson.Error
	if errors.As(err, &fault) && !fault.Code.Malformed() {
		if documents := splitFaulty(text); documents != nil {
			return documents
		}
	}
	return []document{{findings: []validate.Finding{validate.TextFinding(err)}}}
}

func splitTree(text []byte, t *ijson.Tree) []document {
	root := t.Root()
	list := root
	var documents []document
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
			return []document{{raw: text}}
		}
	}
	items := slices.Collect(t.Items(list))
	across := validate.Across(t, items)
	for i, item := range items {
		documents = append(documents, document{index: i, raw: t.Raw(item), across: across[i]})
	}
	if len(documents) == 0 && t.Kind(root) == ijson.Array {
		return []document{{raw: text}} // an empty list is no object
	}
	return documents
}

// splitFaulty splits JSON that package ijson refuses (a name twice, a surrogate alone, too deep), so that only the objects
// with the fault are refused. It answers nil when the fault is not inside one of several objects.
func splitFaulty(text []byte) []document {
	var items []json.RawMessage
	if json.Unmarshal(text, &items) != nil {
		var frame map[string]json.RawMessage
		if json.Unmarshal(text, &frame) != nil {
			return nil
		}
		var typ string
		if raw, ok := frame["type"]; ok && (json.Unmarshal(raw, &typ) != nil || typ != "bundle") {
			return nil
		}
		if json.Unmarshal(frame["objects"], &items) != nil {
			return nil
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
		return nil
	}
	return documents
}
