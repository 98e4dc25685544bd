package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// evidenceFormat is the format of evidence files.
const evidenceFormat = "accord-evidence-1"

// Evidence proves what a journal says of one object, to anybody who has the server's key.
type Evidence struct {
	Format      string          `json:"format"`
	Agreement   string          `json:"agreement"`
	Object      string          `json:"object"`
	Checkpoint  string          `json:"checkpoint"` // signed note
	Key         string          `json:"key"`        // verifier key that signed it
	Successions []string        `json:"successions,omitempty"`
	Entries     []EvidenceEntry `json:"entries"`
}

// EvidenceEntry is one entry about the object.
type EvidenceEntry struct {
	Position journal.Position `json:"position"`
	Entry    []byte           `json:"entry"`             // canonical bytes
	Content  []byte           `json:"content,omitempty"` // the object's text, if it is still there
	Proof    []tlog.Hash      `json:"proof"`             // that the entry is in the tree of the checkpoint
}

// EvidenceError says what of an evidence file failed.
type EvidenceError struct {
	What    string // file, entry, content
	Problem string
}

func (e *EvidenceError) Error() string { return e.What + ": " + e.Problem }

// Prove gathers the evidence about an object: all its entries, or the one at only.
func (c *Client) Prove(ctx context.Context, name agreement.Name, object string, only journal.Position) (Evidence, error) {
	signed, err := c.Checkpoint(ctx, name)
	if err != nil {
		return Evidence{}, err
	}
	head, err := journal.ReadCheckpoint(signed)
	if err != nil {
		return Evidence{}, err
	}
	keys, err := c.Keys(ctx)
	if err != nil {
		return Evidence{}, err
	}
	ev := Evidence{Format: evidenceFormat, Agreement: string(name), Object: object, Checkpoint: string(signed), Key: keys.Key, Successions: keys.Successions}
	for after := journal.Position(0); ; {
		page, err := c.History(ctx, name, object, after)
		if err != nil {
			return Evidence{}, err
		}
		for _, r := range page.Entries {
			if uint64(r.Position) > head.Size || only != 0 && r.Position != only {
				continue
			}
			one, err := c.proveOne(ctx, name, r, head.Size)
			if err != nil {
				return Evidence{}, err
			}
			ev.Entries = append(ev.Entries, one)
		}
		if after = page.Next; !page.More {
			break
		}
	}
	if len(ev.Entries) == 0 {
		return Evidence{}, notFound("the object %s has no entry at position %d", object, only)
	}
	return ev, nil
}

func (c *Client) proveOne(ctx context.Context, name agreement.Name, r Record, size uint64) (EvidenceEntry, error) {
	proof, err := c.EntryProof(ctx, name, r.Position, size)
	if err != nil {
		return EvidenceEntry{}, err
	}
	page, err := c.RawEntry(ctx, name, r.Position)
	if err != nil {
		return EvidenceEntry{}, err
	}
	one := EvidenceEntry{Position: r.Position, Entry: page, Proof: proof.Hashes}
	if r.Present != nil && *r.Present {
		// An auditor may know that an object is there without being allowed to read it.
		if text, err := c.Content(ctx, name, r.Position); err == nil {
			one.Content = text
		}
	}
	return one, nil
}

// RawEntry is the canonical bytes of one entry.
func (c *Client) RawEntry(ctx context.Context, name agreement.Name, p journal.Position) ([]byte, error) {
	var one RawEntry
	err := c.read(ctx, ofAgreement(name, fmt.Sprintf("entry/?entry=%d", p)), &one)
	return one.Bytes, err
}

// ParseEvidence reads an evidence file. The error is an *EvidenceError.
func ParseEvidence(text []byte) (Evidence, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var ev Evidence
	if err := dec.Decode(&ev); err != nil {
		return Evidence{}, &EvidenceError{"file", "it is damaged or no evidence file: " + err.Error()}
	}
	if ev.Format != evidenceFormat {
		return Evidence{}, &EvidenceError{"file", fmt.Sprintf("it has the format %q, expected %q", ev.Format, evidenceFormat)}
	}
	if len(ev.Entries) == 0 {
		return Evidence{}, &EvidenceError{"file", "it has no entries"}
	}
	return ev, nil
}

// Proved states what evidence proves.
type Proved struct {
	Checkpoint journal.Checkpoint
	SignedBy   string
	Trusted    bool // the key, or one that named it, was given
	Entries    []ProvedEntry
}

// ProvedEntry is an entry that was proved, and whether the object's text was held against it.
type ProvedEntry struct {
	Position journal.Position
	journal.Entry
	Content bool
}

// Verify checks the evidence by itself, with keys that are trusted; without any, the file's own key. The error is a
// *journal.SignatureError, a *journal.ProofError or an *EvidenceError.
func (ev Evidence) Verify(keys []string) (Proved, error) {
	trusted, err := trustedKeys(keys, KeyList{Key: ev.Key, Successions: ev.Successions})
	if err != nil {
		return Proved{}, &journal.SignatureError{Reason: err.Error()}
	}
	head, by, err := journal.OpenCheckpoint([]byte(ev.Checkpoint), trusted)
	if err != nil {
		return Proved{}, err
	}
	proved := Proved{Checkpoint: head, SignedBy: keyName(by), Trusted: len(keys) > 0}
	for _, one := range ev.Entries {
		e, err := ev.verifyOne(one, head)
		if err != nil {
			return Proved{}, err
		}
		proved.Entries = append(proved.Entries, e)
	}
	return proved, nil
}

func (ev Evidence) verifyOne(one EvidenceEntry, head journal.Checkpoint) (ProvedEntry, error) {
	e, err := journal.ParseEntry(one.Entry)
	if err != nil {
		return ProvedEntry{}, &EvidenceError{"entry", fmt.Sprintf("that at position %d: %v", one.Position, err)}
	}
	if e.Object != ev.Object {
		return ProvedEntry{}, &EvidenceError{"entry", fmt.Sprintf("that at position %d is about %s, not %s", one.Position, e.Object, ev.Object)}
	}
	if err := journal.CheckEntry(one.Entry, one.Position, one.Proof, head); err != nil {
		return ProvedEntry{}, err
	}
	if one.Content == nil {
		return ProvedEntry{Position: one.Position, Entry: e}, nil
	}
	if e.Kind != journal.Added || sha256.Sum256(one.Content) != e.Digest || uint64(len(one.Content)) != e.Size {
		return ProvedEntry{}, &EvidenceError{"content", fmt.Sprintf("the object's text has not the digest that the entry at %d has", one.Position)}
	}
	return ProvedEntry{Position: one.Position, Entry: e, Content: true}, nil
}

// String says in a sentence and a line an entry what was proved.
func (p Proved) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The head of %s at %d entries is signed by %s", p.Checkpoint.Origin, p.Checkpoint.Size, p.SignedBy)
	if !p.Trusted {
		b.WriteString(" (the key of the file itself: hold it against the one you have from the server's operator)")
	}
	fmt.Fprintf(&b, ", and contains %d of these entries:", len(p.Entries))
	for _, e := range p.Entries {
		who := slices.DeleteFunc([]string{e.Account, e.Party}, func(s string) bool { return s == "" })
		fmt.Fprintf(&b, "\n  %d  %s  %s %s %s", e.Position, e.At.Format("2006-01-02T15:04:05.000000Z"), kindNames[e.Kind], e.Object, e.Version)
		if len(who) > 0 {
			fmt.Fprintf(&b, " by %s", strings.Join(who, " of "))
		}
		if e.Content {
			b.WriteString(", with the object's text")
		}
	}
	return b.String()
}
