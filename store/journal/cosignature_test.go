package journal

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func TestACosignatureHoldsForItsTextAndTimeAlone(t *testing.T) {
	signer, verifier, _ := signerFor(t, "accord.example")
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
	witness, err := ParseWitness(WitnessKey("witness.example", private))
	if err != nil {
		t.Fatal(err)
	}
	c := Checkpoint{Origin: "accord.example", Size: 7, Root: tlog.Hash(digestOf(1))}
	signed, err := c.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	line := Cosign("witness.example", private, c.Text(), noon)
	both := append(bytes.Clone(signed), line...)
	if at, ok, err := witness.Cosigned(both); !ok || err != nil || at != noon.Truncate(time.Second) {
		t.Errorf("got %v, %v, %v, want the moment", at, ok, err)
	}
	if _, _, err := OpenCheckpoint(both, []note.Verifier{verifier}); err != nil {
		t.Errorf("the server's signature beside a cosignature: %v", err)
	}
	if _, ok, err := witness.Cosigned(signed); ok || err != nil {
		t.Errorf("without a cosignature: got %v, %v", ok, err)
	}
	other := Checkpoint{Origin: c.Origin, Size: 8, Root: c.Root}
	for name, spoiled := range map[string]string{
		"of another text":      strings.Replace(string(both), "\n7\n", "\n8\n", 1),
		"beside one that fits": string(both) + Cosign("witness.example", private, other.Text(), noon),
		"twice":                string(both) + line,
		"cut":                  string(signed) + line[:len(line)-9] + "\n",
	} {
		if _, ok, err := witness.Cosigned([]byte(spoiled)); ok {
			t.Errorf("%s: got accepted, error %v", name, err)
		}
	}
	for _, key := range []string{"", "witness.example", "witness.example+00000000+BAAA", strings.Replace(WitnessKey("witness.example", private), "witness", "other", 1)} {
		if _, err := ParseWitness(key); err == nil {
			t.Errorf("%q is taken for the key of a witness", key)
		}
	}
}
