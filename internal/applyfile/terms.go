package applyfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
)

// TermDiff is a term that a plan changes: its name, and its values as JSON, "" for none.
type TermDiff struct {
	Term   string `json:"term"` // such as "release to members: max_tlp"
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// String is such as "term.until: 2029-01-01T00:00:00Z -> 2027-01-01T00:00:00Z".
func (c TermDiff) String() string {
	return c.Term + ": " + plainValue(c.Before) + " -> " + plainValue(c.After)
}

// plainValue is a JSON value without the quotes of a string.
func plainValue(v string) string {
	if v == "" {
		return "none"
	}
	var s string
	if json.Unmarshal([]byte(v), &s) == nil && s != "" {
		return s
	}
	return v
}

// termChanges lists how the terms of two agreements differ, by term. Parties and releases are compared one by one.
func termChanges(now, want *agreement.Agreement) ([]TermDiff, error) {
	was, err := termsOf(now)
	if err != nil {
		return nil, err
	}
	is, err := termsOf(want)
	if err != nil {
		return nil, err
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(was)), maps.Keys(is))
	slices.Sort(names)
	var list []TermDiff
	for _, name := range slices.Compact(names) {
		if was[name] != is[name] {
			list = append(list, TermDiff{name, was[name], is[name]})
		}
	}
	return whole(list, now, want), nil
}

// termsOf returns the terms of an agreement by name, as JSON.
func termsOf(a *agreement.Agreement) (map[string]string, error) {
	shown := a.Clone()
	for i := range shown.Release {
		shown.Release[i].Key = nil // by name
	}
	text, err := shown.Document()
	if err != nil {
		return nil, err
	}
	terms := make(map[string]string)
	if err := flatten(terms, "", text); err != nil {
		return nil, fmt.Errorf("compare the terms of %s: %w", a.Name, err)
	}
	return terms, nil
}

// flatten sets the values in a JSON document by path.
func flatten(values map[string]string, path string, text json.RawMessage) error {
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			return err
		}
		separator := "."
		if path == "" || strings.HasSuffix(path, ": ") {
			separator = ""
		}
		for name, value := range members {
			if err := flatten(values, path+separator+name, value); err != nil {
				return err
			}
		}
	case path == "parties", path == "release":
		var items []map[string]json.RawMessage
		if err := json.Unmarshal(text, &items); err != nil {
			return err
		}
		for _, item := range items {
			if err := flattenItem(values, path, item); err != nil {
				return err
			}
		}
	default:
		values[path] = string(text)
	}
	return nil
}

// flattenItem sets the values of a party or of a release, which its name leads.
func flattenItem(values map[string]string, path string, item map[string]json.RawMessage) error {
	key, called := "party", "party "
	if path == "release" {
		key, called = "to", "release to "
	}
	called += plainValue(string(item[key]))
	delete(item, key)
	values[called] = "true" // it is there, whatever it says
	for name, value := range item {
		if err := flatten(values, called+": "+name, value); err != nil {
			return err
		}
	}
	return nil
}

// whole replaces the terms of a party or release that comes or goes as a whole by one change.
func whole(list []TermDiff, now, want *agreement.Agreement) []TermDiff {
	var kept []TermDiff
	for _, c := range list {
		item, _, inItem := strings.Cut(c.Term, ": ")
		isItem := strings.HasPrefix(item, "party ") || strings.HasPrefix(item, "release to ")
		comesOrGoes := isItem && slices.ContainsFunc(list, func(o TermDiff) bool { return o.Term == item })
		switch {
		case !comesOrGoes:
			kept = append(kept, c)
		case inItem: // told with its item
		default:
			kept = append(kept, TermDiff{item, itemText(now, item), itemText(want, item)})
		}
	}
	return kept
}

// itemText is the party or release that a term names as JSON, "" if there is none.
func itemText(a *agreement.Agreement, item string) string {
	var v any
	if name, ok := strings.CutPrefix(item, "party "); ok {
		m, found := a.Member(agreement.PartyName(name))
		if !found {
			return ""
		}
		v = m
	} else {
		for _, r := range a.Release {
			to, err := json.Marshal(r.To)
			if err == nil && "release to "+plainValue(string(to)) == item {
				v = r
			}
		}
	}
	if v == nil {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

// Changed lists the agreements whose terms the plan changes, as they are and as they will be.
func (p *Plan) Changed() (before, after []*agreement.Agreement) {
	for _, st := range p.Steps {
		if st.Terms != nil {
			before, after = append(before, p.before[st.Terms.Name]), append(after, st.Terms)
		}
	}
	return before, after
}

// Digest identifies the changes of terms in the plan, so that what is carried out is what was shown.
func (p *Plan) Digest() (string, error) {
	h := sha256.New()
	before, after := p.Changed()
	for _, a := range slices.Concat(before, after) {
		text, err := a.Document()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%d\n%s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
