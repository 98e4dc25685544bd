package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
)

var update = flag.Bool("update", false, "write testdata/log anew; only for a new format of messages, whose vectors come beside those that are there")

const vectorsFile = "testdata/log/format-1.txt"

const vectorsHead = `# Messages of the log, in order, as they are applied to an empty data folder: what each is about, the digest of the
# content of accord.db or of the agreement's file that it leads to, without indexes, and the message in Base64.
# These lines stay for ever: whoever changes what a message does makes another format, with a file of its own.
`

// C-1: the messages of every version lead to the files that they always led to.
func TestC1VectorsOfMessages(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	s := openFolder(t, filepath.Join(t.TempDir(), "data"), Options{Log: newMemoryLog(0), Cluster: "c1"})
	kinds, place := map[string]int{}, uint64(0)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		place++
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		want, encoded, _ := strings.Cut(rest, " ")
		message, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		kinds[name]++
		if err := hand(s, []Logged{{place, message}}); err != nil {
			t.Fatalf("message %d: %v", place, err)
		}
		if got := logicalDigest(t, s, message); got != want {
			t.Errorf("message %d, about %s, leads to a file with the digest %s, want %s", place, name, got, want)
		}
	}
	if len(kinds) != 2 || place < 30 {
		t.Errorf("the vectors are %d messages about %v", place, kinds)
	}
	for _, col := range s.Collections() {
		mustBeSound(t, col)
	}
}

