package accord_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

var update = flag.Bool("update", false, "write the vectors anew")

const historyVectors = "testdata/vectors/history"

// vectorKey returns the signer of a key whose seed is one byte, repeated. The key must not be trusted.
func vectorKey(t *testing.T, seed byte) (note.Signer, string) {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	verifier, err := note.NewEd25519VerifierKey("vectors.example", private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Split(verifier, "+")[1]
	secret := append([]byte{1}, private.Seed()...)
	signer, err := note.NewSigner("PRIVATE+KEY+vectors.example+" + hash + "+" + base64.StdEncoding.EncodeToString(secret))
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

var vectorCollection = uuid.MustParse("91a7b528-80eb-42ed-a74d-c6fbd5a26116")

// vectorObjects are the texts of the objects that the entries of the vectors are about.
func vectorObjects() [][]byte {
	var list [][]byte
	for i := range 7 {
		list = append(list, fmt.Appendf(nil, `{"type":"campaign","spec_version":"2.1","id":"campaign--00000000-0000-4000-8000-%012d","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-0%dT00:00:00.000Z","name":"Number %d: é, \u00e9"}`, i/2, i+1, i))
	}
	return list
}

// vectorEntries is a small journal in which everything happens once.
func vectorEntries() []journal.Entry {
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	terms := [2]journal.Digest{sha256.Sum256([]byte("the terms")), sha256.Sum256([]byte("the terms, renewed"))}
	list := []journal.Entry{{Kind: journal.Terms, Account: "root", Act: "create", Digest: terms[0]}}
	for i, text := range vectorObjects() {
		var o struct{ ID, Modified string }
		json.Unmarshal(text, &o)
		e := journal.Entry{Kind: journal.Added, Account: "vendor-push", Party: "vendor", Object: o.ID, Version: o.Modified, SpecVersion: "2.1",
			Size: uint64(len(text)), TLP: uint8(i % 6), Status: uuid.MustParse("0b0f2f1e-6f5c-4d7e-8a66-2f1f6d0d9a01"), Digest: sha256.Sum256(text)}
		if i%3 == 1 {
			e.Warnings = []string{"S-101", "S-207"}
		}
		if i == 6 {
			e.Account, e.Party, e.Status = "", "", uuid.UUID{}
			e.Source = journal.Source{Collection: uuid.MustParse("5f6c1a3e-2f43-4b7a-8a53-4a2f0c9d7e21"), Position: 300}
		}
		list = append(list, e)
	}
	remove := func(kind journal.Kind, of journal.Position, e journal.Entry) journal.Entry {
		added := list[of-1]
		e.Kind, e.Of, e.Object, e.Version, e.SpecVersion = kind, of, added.Object, added.Version, added.SpecVersion
		return e
	}
	list = append(list,
		remove(journal.Deleted, 3, journal.Entry{Account: "vendor-push", Party: "vendor"}),
		journal.Entry{Kind: journal.Terms, Account: "root", Act: "renew", Before: terms[0], Digest: terms[1], Reason: "until 2030"},
		remove(journal.Withdrawn, 8, journal.Entry{Source: journal.Source{Collection: list[7].Source.Collection, Position: 411}, Reason: "deleted at the source"}),
		journal.Entry{Kind: journal.Terms, Account: "root", Act: "suspend", Before: terms[1], Digest: terms[0], Reason: "an incident"})
	return dated(at, append(list, laterEntries(list, remove)...))
}

// laterEntries are of the acts that came after the first vectors: a correction, decisions about releases, a version that a release
// changed on the way, one that terms took back, and removals by an operator.
func laterEntries(list []journal.Entry, remove func(journal.Kind, journal.Position, journal.Entry) journal.Entry) []journal.Entry {
	first := len(list)
	text := []byte(strings.Replace(string(vectorObjects()[4]), "Number 4", "Number four", 1))
	corrected := list[5]
	corrected.Act, corrected.Size, corrected.Digest, corrected.Reason = journal.ActCorrect, uint64(len(text)), sha256.Sum256(text), "a name that was wrong"
	target := journal.Source{Collection: uuid.MustParse("c2d8b6a4-13e7-4c59-b1a8-7e5d3f9a0b31")}
	decision := func(of journal.Position, act, reason string) journal.Entry {
		return remove(journal.Decided, of, journal.Entry{Account: "officer", Party: "agency", Act: act, Source: target, Reason: reason})
	}
	changed := list[7]
	changed.Object, changed.Source.Position = "campaign--00000000-0000-4000-8000-00000000000a", 412
	changed.Before, changed.Digest = sha256.Sum256([]byte("a keyed digest of the original")), sha256.Sum256([]byte("the changed copy"))
	list = append(list,
		remove(journal.Deleted, 6, journal.Entry{Account: "vendor-push", Party: "vendor", Act: journal.ActCorrect, Reason: corrected.Reason}), corrected,
		decision(4, "approve", "seen by the desk"), decision(5, "refuse", "names a victim"), changed)
	return append(list,
		journal.Entry{Kind: journal.Withdrawn, Of: journal.Position(len(list)), Object: changed.Object, Version: changed.Version, SpecVersion: changed.SpecVersion,
			Source: journal.Source{Collection: changed.Source.Collection, Position: 420}, Act: journal.ActTerms, Reason: "the ceiling is green now"},
		remove(journal.Deleted, 4, journal.Entry{Account: "root", Act: journal.ActRemove, Reason: "asked for by its author"}),
		remove(journal.Deleted, 5, journal.Entry{Account: "root", Act: journal.ActBar, Reason: "personal data"}))[first:]
}

// dated gives entries times that ascend.
func dated(at time.Time, list []journal.Entry) []journal.Entry {
	for i := range list {
		list[i].At = at.Add(time.Duration(i*i) * 1001 * time.Microsecond)
	}
	return list
}

// makeVectors makes the files of testdata/vectors/history.
func makeVectors(t *testing.T) map[string][]byte {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	files := map[string][]byte{}
	var raws [][]byte
	for _, e := range vectorEntries() {
		raws = append(raws, e.Append(nil))
		files["entries.txt"] = fmt.Appendf(files["entries.txt"], "%s\n", hex.EncodeToString(raws[len(raws)-1]))
	}
	hashes, n := journal.TreeOf(raws), uint64(len(raws))
	head := func(size uint64) journal.Checkpoint {
		root, err := hashes.Root(size)
		must(err)
		return journal.Checkpoint{Origin: journal.Origin("vectors.example", vectorCollection), Size: size, Root: root}
	}
	for size := range n + 1 {
		root := head(size).Root
		files["roots.txt"] = fmt.Appendf(files["roots.txt"], "%d %s\n", size, root)
	}
	first, firstKey := vectorKey(t, 7)
	second, secondKey := vectorKey(t, 8)
	succession, err := journal.SignSuccession(first, firstKey, secondKey)
	must(err)
	kept, err := head(5).Sign(first)
	must(err)
	today, err := head(n).Sign(second)
	must(err)
	files["key.txt"] = []byte(firstKey + "\n")
	files["succession.txt"], files["checkpoint-kept.txt"], files["checkpoint-today.txt"] = succession, kept, today
	var proofs []audit.Proof
	for size := uint64(1); size <= n; size++ {
		for p := uint64(1); p <= size; p++ {
			in, err := journal.ProveEntry(journal.Position(p), size, hashes)
			must(err)
			from, err := journal.ProveConsistency(p, size, hashes)
			must(err)
			proofs = append(proofs, audit.Proof{Entry: journal.Position(p), Size: size, Hashes: in}, audit.Proof{From: p, To: size, Hashes: from})
		}
	}
	for _, p := range proofs {
		if p.Hashes == nil {
			p.Hashes = []tlog.Hash{}
		}
		line, err := json.Marshal(p)
		must(err)
		files["proofs.jsonl"] = append(append(files["proofs.jsonl"], line...), '\n')
	}
	files["evidence.json"] = vectorEvidence(t, raws, hashes, today, secondKey, succession)
	return files
}

// vectorEvidence is about the object whose first version was deleted.
func vectorEvidence(t *testing.T, raws [][]byte, hashes tlog.HashReader, signed []byte, key string, succession []byte) []byte {
	ev := audit.Evidence{Format: "accord-evidence-1", Agreement: "gsp", Object: vectorEntries()[1].Object, Checkpoint: string(signed), Key: key, Successions: []string{string(succession)}}
	for _, p := range []journal.Position{2, 3, 9} {
		proof, err := journal.ProveEntry(p, uint64(len(raws)), hashes)
		if err != nil {
			t.Fatal(err)
		}
		one := audit.EvidenceEntry{Position: p, Entry: raws[p-1], Proof: proof}
		if p == 2 {
			one.Content = vectorObjects()[0]
		}
		ev.Entries = append(ev.Entries, one)
	}
	text, err := json.MarshalIndent(ev, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// The vectors are what this program writes; the entries keep the rules of journals.
func TestHistoryVectorsAreOurs(t *testing.T) {
	for name, want := range makeVectors(t) {
		path := filepath.Join(historyVectors, name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: it is not what is written today (error %v); -update writes it anew", path, err)
		}
	}
	var v journal.Verification
	for _, e := range vectorEntries() {
		if _, err := v.Add(e.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(historyVectors, "evidence.json"))
	if err != nil {
		t.Fatal(err)
	}
	ev, err := audit.ParseEvidence(text)
	if err != nil {
		t.Fatal(err)
	}
	_, key := vectorKey(t, 7)
	if proved, err := ev.Verify(audit.Trust{Keys: []string{key}}); err != nil || len(proved.Entries) != 3 || !proved.Entries[0].Content {
		t.Errorf("got %+v and error %v", proved, err)
	}
}
