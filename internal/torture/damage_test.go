package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A power cut takes back whole sectors of what was not synced, and nothing else. A note that is cut off is of a write that has not
// happened.
func TestAPowerCutTakesBackWhatWasNotSynced(t *testing.T) {
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "x.db"), filepath.Join(dir, "undo")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	before, after := bytes.Repeat([]byte("a"), 4*sector), bytes.Repeat([]byte("b"), 4*sector)
	list := append(binary.BigEndian.AppendUint64(nil, uint64(len(file))), file...)
	list = binary.BigEndian.AppendUint64(list, 8192)
	list = append(binary.BigEndian.AppendUint64(list, uint64(len(before))), before...)
	list = append(binary.BigEndian.AppendUint64(list, 0), 1, 2) // cut off
	seen := map[string]bool{}
	for seed := range uint64(40) {
		text := make([]byte, 16384)
		copy(text[8192:], after)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, url.PathEscape(file)), list, 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := undo(folder, rand.New(rand.NewPCG(seed, 0)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		taken := 0
		for at := 8192; at < 8192+4*sector; at += sector {
			switch part := got[at : at+sector]; {
			case bytes.Equal(part, before[:sector]):
				taken++
			case !bytes.Equal(part, after[:sector]):
				t.Fatalf("a sector is neither as it was before nor as it was written")
			}
		}
		if taken != n || len(bytes.Trim(got, "ab\x00")) > 0 || !bytes.Equal(got[:8192], make([]byte, 8192)) {
			t.Errorf("seed %d: %d sectors were taken back, it says %d", seed, taken, n)
		}
		seen[map[bool]string{true: "some"}[taken > 0 && taken < 4]+map[bool]string{true: "all"}[taken == 4]+map[bool]string{true: "none"}[taken == 0]] = true
	}
	if len(seen) != 3 {
		t.Errorf("tried %v, want none, some and all", seen)
	}
}

func TestOneBitIsFlipped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	text := make([]byte, 8*os.Getpagesize())
	copy(text[3*os.Getpagesize():], "content")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	at, err := flip(file, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if d := got[i] ^ text[i]; d != 0 && (int64(i) != at || d&(d-1) != 0) {
			t.Errorf("at %d: %x became %x", i, text[i], got[i])
		}
	}
	if bytes.Equal(got, text) || at < int64(3*os.Getpagesize()) || at >= int64(3*os.Getpagesize()+len("content")) {
		t.Errorf("flipped at %d, want a bit of the content", at)
	}
}

func TestATextIsKnownByItsObject(t *testing.T) {
	for _, n := range []int{0, 77, contendedFrom + 9} {
		_, _, text := object(n, contendedVersion(3))
		if got, err := sentAs([]byte(text)); err != nil || got != text {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
		if got, err := sentAs([]byte(strings.Replace(text, "Beacon", "Beacom", 1))); err != nil || got != text {
			t.Errorf("damaged: got %s, %v, want what was sent", got, err)
		}
	}
}