func writeVectors(t *testing.T) {
	l := newMemoryLog(0)
	n := openNode(t, filepath.Join(t.TempDir(), "data"), l, Options{Now: clockFrom(testEpoch, 1700*time.Microsecond)}, nil)
	everyRecord(t, n.Store)
	col, _ := n.Collection("gsp")
	a, terms := col.Terms()
	a = a.Clone()
	a.Parties = testAgreement(col.ID()).Parties
	if _, err := col.Append(t.Context(), Batch{Terms: terms, Changes: []Change{{Terms: &TermsChange{Agreement: a, Act: "change"}}}}); err != nil {
		t.Fatal(err)
	}
	w, m := newWorld(5), newModel()
	for _, p := range a.Parties {
		if p.Identity != "" {
			declared[p.Identity] = string(p.Party)
		}
	}
	for range 20 {
		w.do(t, col, m)
	}
	everyKind(t, col)
	l.end()
	n.settle(t)

	s := openFolder(t, filepath.Join(t.TempDir(), "again"), Options{Log: newMemoryLog(0), Cluster: "c1"})
	b := bytes.NewBufferString(vectorsHead)
	for _, m := range append(slices.Clone(l.messages), l.messages[len(l.messages)-1]) { // the last once more
		if err := hand(s, []Logged{{uint64(bytes.Count(b.Bytes(), []byte("\n"))) - 2, m.Message}}); err != nil {
			t.Fatal(err)
		}
		h, err := HeaderOf(m.Message)
		if err != nil {
			t.Fatal(err)
		}
		about := cond(h.About == (uuid.UUID{}), "accord.db", "agreement")
		fmt.Fprintln(b, about, logicalDigest(t, s, m.Message), base64.StdEncoding.EncodeToString(m.Message))
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(vectorsFile), 0o755), os.WriteFile(vectorsFile, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// lasting is the part of a file's content that stays what it is when its format changes: without indexes, which are made of the rest.
func lasting(content string) string {
	var b strings.Builder
lines:
	for line := range strings.Lines(content) {
		for _, name := range derived {
			if strings.HasPrefix(line, string(name)+" ") {
				continue lines
			}
		}
		if !strings.HasPrefix(line, fmt.Sprintf("meta %x ", keyFormat)) && !strings.HasPrefix(line, fmt.Sprintf("meta %x ", keyStats)) {
			b.WriteString(withoutSum(line))
		}
	}
	return b.String()
}

// withoutSum is the line of a record without its checksum, which is of the layout on disk.
func withoutSum(line string) string {
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != string(bucketObjects) {
		return line
	}
	r, err := hex.DecodeString(fields[2])
	if err != nil || len(r) < 1+recordSum || r[0]&flagSum == 0 {
		return line
	}
	return fmt.Sprintf("%s %s %02x%x\n", fields[0], fields[1], r[0]&^flagSum, r[1+recordSum:])
}

// logicalDigest is the digest of the content of the file that a message is about, as far as it lasts. What is compressed is
// decompressed, since versions of zstd write different bytes.
func logicalDigest(t *testing.T, s *Store, message []byte) string {
	t.Helper()
	h, err := HeaderOf(message)
	if err != nil {
		t.Fatal(err)
	}
	var db interface {
		View(func(*bolt.Tx) error) error
	} = s.db
	if h.About != (uuid.UUID{}) {
		col, ok := s.CollectionOf(h.About)
		if !ok {
			t.Fatalf("there is no collection %s", h.About)
		}
		db = col.file.Load().db
	}
	sum := sha256.New()
	for line := range strings.Lines(lasting(content(t, db))) {
		fields := strings.Fields(line)
		if len(fields) == 3 && (fields[0] == string(bucketStatuses) || fields[0] == string(bucketRefused)) {
			key, _ := hex.DecodeString(fields[1])
			value, _ := hex.DecodeString(fields[2])
			line = decompressed(t, fields[0], key, value)
		}
		sum.Write([]byte(line))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func decompressed(t *testing.T, bucket string, key, value []byte) string {
	t.Helper()
	if bucket == string(bucketStatuses) {
		body, by, err := parseStatus(value)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s %x %x %v %x\n", bucket, key, value[:8], by, body)
	}
	kept, packed, err := parseRefused(RefusedKey(key), value)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := statusDecoder()
	if err == nil {
		kept.Text, err = dec.DecodeAll(packed, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %x %+v\n", bucket, key, *kept)
}

// vectorMessages are the messages of the vectors, and messages that are damaged.
func vectorMessages(t testing.TB) (list [][]byte) {
	t.Helper()
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && !strings.HasPrefix(line, "#") {
			message, err := base64.StdEncoding.DecodeString(fields[2])
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, message)
		}
	}
	return list
}

// Each bit of a message counts: one that is damaged anywhere is refused, and changes nothing.
func TestADamagedMessageIsRefused(t *testing.T) {
	messages := vectorMessages(t)
	for _, message := range [][]byte{messages[0], messages[len(messages)-1]} {
		h, err := HeaderOf(message)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(message) {
			damaged := bytes.Clone(message)
			damaged[bit/8] ^= 1 << (bit % 8)
			if err := parseAny(h.About, damaged); err == nil {
				t.Fatalf("the message with bit %d turned is read", bit)
			}
		}
		for n := range len(message) {
			if err := parseAny(h.About, message[:n]); err == nil {
				t.Fatalf("the first %d bytes of a message are read", n)
			}
		}
		newer := bytes.Clone(message)
		newer[16] = MessageFormat + 1
		var format *FormatError
		if err := parseAny(h.About, newer); !errors.As(err, &format) || format.Format != MessageFormat+1 {
			t.Errorf("a newer format: got %v", err)
		}
	}
}

func parseAny(about uuid.UUID, message []byte) (err error) {
	if about == (uuid.UUID{}) {
		_, err = parseRegistry(message)
		return err
	}
	_, err = parseGroup(about, message)
	return err
}

// FuzzMessageFields reads fields of messages: what is read is written again as it was, and nothing makes it fail otherwise.
func FuzzMessageFields(f *testing.F) {
	for _, message := range vectorMessages(f) {
		h, text, err := openMessage(message)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(h.About == (uuid.UUID{}), text)
	}
	about := uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116")
	f.Fuzz(func(t *testing.T, registry bool, text []byte) {
		id := about
		if registry {
			id = uuid.UUID{}
		}
		message, err := encodeMessage(id, uuid.Max, text)
		if err != nil {
			t.Fatal(err)
		}
		if registry {
			m, err := parseRegistry(message)
			if err != nil {
				if !errors.Is(err, ErrMessage) {
					t.Errorf("got %v, want ErrMessage", err)
				}
				return
			}
			again, err := writeFields(m.fields)
			if err != nil || !bytes.Equal(again, text) {
				t.Errorf("it is written as %x, was %x, %v", again, text, err)
			}
			return
		}
		g, err := parseGroup(id, message)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Errorf("got %v, want ErrMessage", err)
			}
			return
		}
		again, err := writeFields(g.fields)
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("it is written as %x, was %x, %v", again, text, err)
		}
		// Whatever a member sends, applying it does not panic.
		col := newFuzzCollection(t)
		if err := col.ApplyLog([]Logged{{1, message}}); errors.Is(err, verifiedbolt.ErrDamaged) {
			t.Errorf("a sound file is said to be damaged: %v", err)
		}
	})
}

func newFuzzCollection(t testing.TB) *Collection {
	t.Helper()
	id := uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116")
	col, err := createCollection(filepath.Join(t.TempDir(), "agreement.db"), id, testAgreement(id), Actor{}, collectionOptions{Log: newMemoryLog(0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { col.close() })
	return col
}
