package store

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/accord-taxii/accord/stix"
)

// FuzzStatusRecord reads a kept status, checksum right or wrong.
func FuzzStatusRecord(f *testing.F) {
	enc, err := statusEncoder()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(enc.EncodeAll([]byte(`{"id":"x"}`), append(make([]byte, 8), "\x01a\x01p"...)))
	f.Add([]byte("00000000\x010\x010(\xb5/\xfd\xd0\x90\x90\x90\x90\x90\x0f\x00\x000")) // claims to be 17 TB
	f.Add(append(make([]byte, 8), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		var frame zstd.Header
		for i := range b { // what claims to be large is given room, which takes so long that the fuzzer thinks it hangs
			if frame.Decode(b[i:]) == nil && frame.FrameContentSize > 16<<20 && frame.FrameContentSize < maxStatus {
				return
			}
		}
		b = binary.BigEndian.AppendUint32(slices.Clone(b), crc32.Checksum(b, castagnoli))
		body, by, err := parseStatus(b)
		if err != nil && (body != nil || by != Actor{}) {
			t.Errorf("got %q and %+v beside %v", body, by, err)
		}
	})
}

// FuzzReceiveBackup takes a backup from a server that may send anything: it becomes a backup that can be read, or leaves
// nothing behind, and writes nothing beside its folder.
func FuzzReceiveBackup(f *testing.F) {
	sum := sha256.Sum256([]byte("x"))
	file := `{"name":"accord.db","size":1,"sha256":"` + hex.EncodeToString(sum[:]) + `"}`
	for _, parts := range [][]string{
		{planName, `{"format":1,"bytes":1}`, "accord.db", "x", backupName, `{"format":1,"files":[` + file + `]}`},
		{backupName, `{"format":9}`},
		{planName, `{"format":1}`, "../a", "x", backupName, `{"format":1}`},
		{planName, `{"format":1}`, "./backup.json", "x", backupName, `{"format":1}`},
		{planName, `{"format":1}`, "a", "x", "a/b", "x", backupName, `{"format":1}`},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for i := 0; i < len(parts); i += 2 {
			w.WriteHeader(&tar.Header{Name: parts[i], Size: int64(len(parts[i+1])), Mode: 0o600, Typeflag: tar.TypeReg})
			w.Write([]byte(parts[i+1]))
		}
		w.Close()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "backup")
		m, err := ReceiveBackup(context.Background(), bytes.NewReader(stream), dir, nil)
		beside, _ := os.ReadDir(parent)
		if err != nil {
			if m != nil || len(beside) != 0 {
				t.Errorf("%v leaves %v and %+v", err, beside, m)
			}
			return
		}
		if len(beside) != 1 {
			t.Errorf("got %v, want one folder", beside)
		}
		if again, err := ReadBackupManifest(dir); err != nil || len(again.Files) != len(m.Files) {
			t.Errorf("what was received cannot be read: %v", err)
		}
	})
}

// FuzzIDKey makes keys of identifiers: no two have one key but for the case of their UUIDs, which stix.ParseID lowers, and none is the
// beginning of another.
func FuzzIDKey(f *testing.F) {
	f.Add("indicator--7d3f9c2a-51b4-4e08-9a6d-000000000001", "indicator--7d3f9c2a-51b4-4e08-9a6d-00000000000A", []byte{1})
	f.Add("indicator--7d3f9c2a-51b4-4e08-9a6d-00000000000a", "indicator--7d3f9c2a-51b4-4e08-9a6d-00000000000A", []byte{1})
	f.Fuzz(func(t *testing.T, one, other string, rest []byte) {
		a, ok := appendIDKey(nil, 7, stix.ID(one))
		if !ok {
			return
		}
		if n := idKeyLen(slices.Concat(a, rest)); n != len(a) {
			t.Errorf("%q: got a key of %d bytes, want %d", one, n, len(a))
		}
		b, ok := appendIDKey(nil, 7, stix.ID(other))
		if same := strings.EqualFold(stix.ID(one).UUID(), stix.ID(other).UUID()); ok && bytes.HasPrefix(a, b) != same {
			t.Errorf("%q and %q: got the keys %x and %x", one, other, a, b)
		}
	})
}
