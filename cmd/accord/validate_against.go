package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
	"github.com/accord-taxii/accord/taxii"
)

// against compares objects with what a collection has stored under their identifiers and versions.
type against struct {
	client *taxii.Client
	url    string
}

// againstTogether is how many identifiers one request asks for: URLs stay below 4,000 characters.
const againstTogether = 40

// compare adds a finding to each document whose version is stored with other content. Objects without a version are not
// compared.
func (a *against) compare(ctx context.Context, documents []document) error {
	byID := map[string][]int{}
	var ids []string
	for i := range documents {
		o, ok := objectIn(documents[i].raw)
		if !ok || o.Instant.IsZero() {
			continue
		}
		id := string(o.ID)
		if byID[id] == nil {
			ids = append(ids, id)
		}
		byID[id] = append(byID[id], i)
	}
	for some := range slices.Chunk(ids, againstTogether) {
		query := taxii.Query{IDs: some, Versions: []string{"all"}, Specs: []string{"2.0", "2.1"}}
		for page, err := range a.client.Objects(ctx, a.url, query) {
			if err != nil {
				return err
			}
			for _, text := range page.Items {
				if o, ok := objectIn(text); ok {
					a.hold(documents, byID[string(o.ID)], o, text)
				}
			}
		}
	}
	return nil
}

// hold compares the documents of an object with one stored version.
func (a *against) hold(documents []document, places []int, stored stix.Object, text json.RawMessage) {
	for _, i := range places {
		d := &documents[i]
		o, _ := objectIn(d.raw)
		if o.SpecVersion != stored.SpecVersion || o.Instant.Compare(stored.Instant) != 0 || stix.SameContent(d.raw, text) {
			continue
		}
		member := "modified"
		if o.Tree.Member(o.Tree.Root(), member) < 0 {
			member = "created"
		}
		d.across = append(d.across, validate.Finding{
			Rule: "S-201", Severity: validate.Error, Path: "/" + member, Section: "3.6",
			Message: fmt.Sprintf("the collection has version %s of this object with other content, which stays; a change needs a later modified", stored.Version),
		})
	}
}

// objectIn parses an object. It reports false if the text has a fault.
func objectIn(raw []byte) (stix.Object, bool) {
	if raw == nil {
		return stix.Object{}, false
	}
	o, findings := validate.Parse(raw, new(ijson.Tree), ijson.Limits{})
	return o, !validate.Invalid(findings) && o.ID != ""
}
