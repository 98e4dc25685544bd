package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

// change is a difference between two versions at one place.
type change struct {
	Path string          `json:"path"` // JSON Pointer (RFC 6901)
	Old  json.RawMessage `json:"old,omitempty"`
	New  json.RawMessage `json:"new,omitempty"`
}

func diffVersions(ctx context.Context, e *env, a *audit.Client, from source, object string, names [2]string, format string) error {
	var texts [2][]byte
	for i, name := range names {
		p, err := positionOf(ctx, a, from, object, name)
		if err != nil {
			return err
		}
		if texts[i], err = a.Content(ctx, from.agreement(), p); err != nil {
			return fmt.Errorf("read version %s: %w", name, err)
		}
	}
	changes, err := differences(texts[0], texts[1])
	if err != nil {
		return err
	}
	for _, c := range changes {
		if format == "json" {
			err = writeJSONLine(e.stdout, c)
		} else {
			err = writeChange(e.stdout, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// positionOf returns the position of the version with the given name: its version text, or the position at which it was
// added. If several have the same text (deleted and added again), it returns the last.
func positionOf(ctx context.Context, a *audit.Client, from source, object, name string) (found journal.Position, err error) {
	number, _ := strconv.ParseUint(name, 10, 63)
	var known []string
	_, err = eachRecord(ctx, a, from, object, func(r audit.Record) error {
		if r.Kind != "added" {
			return nil
		}
		known = append(known, fmt.Sprintf("%s (at %d)", orNone(r.Version), r.Position))
		if r.Version == name || r.Position == journal.Position(number) {
			found = r.Position
		}
		return nil
	})
	if err == nil && found == 0 {
		err = fmt.Errorf("%s never had a version %s, only %s", object, name, strings.Join(known, ", "))
	}
	return found, err
}

// differences lists what differs between two JSON texts, by path.
func differences(a, b []byte) ([]change, error) {
	var values [2]any
	for i, text := range [][]byte{a, b} {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber() // numbers differ when their texts do
		if err := dec.Decode(&values[i]); err != nil {
			return nil, fmt.Errorf("read the object: %w", err)
		}
	}
	return compare(nil, "", values[0], values[1]), nil
}

func compare(list []change, path string, a, b any) []change {
	switch old := a.(type) {
	case map[string]any:
		if now, ok := b.(map[string]any); ok {
			return compareObjects(list, path, old, now)
		}
	case []any:
		if now, ok := b.([]any); ok {
			return compareLists(list, path, old, now)
		}
	}
	if x, y := rawJSON(a), rawJSON(b); !bytes.Equal(x, y) {
		list = append(list, change{path, x, y})
	}
	return list
}

func compareObjects(list []change, path string, a, b map[string]any) []change {
	names := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		old, was := a[name]
		now, is := b[name]
		at := path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		switch {
		case !was:
			list = append(list, change{at, nil, rawJSON(now)})
		case !is:
			list = append(list, change{at, rawJSON(old), nil})
		default:
			list = compare(list, at, old, now)
		}
	}
	return list
}

// compareLists compares the items between the equal ones at the beginning and at the end.
func compareLists(list []change, path string, a, b []any) []change {
	same := func(x, y any) bool { return bytes.Equal(rawJSON(x), rawJSON(y)) }
	first := 0
	for first < len(a) && first < len(b) && same(a[first], b[first]) {
		first++
	}
	endA, endB := len(a), len(b)
	for endA > first && endB > first && same(a[endA-1], b[endB-1]) {
		endA, endB = endA-1, endB-1
	}
	for i := first; i < max(endA, endB); i++ {
		at := path + "/" + strconv.Itoa(i)
		switch {
		case i >= endA:
			list = append(list, change{at, nil, rawJSON(b[i])})
		case i >= endB:
			list = append(list, change{at, rawJSON(a[i]), nil})
		default:
			list = compare(list, at, a[i], b[i])
		}
	}
	return list
}

// rawJSON returns a decoded value as JSON, the same for equal values.
func rawJSON(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil // what was decoded can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func writeChange(w io.Writer, c change) (err error) {
	switch {
	case c.Old == nil:
		_, err = fmt.Fprintf(w, "+ %s: %s\n", c.Path, c.New)
	case c.New == nil:
		_, err = fmt.Fprintf(w, "- %s: %s\n", c.Path, c.Old)
	default:
		_, err = fmt.Fprintf(w, "~ %s: %s -> %s\n", c.Path, c.Old, c.New)
	}
	return err
}

func writeJSONLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
