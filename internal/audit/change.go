package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Change is one difference between two documents of terms: a path of member names, and the values as JSON, "" for none.
type Change struct {
	Path   string `json:"path"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// changes returns what the terms at a position changed.
func (v *View) changes(p journal.Position, after []byte) ([]Change, error) {
	_, _, before, err := v.col.TermsAt(p - 1)
	if err != nil {
		return nil, err
	}
	names, err := v.targets(before, after)
	if err != nil {
		return nil, err
	}
	return compareNamed(before, after, names)
}

// CompareTerms lists how two documents of terms of an agreement differ, with the names that ids stand for: for operators.
func CompareTerms(col *store.Collection, before, after []byte) ([]Change, error) {
	names, err := col.TargetsIn(before, after)
	if err != nil {
		return nil, err
	}
	return compareNamed(before, after, names)
}

// compareNamed is compareDocuments with names in the place of ids.
func compareNamed(before, after []byte, names map[agreement.Name]agreement.Name) ([]Change, error) {
	list, err := compareDocuments(before, after)
	for id, name := range names {
		for i := range list {
			list[i].Before = strings.ReplaceAll(list[i].Before, string(id), string(name))
			list[i].After = strings.ReplaceAll(list[i].After, string(id), string(name))
		}
	}
	return list, err
}

// compareDocuments lists the differences of two JSON documents, by path. Lists are compared as wholes.
func compareDocuments(before, after []byte) ([]Change, error) {
	was, is := map[string]string{}, map[string]string{}
	if err := flatten(was, "", before); err != nil {
		return nil, err
	}
	if err := flatten(is, "", after); err != nil {
		return nil, err
	}
	paths := slices.Collect(maps.Keys(was))
	paths = slices.AppendSeq(paths, maps.Keys(is))
	slices.Sort(paths)
	var list []Change
	for _, path := range slices.Compact(paths) {
		if was[path] != is[path] {
			list = append(list, Change{path, was[path], is[path]})
		}
	}
	return list, nil
}

func flatten(values map[string]string, path string, text []byte) error {
	if !strings.HasPrefix(string(text), "{") {
		values[path] = string(text)
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return fmt.Errorf("compare documents: %w", err)
	}
	for name, value := range members {
		if err := flatten(values, strings.TrimPrefix(path+"."+name, "."), value); err != nil {
			return err
		}
	}
	return nil
}

// TermsHistory returns the entries by which the terms changed, the newest first, at most limit of them; before, if it is not 0, is the
// position that they come before.
func (v *View) TermsHistory(before journal.Position, limit int) (History, error) {
	if err := v.All("the terms"); err != nil {
		return History{}, err
	}
	size, err := v.Size()
	if err != nil {
		return History{}, err
	}
	h := &telling{View: v, answer: History{Agreement: string(v.Agreement()), Entries: []Record{}, Terms: map[string]json.RawMessage{}}}
	at := journal.Position(size)
	if before > 0 {
		at = min(at, before-1)
	}
	for ; at > 0; at-- {
		since, _, _, err := v.col.TermsAt(at)
		if err != nil {
			return History{}, err
		}
		if since == 0 {
			break
		}
		if len(h.answer.Entries) == limit {
			h.answer.More, h.answer.Next = true, at+1
			break
		}
		e, _, err := v.col.Entry(since)
		if err == nil {
			err = h.tell(positioned{since, e})
		}
		if err != nil {
			return History{}, err
		}
		at = since
	}
	return h.answer, nil
}
