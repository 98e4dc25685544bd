package accord_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// This is a verifier written from doc/history.md, with SHA-256, Ed25519 and JSON, and none of the code that it checks. It
// holds the page to what the program does.

type hash = [32]byte

func leaf(entry []byte) hash { return sha256.Sum256(append([]byte{0}, entry...)) }

func node(l, r hash) hash { return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...)) }

// rootOf is the definition, without any cleverness.
func rootOf(entries [][]byte) hash {
	switch len(entries) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaf(entries[0])
	}
	k := 1
	for k*2 < len(entries) {
		k *= 2
	}
	return node(rootOf(entries[:k]), rootOf(entries[k:]))
}

// included checks a proof of inclusion.
func included(entry []byte, p, n uint64, proof []hash, root hash) bool {
	m, last, r := p-1, n-1, leaf(entry)
	for _, h := range proof {
		if last == 0 {
			return false
		}
		if m%2 == 1 || m == last {
			r = node(h, r)
			for m%2 == 0 && m != 0 {
				m, last = m/2, last/2
			}
		} else {
			r = node(r, h)
		}
		m, last = m/2, last/2
	}
	return last == 0 && r == root
}

// consistent checks a proof of consistency.
func consistent(m, n uint64, proof []hash, before, after hash) bool {
	if m == n {
		return len(proof) == 0 && before == after
	}
	if m&(m-1) == 0 {
		proof = append([]hash{before}, proof...)
	}
	f, s := m-1, n-1
	for f%2 == 1 {
		f, s = f/2, s/2
	}
	if len(proof) == 0 {
		return false
	}
	a, b := proof[0], proof[0]
	for _, h := range proof[1:] {
		if s == 0 {
			return false
		}
		if f%2 == 1 || f == s {
			a, b = node(h, a), node(h, b)
			for f%2 == 0 && f != 0 {
				f, s = f/2, s/2
			}
		} else {
			b = node(b, h)
		}
		f, s = f/2, s/2
	}
	return a == before && b == after && s == 0
}

// signedText checks a note's signature with a verifier key and returns its text.
func signedText(signed, verifierKey string) (string, error) {
	text, signatures, ok := strings.Cut(signed, "\n\n")
	if !ok {
		return "", errors.New("no empty line")
	}
	text += "\n"
	parts := strings.SplitN(verifierKey, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 33 || key[0] != 1 {
		return "", errors.New("no Ed25519 key")
	}
	id := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	if hex.EncodeToString(id[:4]) != parts[1] {
		return "", errors.New("the key has another hash")
	}
	for line := range strings.Lines(signatures) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "—" || fields[1] != parts[0] {
			continue
		}
		sig, err := base64.StdEncoding.DecodeString(fields[2])
		if err == nil && len(sig) == 68 && bytes.Equal(sig[:4], id[:4]) && ed25519.Verify(key[1:], []byte(text), sig[4:]) {
			return text, nil
		}
	}
	return "", errors.New("no signature of that key")
}

type checkpoint struct {
	origin string
	size   uint64
	root   hash
}

func openCheckpoint(t *testing.T, signed, key string) checkpoint {
	t.Helper()
	text, err := signedText(signed, key)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint{lines[0], size, toHash(t, lines[2])}
}

func toHash(t *testing.T, text string) (h hash) {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || copy(h[:], b) != 32 {
		t.Fatalf("%q is no hash", text)
	}
	return h
}

// entryFields reads an entry into its fields, by tag.
func entryFields(b []byte) (map[byte][]byte, error) {
	fields := map[byte][]byte{}
	if len(b) == 0 || b[0] != 1 {
		return nil, errors.New("another format")
	}
	last := byte(0)
	for rest := b[1:]; len(rest) > 0; {
		tag := rest[0]
		length, n := binary.Uvarint(rest[1:])
		if n <= 0 || tag <= last || tag > 18 || length == 0 || length > uint64(len(rest)-1-n) {
			return nil, fmt.Errorf("field %d is malformed", tag)
		}
		fields[tag] = rest[1+n : 1+n+int(length)]
		rest, last = rest[1+n+int(length):], tag
	}
	if fields[1] == nil || len(fields[2]) != 8 {
		return nil, errors.New("kind or time is missing")
	}
	return fields, nil
}

