package store

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

func recordOf(t testing.TB, text string, position journal.Position) []byte {
	o := parsed(t, text)
	p, err := prepareAddition(Change{Add: &Addition{Object: o}})
	if err != nil {
		t.Fatal(err)
	}
	r := record{position: position, form: p.form, id: []byte(o.ID), version: []byte(o.Version), text: o.Raw()}
	return appendRecord(nil, r, p.idSpan, p.versionSpan)
}

func TestRecordsReadBack(t *testing.T) {
	id := testID("malware", 1)
	plain := malware(id, spec21, "2021-01-01T00:00:00.000Z", "")
	for _, row := range []struct{ name, text, version string }{
		{"spans", plain, "2021-01-01T00:00:00.000Z"},
		{"an escaped identifier", strings.Replace(plain, `"malware--`, `"malw\u0061re--`, 1), "2021-01-01T00:00:00.000Z"},
		{"an escaped version", strings.Replace(plain, `"2021-01`, `"2021\u002d01`, 1), "2021-01-01T00:00:00.000Z"},
		{"an escaped name of a member", strings.Replace(plain, `"modified"`, `"m\u006fdified"`, 1), "2021-01-01T00:00:00.000Z"},
		{"created alone", strings.Replace(plain, `"modified"`, `"x_modified"`, 1), "2020-01-01T00:00:00.000Z"},
		{"STIX 2.0", malware(id, spec20, "2021-01-01T00:00:00.000Z", ""), "2021-01-01T00:00:00.000Z"},
		{"no version", address(id, "x"), ""},
	} {
		r, err := parseRecord(recordOf(t, row.text, 77))
		if err != nil || string(r.id) != string(id) || string(r.version) != row.version || string(r.text) != row.text || r.position != 77 {
			t.Errorf("%s: got id %s, version %s, position %d, text %s, error %v", row.name, r.id, r.version, r.position, r.text, err)
		}
		if o := parsed(t, row.text); r.form.spec() != o.SpecVersion {
			t.Errorf("%s: got spec version %s, want %s", row.name, r.form.spec(), o.SpecVersion)
		}
	}
}

// A record of which any bit is another is not read. One of an earlier program has no checksum and is.
func TestAFlippedBitInARecordIsFound(t *testing.T) {
	b := recordOf(t, malware(testID("malware", 1), spec21, "2021-01-01T00:00:00.000Z", ""), 77)
	want, err := parseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(b) {
		flipped := bytes.Clone(b)
		flipped[i/8] ^= 1 << (i % 8)
		if r, err := parseRecord(flipped); err == nil && flipped[0] != b[0]&^flagSum { // which says that there is no checksum
			t.Errorf("bit %d: got %+v", i, r)
		}
	}
	old := append([]byte{b[0] &^ flagSum}, b[1+recordSum:]...)
	if got, err := parseRecord(old); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("without a checksum: got %+v, %v, want %+v", got, err, want)
	}
}

func TestIDKeysAreThoseOfIdentifiersInWhateverCase(t *testing.T) {
	id := testID("malware", 1)
	upper := stix.ID("malware--" + strings.ToUpper(id.UUID()))
	a, ok1 := appendIDKey(nil, 300, id)
	b, ok2 := appendIDKey(nil, 300, upper)
	if !ok1 || !ok2 || !bytes.Equal(a, b) || idKeyLen(append(a[:len(a):len(a)], 1, 2)) != len(a) || idKeyLen(append(b[:len(b):len(b)], 1, 2)) != len(b) {
		t.Errorf("got keys %x and %x", a, b)
	}
	if _, ok := appendIDKey(nil, 1, "nonsense"); ok {
		t.Error("nonsense has a key")
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(recordOf(f, malware(testID("malware", 1), spec21, "2021-01-01T00:00:00.000Z", ""), 1))
	f.Add(recordOf(f, address(testID("url", 1), "x"), 1<<40))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			if !reflect.DeepEqual(r, record{}) {
				t.Fatalf("got %+v beside error %v", r, err)
			}
			return
		}
		if len(r.text) > len(b) || len(r.id) > len(b) || len(r.version) > len(b) {
			t.Fatalf("got more than there is: %+v", r)
		}
		again, err := parseRecord(appendRecord(nil, r, span{}, span{}))
		if err != nil || !bytes.Equal(again.text, r.text) || !bytes.Equal(again.id, r.id) || !bytes.Equal(again.version, r.version) || again.form != r.form || again.position != r.position {
			t.Fatalf("got %+v, %v, want %+v", again, err, r)
		}
	})
}

func FuzzFigures(f *testing.F) {
	some := stats{objects: 3, versions: 4, bytes: 5000, entries: 9, lastAt: 1 << 50, lastAdded: 1 << 50}
	some.classes[35] = 4
	f.Add(some.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseStats(b)
		if err != nil {
			return
		}
		if again, err := parseStats(got.append(nil)); err != nil || again != got {
			t.Fatalf("got %+v, %v, want %+v", again, err, got)
		}
	})
}
