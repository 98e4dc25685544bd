package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// chain makes n entries that keep the rules: terms, then additions of which every fifth is deleted again.
func chain(n int) [][]byte {
	raws := make([][]byte, 0, n)
	at := noon
	add := func(e Entry) {
		at = at.Add(time.Microsecond)
		e.At = at
		raws = append(raws, e.Append(nil))
	}
	add(Entry{Kind: Terms, Act: "create", Digest: digestOf(1)})
	for i := 1; len(raws) < n; i++ {
		e := Entry{Object: fmt.Sprintf("indicator--2d3b4b6c-2a54-4d5a-9f4a-%012d", i), Version: "2026-03-01T00:00:00.000Z", SpecVersion: "2.1", Account: "vendor-push", Party: "vendor"}
		added := e
		added.Kind, added.Size, added.Digest = Added, 1042, digestOf(byte(i))
		add(added)
		if i%5 == 0 && len(raws) < n {
			e.Kind, e.Of = Deleted, Position(len(raws))
			add(e)
		}
	}
	return raws
}

// At every size the stack of subtrees gives the root that tlog gives.
func TestVerificationHashesLikeTheTree(t *testing.T) {
	raws := chain(300)
	hashes := TreeOf(raws)
	if _, err := hashes.Root(301); err == nil {
		t.Error("root of more entries than there are: got no error")
	}
	var v Verification
	for size := range len(raws) + 1 {
		want, err := hashes.Root(uint64(size))
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Root(); got != want {
			t.Fatalf("%d entries: got the root %v, want %v", size, got, want)
		}
		if size < len(raws) {
			if _, err := v.Add(raws[size]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if v.Live()+v.Removed()*2+1 != v.Size() {
		t.Errorf("got %d live, %d removed of %d entries", v.Live(), v.Removed(), v.Size())
	}
}

func TestVerificationRefusesWhatNoJournalHas(t *testing.T) {
	raws := chain(20)
	e := func(i int) Entry {
		got, err := ParseEntry(raws[i])
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, row := range []struct {
		name string
		last func() []byte // added after the first ten
		want string
	}{
		{"bytes that are no entry", func() []byte { return []byte{1, 2, 3} }, "parse entry"},
		{"an entry twice", func() []byte { return raws[9] }, "later"},
		{"a removal of what was removed before", func() []byte { x := e(6); x.At = noon.Add(time.Hour); return x.Append(nil) }, "removed before"},
		{"a removal of something else", func() []byte {
			x := e(6)
			x.At, x.Of = noon.Add(time.Hour), 2
			return x.Append(nil)
		}, "is not what the entry 2 added"},
		{"a removal of what was never added", func() []byte { x := e(6); x.At, x.Of = noon.Add(time.Hour), 99; return x.Append(nil) }, "added nothing"},
		{"a change of terms that were not in force", func() []byte {
			return Entry{Kind: Terms, Act: "change", At: noon.Add(time.Hour), Before: digestOf(9), Digest: digestOf(2)}.Append(nil)
		}, "not the digest of the terms in force"},
	} {
		var v Verification
		for _, b := range raws[:10] {
			if _, err := v.Add(b); err != nil {
				t.Fatal(err)
			}
		}
		_, err := v.Add(row.last())
		var entry *EntryError
		if !errors.As(err, &entry) || entry.Position != 11 || !strings.Contains(entry.Problem, row.want) {
			t.Errorf("%s: got %v, want an *EntryError at 11 with %q", row.name, err, row.want)
		}
	}
}

func TestProofsProveWhatTheySay(t *testing.T) {
	raws := chain(40)
	hashes := TreeOf(raws)
	head := func(size int) Checkpoint {
		root, err := hashes.Root(uint64(size))
		if err != nil {
			t.Fatal(err)
		}
		return Checkpoint{Origin: "x/y", Size: uint64(size), Root: root}
	}
	for size := 1; size <= len(raws); size++ {
		for p := 1; p <= size; p++ {
			proof, err := ProveEntry(Position(p), uint64(size), hashes)
			if err != nil || CheckEntry(raws[p-1], Position(p), proof, head(size)) != nil {
				t.Fatalf("entry %d in %d: %v", p, size, err)
			}
			if CheckEntry(raws[p%len(raws)], Position(p), proof, head(size)) == nil {
				t.Errorf("entry %d in %d: another entry passes", p, size)
			}
			from, err := ProveConsistency(uint64(p), uint64(size), hashes)
			if err != nil || CheckConsistency(head(p), head(size), from) != nil {
				t.Fatalf("%d in %d: %v", p, size, err)
			}
			if other := (Checkpoint{Size: uint64(p)}); CheckConsistency(other, head(size), from) == nil {
				t.Errorf("%d in %d: another root passes", p, size)
			}
		}
	}
	var outside *RangeError
	var proof *ProofError
	for name, err := range map[string]error{
		"position 0":         second(ProveEntry(0, 5, hashes)),
		"beyond the end":     second(ProveEntry(6, 5, hashes)),
		"from nothing":       second(ProveConsistency(0, 5, hashes)),
		"to something small": second(ProveConsistency(6, 5, hashes)),
	} {
		if !errors.As(err, &outside) {
			t.Errorf("%s: got %v, want a *RangeError", name, err)
		}
	}
	if err := CheckConsistency(head(9), head(8), nil); !errors.As(err, &proof) || !strings.Contains(err.Error(), "dropped") {
		t.Errorf("a shorter journal: got %v", err)
	}
	if err := CheckEntry(raws[0], 41, nil, head(40)); !errors.As(err, &proof) {
		t.Errorf("a position beyond the checkpoint: got %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func keys(t *testing.T, name string) (note.Signer, note.Verifier, string) {
	t.Helper()
	private, public, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err1 := note.NewSigner(private)
	v, err2 := note.NewVerifier(public)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return s, v, public
}

func TestCheckpointsAreReadOnceTheyAreTrusted(t *testing.T) {
	signer, verifier, _ := keys(t, "ti.example.org")
	_, stranger, _ := keys(t, "ti.example.org")
	want := Checkpoint{Origin: "ti.example.org/91a7b528-80eb-42ed-a74d-c6fbd5a26116", Size: 42, Root: tlog.RecordHash([]byte("x"))}
	signed, err := want.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	got, by, err := OpenCheckpoint(signed, []note.Verifier{stranger, verifier})
	if err != nil || got != want || by.KeyHash() != verifier.KeyHash() {
		t.Errorf("got %+v by %v and error %v", got, by, err)
	}
	if id, err := got.Collection(); err != nil || id.String() != "91a7b528-80eb-42ed-a74d-c6fbd5a26116" {
		t.Errorf("got the collection %s and error %v", id, err)
	}
	if got, err := ReadCheckpoint(signed); err != nil || got != want {
		t.Errorf("read without keys: got %+v and error %v", got, err)
	}
	var signature *SignatureError
	if _, _, err := OpenCheckpoint(signed, []note.Verifier{stranger}); !errors.As(err, &signature) {
		t.Errorf("a stranger's key: got %v", err)
	}
	forged := []byte(strings.Replace(string(signed), "\n42\n", "\n43\n", 1))
	if _, _, err := OpenCheckpoint(forged, []note.Verifier{verifier}); !errors.As(err, &signature) {
		t.Errorf("a forged size: got %v", err)
	}
	for _, text := range []string{"", "x/y\n1\n", "x/y\n01\nAA==\n", "x/y\n-1\nAA==\n", "x/y\n1\nAA==\n", "\n1\n" + strings.Repeat("A", 43) + "=\n", "x/y\n1\n" + strings.Repeat("A", 43) + "=="} {
		if got, err := ParseCheckpoint(text); err == nil || got != (Checkpoint{}) {
			t.Errorf("%q: got %+v and error %v", text, got, err)
		}
	}
}

func TestTrustFollowsSuccession(t *testing.T) {
	first, v1, k1 := keys(t, "ti.example.org")
	middle, v2, k2 := keys(t, "ti.example.org")
	_, v3, k3 := keys(t, "ti.example.org")
	evil, _, k4 := keys(t, "ti.example.org")
	sign := func(by note.Signer, key, next string) []byte {
		b, err := SignSuccession(by, key, next)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	notes := [][]byte{sign(middle, k2, k3), sign(evil, k4, k4), sign(evil, k1, k4), sign(first, k1, k2), []byte("nonsense")}
	got := Successors([]note.Verifier{v1}, notes)
	if len(got) != 3 || got[1].KeyHash() != v2.KeyHash() || got[2].KeyHash() != v3.KeyHash() {
		t.Errorf("got %d keys, want the first and its two successors", len(got))
	}
	if got := Successors([]note.Verifier{v3}, notes); len(got) != 1 {
		t.Errorf("a successor leads back to %d keys, want none", len(got)-1)
	}
	if _, _, err := ParseSuccession(notes[2]); err == nil {
		t.Error("a note in another key's name is accepted")
	}
}

// BenchmarkVerify reads a journal of a million entries; an operation is all of it.
func BenchmarkVerify(b *testing.B) {
	raws := chain(1_000_000)
	for b.Loop() {
		var v Verification
		for _, raw := range raws {
			if _, err := v.Add(raw); err != nil {
				b.Fatal(err)
			}
		}
		v.Root()
	}
}
