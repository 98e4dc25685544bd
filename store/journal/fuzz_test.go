package journal

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const fuzzOrigin = "accord.example/91a7b528-80eb-42ed-a74d-c6fbd5a26116"

// signerFor makes a key of a name.
func signerFor(t testing.TB, name string) (note.Signer, note.Verifier, string) {
	t.Helper()
	private, public, err := note.GenerateKey(zeros{}, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier, public
}

// zeros is no source of keys for anything but tests.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// FuzzCheckpoint reads what claims to be a signed head, as it comes and signed by a key that is trusted, and holds proofs
// against it: a head that is read is written as it was read, whatever it says no proof of nothing holds, and all of that ends.
func FuzzCheckpoint(f *testing.F) {
	signer, verifier, _ := signerFor(f, "accord.example")
	root := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	for _, text := range []string{
		fuzzOrigin + "\n7\n" + root,
		fuzzOrigin + "\n4611686018427387905\n" + root, // 2^62+1: reckoning with such a tree would not end
		fuzzOrigin + "\n9223372036854775807\n" + root,
		fuzzOrigin + "\n007\n" + root,
		fuzzOrigin + "\n7\n" + root + "an extension\n",
		"\n7\n" + root,
		fuzzOrigin + "\n7\nAAAA\r" + root[4:], // which base64 of Go passes over
	} {
		f.Add(text, []byte("proof"), uint64(1))
		if signed, err := note.Sign(&note.Note{Text: text}, signer); err == nil {
			f.Add(string(signed), []byte{}, uint64(1))
		}
	}
	f.Fuzz(func(t *testing.T, text string, proof []byte, p uint64) {
		if c, err := ReadCheckpoint([]byte(text)); err != nil && c != (Checkpoint{}) {
			t.Errorf("got %+v beside %v", c, err)
		}
		c, err := ParseCheckpoint(text)
		if err != nil {
			if c != (Checkpoint{}) {
				t.Errorf("got %+v beside %v", c, err)
			}
			return
		}
		if !strings.HasPrefix(text, c.Text()) {
			t.Errorf("%q is read and written back as %q", text, c.Text())
		}
		c.Collection()
		if signed, err := note.Sign(&note.Note{Text: text}, signer); err == nil {
			got, _, err := OpenCheckpoint(signed, []note.Verifier{verifier})
			if err == nil && got != c || err != nil && got != (Checkpoint{}) {
				t.Errorf("signed, %q is %+v, %v, want %+v", text, got, err, c)
			}
		}
		var hashes []tlog.Hash
		for ; len(proof) >= tlog.HashSize; proof = proof[tlog.HashSize:] {
			hashes = append(hashes, tlog.Hash(proof[:tlog.HashSize]))
		}
		entry := Entry{Kind: Terms, Act: "create", Digest: digestOf(1), At: noon}.Append(nil)
		if err := CheckEntry(entry, Position(p), hashes, c); err == nil && c.Root != LeafHash(entry) {
			t.Errorf("an entry is proved to be in %q, by %d hashes that prove nothing", text, len(hashes))
		}
		earlier := Checkpoint{Origin: c.Origin, Size: p, Root: tlog.Hash(sha256.Sum256(nil))}
		if err := CheckConsistency(earlier, c, hashes); err == nil && earlier.Size != c.Size {
			t.Errorf("%+v is proved to be the beginning of %q, by %d hashes that prove nothing", earlier, text, len(hashes))
		}
	})
}

// FuzzSuccession reads notes in which a key claims to name its successor: what is read is what a holder of the key
// comes to trust, and who trusts another key trusts nothing more.
func FuzzSuccession(f *testing.F) {
	signer, verifier, key := signerFor(f, "accord.example")
	_, stranger, next := signerFor(f, "other.example")
	for _, text := range []string{
		successionHead + "\n" + key + "\n" + next + "\n",
		successionHead + "\n" + key + "\n" + next + "\n\nmore\n",
		successionHead + "\n" + next + "\n" + key + "\n",
		successionHead + "\n" + key + "\n\n",
		"accord.key\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, _, err := ParseSuccession([]byte(text)); err == nil {
			t.Errorf("%q is read without a signature", text)
		}
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			return
		}
		if got := Successors([]note.Verifier{stranger}, [][]byte{signed}); len(got) != 1 {
			t.Errorf("%q: who trusts a stranger trusts %d keys, want 1", text, len(got))
		}
		named, successor, err := ParseSuccession(signed)
		trusted := Successors([]note.Verifier{verifier}, [][]byte{signed})
		if err != nil {
			if named != "" || successor != "" || len(trusted) != 1 {
				t.Errorf("%q: got %q, %q and %d trusted keys beside %v", text, named, successor, len(trusted), err)
			}
			return
		}
		if v, err := note.NewVerifier(successor); err == nil && !knows(trusted, v) {
			t.Errorf("%q names %s, which is not trusted", text, successor)
		}
	})
}

// A head of more entries than a tree can be reckoned with is refused: the signer may be anybody.
func TestACheckpointOfImpossibleSizeIsRefused(t *testing.T) {
	root := "\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	for size, ok := range map[string]bool{"0": true, "7": true, "4611686018427387904": true,
		"4611686018427387905": false, "9223372036854775807": false, "9223372036854775808": false, "-1": false, "+1": false, "01": false, "": false} {
		c, err := ParseCheckpoint(fuzzOrigin + "\n" + size + root)
		if (err == nil) != ok {
			t.Errorf("%q entries: got %+v, %v, want it read: %t", size, c, err, ok)
			continue
		}
		var problem *ProofError
		if err := CheckEntry([]byte("entry"), 1, make([]tlog.Hash, 1), c); !errors.As(err, &problem) {
			t.Errorf("%q entries: got %v, want a *ProofError", size, err)
		}
	}
}
