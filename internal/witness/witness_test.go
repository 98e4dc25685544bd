package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/store/journal"
)

// log is a log with a key, whose entries are strings.
type log struct {
	t      *testing.T
	signer note.Signer
	key    string
	tree   journal.Tree
}

func newLog(t *testing.T, name string) *log {
	t.Helper()
	private, public, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return &log{t: t, signer: signer, key: public}
}

func (l *log) add(entries ...string) []byte {
	l.t.Helper()
	for _, e := range entries {
		l.tree.Add(journal.LeafHash([]byte(e)))
	}
	root, err := l.tree.Root(l.tree.Size())
	if err != nil {
		l.t.Fatal(err)
	}
	signed, err := journal.Checkpoint{Origin: l.signer.Name(), Size: l.tree.Size(), Root: root}.Sign(l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

func (l *log) prove(from uint64) ([]tlog.Hash, error) {
	return journal.ProveConsistency(from, l.tree.Size(), &l.tree)
}

func open(t *testing.T, dir string, logs ...string) *Witness {
	t.Helper()
	w, err := Open(Config{Dir: dir, Name: "witness.example", Logs: logs})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A witness cosigns growth, also after it was started anew, and refuses a second history.
func TestAWitnessCosignsOneHistory(t *testing.T) {
	dir, l := t.TempDir(), newLog(t, "accord.example")
	server := httptest.NewServer(open(t, dir, l.key).Handler())
	defer server.Close()
	w, err := journal.ParseWitness(open(t, dir, l.key).Key())
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	ask := func(url string, l *log, signed []byte, known uint64) error {
		line, err := Ask(ctx, http.DefaultClient, url, w, signed, known, l.prove)
		if err != nil {
			return err
		}
		at, ok, err := w.Cosigned(append(bytes.Clone(signed), line...))
		if err != nil || !ok || time.Since(at) > time.Hour {
			return fmt.Errorf("got the cosignature of %v, %v, %v", at, ok, err)
		}
		return nil
	}
	if err := ask(server.URL, l, l.add("a", "b", "c"), 0); err != nil {
		t.Fatal(err)
	}
	if err := ask(server.URL, l, l.add("d", "e"), 3); err != nil {
		t.Errorf("growth: %v", err)
	}
	if err := ask(server.URL, l, l.add(), 0); err != nil {
		t.Errorf("the same head, by a log that forgot what the witness knows: %v", err)
	}
	again := httptest.NewServer(open(t, dir, l.key).Handler())
	defer again.Close()
	if err := ask(again.URL, l, l.add("f"), 5); err != nil {
		t.Errorf("growth, after a new start: %v", err)
	}
	fork := newLog(t, "accord.example")
	fork.signer, fork.key = l.signer, l.key
	if err := ask(again.URL, fork, fork.add("a", "b", "X", "d", "e", "f", "g"), 6); err == nil || !strings.Contains(err.Error(), "422") {
		t.Errorf("a forked history: got %v, want 422", err)
	}
	small := newLog(t, "accord.example")
	small.signer, small.key = l.signer, l.key
	if err := ask(again.URL, small, small.add("a", "b"), 0); err == nil {
		t.Error("a history that was cut: got cosigned")
	}
	same := newLog(t, "accord.example")
	same.signer, same.key = l.signer, l.key
	if err := ask(again.URL, same, same.add("a", "b", "c", "d", "e", "X"), 6); err == nil || !strings.Contains(err.Error(), "forged") {
		t.Errorf("another head of the same size: got %v", err)
	}
	stranger := newLog(t, "other.example")
	if err := ask(again.URL, stranger, stranger.add("a"), 0); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("an unknown log: got %v, want 404", err)
	}
	thief := newLog(t, "accord.example")
	if err := ask(again.URL, thief, thief.add("a", "b", "c", "d", "e", "f", "g"), 6); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a head signed by another key: got %v, want 403", err)
	}
}

func TestRequestsThatAreNotOfTheProtocolAreRefused(t *testing.T) {
	l := newLog(t, "accord.example")
	w := open(t, t.TempDir(), l.key)
	signed := string(l.add("a"))
	for name, body := range map[string]string{
		"nothing":                "",
		"no size":                "old\n\n" + signed,
		"a size with zeros":      "old 00\n\n" + signed,
		"a negative size":        "old -1\n\n" + signed,
		"no empty line":          "old 0\n" + signed,
		"a hash that is short":   "old 0\nAAAA\n\n" + signed,
		"an old size above it":   "old 2\n\n" + signed,
		"too many hashes":        "old 0\n" + strings.Repeat("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 64) + "\n" + signed,
		"a head that is no note": "old 0\n\naccord.example\n1\n",
	} {
		_, err := w.answer([]byte(body))
		var refused *Refused
		if !errors.As(err, &refused) || refused.Kind != Malformed {
			t.Errorf("%s: got %v, want it malformed", name, err)
		}
	}
	if _, err := Open(Config{Dir: t.TempDir(), Name: "two words"}); err == nil {
		t.Error("a name with a space is taken")
	}
}
