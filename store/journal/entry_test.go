package journal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456000, time.UTC)

func digestOf(b byte) (d Digest) {
	for i := range d {
		d[i] = b
	}
	return d
}

// examples are entries of every kind; each has a golden file.
func examples() map[string]Entry {
	source := Source{Collection: uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116"), Position: 300}
	return map[string]Entry{
		"added": {
			Kind: Added, At: noon, Account: "vendor-push", Party: "vendor",
			Object: "indicator--2d3b4b6c-2a54-4d5a-9f4a-0a6f1c1c7a10", Version: "2026-03-01T00:00:00.000Z", SpecVersion: "2.1",
			Size: 1042, TLP: 3, Status: uuid.MustParse("0b0f2f1e-6f5c-4d7e-8a66-2f1f6d0d9a01"),
			Warnings: []string{"S-101", "S-207"}, Digest: digestOf(0xd1),
		},
		"added-unversioned": {
			Kind: Added, At: noon, Object: "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4", SpecVersion: "2.1",
			Size: 99, Digest: digestOf(0xd2), Source: source,
		},
		"deleted": {
			Kind: Deleted, At: noon, Account: "vendor-push", Party: "vendor",
			Object: "indicator--2d3b4b6c-2a54-4d5a-9f4a-0a6f1c1c7a10", Version: "2026-03-01T00:00:00.000Z", SpecVersion: "2.1",
			Of: 128, Reason: "sent by mistake",
		},
		"withdrawn": {
			Kind: Withdrawn, At: noon, Object: "tool--6b616fc1-1505-48e3-8b2c-0d19337bff38", Version: "2017-01-27T13:49:53Z",
			SpecVersion: "2.0", Of: 1, Source: source,
		},
		"terms": {Kind: Terms, At: noon, Account: "root", Act: "renew", Digest: digestOf(2), Before: digestOf(1), Reason: "until 2030 é"},
		"admin": {Kind: Admin, At: time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), Act: "create", Subject: "account vendor-push", Digest: digestOf(3)},
		"head":  {Kind: Head, At: noon, Source: source, Digest: digestOf(4)},
	}
}

// vectors of this package lie in testdata/vectors; the first line of each says what must come of it.
func TestEntryVectors(t *testing.T) {
	if *update {
		for name, e := range examples() {
			text := fmt.Sprintf("outcome: accepted\nleaf: %s\n%s\n", leafOf(e.Append(nil)), wrapped(e.Append(nil)))
			if err := os.WriteFile(filepath.Join("testdata", "vectors", "entry-"+name+".txt"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "vectors", "entry-*.txt"))
	if err != nil || len(files) < 6 {
		t.Fatalf("got %d vectors and error %v, want at least 6", len(files), err)
	}
	seen := 0
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "entry-"), ".txt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			outcome, body, _ := strings.Cut(string(text), "\n")
			leaf := ""
			if strings.HasPrefix(body, "leaf: ") {
				leaf, body, _ = strings.Cut(strings.TrimPrefix(body, "leaf: "), "\n")
			}
			raw, err := hex.DecodeString(strings.Join(strings.Fields(body), ""))
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseEntry(raw)
			if outcome == "outcome: refused" {
				if err == nil {
					t.Fatalf("got %+v, want it refused", got)
				}
				return
			}
			if err != nil {
				t.Fatalf("got error %v, want it accepted", err)
			}
			if want, ok := examples()[name]; ok {
				seen++
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			}
			if again := got.Append(nil); !bytes.Equal(again, raw) {
				t.Errorf("got  %x\nwant %x", again, raw)
			}
			if h := leafOf(raw); leaf != "" && h != leaf {
				t.Errorf("leaf hash: got %s, want %s", h, leaf)
			}
		})
	}
	if seen != len(examples()) {
		t.Errorf("got vectors for %d examples, want all %d", seen, len(examples()))
	}
}

func wrapped(b []byte) string {
	var lines []string
	for len(b) > 0 {
		n := min(len(b), 32)
		lines = append(lines, hex.EncodeToString(b[:n]))
		b = b[n:]
	}
	return strings.Join(lines, "\n")
}

func TestAppendWritesOneSpelling(t *testing.T) {
	a := Entry{Kind: Added, At: noon.Add(999 * time.Nanosecond), Warnings: []string{"b", "", "a", "b"}, Reason: "bad \xff byte"}
	got, err := ParseEntry(a.Append([]byte("kept"))[4:])
	if err != nil {
		t.Fatal(err)
	}
	want := Entry{Kind: Added, At: noon, Warnings: []string{"a", "b"}, Reason: "bad \uFFFD byte"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseEntryRefuses(t *testing.T) {
	at := "0208" + "00064bb1a1d3a740"
	for _, row := range []struct{ name, bytes string }{
		{"no bytes", ""},
		{"another format", "02 010101" + at},
		{"only a format", "01"},
		{"no kind", "01" + at},
		{"no time", "01 010101"},
		{"an unknown kind", "01 010108" + at},
		{"kind zero", "01 010100" + at},
		{"an unknown tag", "01 010101" + at + "13 01 61"},
		{"tag zero", "01 00 01 61 010101" + at},
		{"a tag twice", "01 010101" + at + "03 01 61 03 01 61"},
		{"tags out of order", "01" + at + "010101"},
		{"a value beyond the end", "01 010101" + at + "03 02 61"},
		{"a tag without length", "01 010101" + at + "03"},
		{"a length in two bytes where one does", "01 010101" + at + "03 8100 61"},
		{"a number in two bytes where one does", "01 01028100" + at},
		{"a number with a byte left over", "01 01020101" + at},
		{"an empty text", "01 010101" + at + "0300"},
		{"text that is no UTF-8", "01 010101" + at + "03 01 ff"},
		{"a time of seven bytes", "01 010101 0207 064bb1a1d3a740"},
		{"the zero time", "01 010101 0208 ff23400100d44000"},
		{"a TLP of 256", "01 010101" + at + "0a 02 8002"},
		{"a zero digest", "01 010101" + at + "0e 20" + strings.Repeat("00", 32)},
		{"a short digest", "01 010101" + at + "0e 1f" + strings.Repeat("01", 31)},
		{"warnings out of order", "01 010101" + at + "0c 03 622c61"},
		{"a warning twice", "01 010101" + at + "0c 03 612c61"},
		{"an empty warning", "01 010101" + at + "0c 02 612c"},
		{"a source without position", "01 010101" + at + "0d 10" + strings.Repeat("01", 16)},
		{"a source with a long position", "01 010101" + at + "0d 12" + strings.Repeat("01", 16) + "8100"},
		{"a zero source", "01 010101" + at + "0d 11" + strings.Repeat("00", 17)},
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(row.bytes, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		if got, err := ParseEntry(raw); err == nil || !reflect.DeepEqual(got, Entry{}) {
			t.Errorf("%s: got %+v and error %v, want it refused", row.name, got, err)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, e := range examples() {
		f.Add(e.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEntry(b)
		if err != nil {
			if !reflect.DeepEqual(e, Entry{}) {
				t.Fatalf("got %+v beside error %v", e, err)
			}
			return
		}
		if again := e.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("got %x, want %x", again, b)
		}
	})
}

func leafOf(b []byte) string {
	h := LeafHash(b)
	return hex.EncodeToString(h[:])
}