func vector(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(historyVectors, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func vectorRaws(t *testing.T) (list [][]byte) {
	t.Helper()
	for _, line := range strings.Fields(vector(t, "entries.txt")) {
		b, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

func TestAVerifierWrittenFromThePageVerifiesTheJournal(t *testing.T) {
	entries := vectorRaws(t)
	for i, line := range strings.Split(strings.TrimSpace(vector(t, "roots.txt")), "\n") {
		_, root, _ := strings.Cut(line, " ")
		if rootOf(entries[:i]) != toHash(t, root) {
			t.Errorf("the root of %d entries is not that of roots.txt", i)
		}
	}
	var last int64
	var terms []byte
	live := map[uint64]string{}
	for i, b := range entries {
		f, err := entryFields(b)
		if err != nil {
			t.Fatalf("entry %d: %v", i+1, err)
		}
		at := int64(binary.BigEndian.Uint64(f[2]))
		if at <= last {
			t.Errorf("entry %d is not later than the one before", i+1)
		}
		last = at
		name := string(f[5]) + " " + string(f[6]) + " " + string(f[7])
		switch f[1][0] {
		case 1:
			live[uint64(i+1)] = name
		case 2, 3:
			of, _ := binary.Uvarint(f[8])
			if live[of] != name {
				t.Errorf("entry %d removes %q of %d, which added %q", i+1, name, of, live[of])
			}
			delete(live, of)
		case 4:
			if !bytes.Equal(f[15], terms) {
				t.Errorf("entry %d changes terms that were not in force", i+1)
			}
			terms = f[14]
		}
	}
}

func TestAVerifierWrittenFromThePageVerifiesCheckpointsAndProofs(t *testing.T) {
	entries := vectorRaws(t)
	key := strings.TrimSpace(vector(t, "key.txt"))
	kept := openCheckpoint(t, vector(t, "checkpoint-kept.txt"), key)
	text, err := signedText(vector(t, "succession.txt"), key)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	if lines[0] != "accord.key.succession" || lines[1] != key {
		t.Fatalf("got the succession %q", lines)
	}
	today := openCheckpoint(t, vector(t, "checkpoint-today.txt"), lines[2])
	if kept.origin != today.origin || kept.root != rootOf(entries[:kept.size]) || today.root != rootOf(entries) {
		t.Errorf("got the checkpoints %v and %v", kept, today)
	}
	for line := range strings.Lines(vector(t, "proofs.jsonl")) {
		var p struct {
			Entry, Size, From, To uint64
			Hashes                []string
		}
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		hashes := make([]hash, len(p.Hashes))
		for i, text := range p.Hashes {
			hashes[i] = toHash(t, text)
		}
		if p.Entry > 0 {
			if root := rootOf(entries[:p.Size]); !included(entries[p.Entry-1], p.Entry, p.Size, hashes, root) || included([]byte("other"), p.Entry, p.Size, hashes, root) {
				t.Errorf("entry %d in %d: the proof does not do", p.Entry, p.Size)
			}
			continue
		}
		before, after := rootOf(entries[:p.From]), rootOf(entries[:p.To])
		if !consistent(p.From, p.To, hashes, before, after) || consistent(p.From, p.To, hashes, leaf([]byte("other")), after) {
			t.Errorf("from %d to %d: the proof does not do", p.From, p.To)
		}
	}
}

func TestAVerifierWrittenFromThePageVerifiesEvidence(t *testing.T) {
	var ev struct {
		Format, Agreement, Object, Checkpoint, Key string
		Successions                                []string
		Entries                                    []struct {
			Position       uint64
			Entry, Content []byte
			Proof          []string
		}
	}
	if err := json.Unmarshal([]byte(vector(t, "evidence.json")), &ev); err != nil {
		t.Fatal(err)
	}
	head := openCheckpoint(t, ev.Checkpoint, ev.Key)
	for _, e := range ev.Entries {
		proof := make([]hash, len(e.Proof))
		for i, text := range e.Proof {
			proof[i] = toHash(t, text)
		}
		f, err := entryFields(e.Entry)
		if err != nil || string(f[5]) != ev.Object || !included(e.Entry, e.Position, head.size, proof, head.root) {
			t.Errorf("entry %d is not proved (error %v)", e.Position, err)
		}
		if digest := sha256.Sum256(e.Content); e.Content != nil && !bytes.Equal(digest[:], f[14]) {
			t.Errorf("entry %d: the content has another digest", e.Position)
		}
	}
}
