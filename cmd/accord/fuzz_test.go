package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix/validate"
)

// FuzzObjectsOf finds objects in any text as push and as validate do: both must find the same ones, as written in the
// text.
func FuzzObjectsOf(f *testing.F) {
	for _, text := range []string{goodObject, bundleHead + goodObject + "," + badObject + "]}", "[" + goodObject + "]", `{"objects":[` + goodObject + `]}`,
		goodObject + "\n" + goodObject, `{"objects":null}`, `{"type":"bundle"}`, `{"type":null,"objects":[{}]}`, `[[],1]`, `[]`, "\xef\xbb\xbf{}", `{"a":1,"a":2}`,
		bundleHead + `{"a":1,"a":2},{}]}`, ` `, `{"objects":[{"type":"\ud800"}]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		documents := splitDocuments("f", text, validate.Options{})
		if len(documents) == 0 && json.Valid(text) {
			var frame struct{ Objects []json.RawMessage }
			if json.Unmarshal(text, &frame) != nil || len(frame.Objects) > 0 {
				t.Errorf("%q: nothing is found to answer for", text)
			}
		}
		for _, d := range documents {
			if d.raw == nil && len(d.findings) == 0 || d.raw != nil && !bytes.Contains(compact(text), compact(d.raw)) {
				t.Errorf("%q: found %q with %v", text, d.raw, d.findings)
			}
		}
		items, err := objectsOf("f", text)
		if err != nil {
			if items != nil {
				t.Errorf("%q: got %d objects beside %v", text, len(items), err)
			}
			return
		}
		for i, it := range items {
			if it.index != i || !bytes.Contains(text, it.raw) || it.raw[0] != '{' {
				t.Errorf("%q: got %q as item %d", text, it.raw, it.index)
			}
			it.header()
		}
	})
}

// compact returns a text without white space between its tokens, if it is JSON.
func compact(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

// FuzzDifferences compares any two texts: what differs has a place, and nothing differs from itself.
func FuzzDifferences(f *testing.F) {
	f.Add([]byte(`{"a":[1,2,3],"b~/":{"c":1.0}}`), []byte(`{"a":[0,1,2,3],"b~/":{"c":1}}`))
	f.Add([]byte(`[]`), []byte(`null`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		changes, err := differences(a, b)
		if err != nil {
			return
		}
		for _, c := range changes {
			if bytes.Equal(c.Old, c.New) {
				t.Errorf("%q and %q: got %+v", a, b, c)
			}
		}
		back, err := differences(b, a)
		if err != nil || len(back) != len(changes) {
			t.Errorf("%q and %q: got %d differences, backwards %d (%v)", a, b, len(changes), len(back), err)
		}
		if same, err := differences(a, a); err != nil || len(same) != 0 {
			t.Errorf("%q differs from itself: %+v (%v)", a, same, err)
		}
	})
}

// FuzzPathOf names files after objects that any server may have sent: below the folder, and such that they can be made.
func FuzzPathOf(f *testing.F) {
	for _, object := range []string{goodObject, `{"id":"../../x--d4004c0b-3083-54e9-8967-df23618b08d6","modified":"/etc/passwd"}`, `{"id":7}`, `[]`,
		`{"id":"` + strings.Repeat("long", 60) + `--d4004c0b-3083-54e9-8967-df23618b08d6","created":"2024-01-01T00:00:00.` + strings.Repeat("0", 300) + `Z"}`} {
		f.Add([]byte(object))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		name := pathOf(object)
		if !filepath.IsLocal(name) {
			t.Errorf("%q would be written to %q", object, name)
		}
		for _, part := range strings.Split(filepath.ToSlash(name+".partial"), "/") {
			if len(part) > 255 || part == "" || part == "." {
				t.Errorf("%q would be written to %q, whose %q no file system takes", object, name, part)
			}
		}
	})
}

// FuzzByteSize reads sizes as people write them: each is written as it is read.
func FuzzByteSize(f *testing.F) {
	for _, s := range []string{"512KiB", "16MiB", "0", "9007199254740991GiB", "-1", " 1 KiB", "1KiBMiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var size, again byteSize
		if size.Set(s) != nil {
			return
		}
		if err := again.Set(size.String()); size < 0 || err != nil || again != size {
			t.Errorf("%q is %d, written %s and read as %d (%v)", s, size, &size, again, err)
		}
	})
}
