package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store/journal"
)

// ParseEvidence reads an evidence file. It takes one spelling only: members with their exact names, none unknown, none twice, and
// nothing after the object. The error is an *EvidenceError.
func ParseEvidence(text []byte) (Evidence, error) {
	var tree ijson.Tree
	if err := tree.Parse(text, ijson.Limits{}); err != nil {
		return Evidence{}, &EvidenceError{"file", "it is damaged or not an evidence file: " + err.Error()}
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var ev Evidence
	if err := dec.Decode(&ev); err != nil {
		return Evidence{}, &EvidenceError{"file", "it is damaged or not an evidence file: " + err.Error()}
	}
	if ev.Format != evidenceFormat {
		return Evidence{}, &EvidenceError{"file", fmt.Sprintf("it has the format %q, expected %q", ev.Format, evidenceFormat)}
	}
	// Names in other letters are read, too: what is written again must be what was read.
	again, err := json.Marshal(ev)
	if err != nil || !ijson.Equal(again, tree.Text) {
		return Evidence{}, &EvidenceError{"file", "a member has another name or an empty value that is left out: each has one spelling"}
	}
	if len(ev.Entries) == 0 {
		return Evidence{}, &EvidenceError{"file", "it has no entries"}
	}
	for i, one := range ev.Entries {
		if i > 0 && one.Position <= ev.Entries[i-1].Position {
			return Evidence{}, &EvidenceError{"file", "its entries are not in ascending order of their positions"}
		}
	}
	return ev, nil
}

// Trust is what a reader of evidence has already.
type Trust struct {
	Keys []string // verifier keys; none: the file's own
	Kept []byte   // a checkpoint, which the evidence must be consistent with
}

// Proved is what evidence proves.
type Proved struct {
	Checkpoint journal.Checkpoint
	SignedBy   string
	Trusted    bool   // the key, or one that named it, was given
	Named      bool   // the journal is that of the agreement
	Agreement  string // which the file names
	Complete   bool   // no entry about the object is missing up to the checkpoint
	KeptSize   uint64 // of the kept checkpoint; 0: none
	Object     string
	Entries    []ProvedEntry
	Deliveries *DeliveryList // not proved
}

// ProvedEntry is an entry that was proved, and whether the object's text was compared with it.
type ProvedEntry struct {
	Position journal.Position
	journal.Entry
	Content bool
}

// Verify checks the evidence by itself. The error is a *journal.SignatureError, a *journal.ProofError, a *MismatchError or an
// *EvidenceError.
func (ev Evidence) Verify(t Trust) (Proved, error) {
	list := KeyList{Key: ev.Key, Successions: ev.Successions}
	for _, signed := range ev.Successions {
		if key, _, err := journal.ParseSuccession([]byte(signed)); err == nil {
			list.Retired = append(list.Retired, key)
		}
	}
	trusted, err := trustedKeys(t.Keys, list)
	if err != nil {
		return Proved{}, &journal.SignatureError{Reason: err.Error()}
	}
	head, by, err := journal.OpenCheckpoint([]byte(ev.Checkpoint), trusted)
	if err != nil {
		return Proved{}, err
	}
	if err := checkOrigin(head, by, agreement.Name(ev.Agreement)); err != nil {
		return Proved{}, err
	}
	if journal.Retired(by, list.notes()) {
		return Proved{}, &journal.SignatureError{Reason: fmt.Sprintf("the head is signed by %s, which has named a successor in the same file", keyName(by))}
	}
	proved := Proved{Checkpoint: head, SignedBy: keyName(by), Trusted: len(t.Keys) > 0, Agreement: ev.Agreement, Object: ev.Object, Deliveries: ev.Deliveries}
	if f := ev.First; f != nil {
		if err := journal.CheckEntry(f.Entry, 1, f.Proof, head); err != nil {
			return Proved{}, err
		}
		if err := checkFirst(f.Entry, f.Terms, agreement.Name(ev.Agreement), head); err != nil {
			return Proved{}, err
		}
		proved.Named = true
	}
	for _, one := range ev.Entries {
		e, err := ev.verifyOne(one, head)
		if err != nil {
			return Proved{}, err
		}
		proved.Entries = append(proved.Entries, e)
	}
	if proved.KeptSize, err = ev.verifyKept(t.Kept, trusted, head); err != nil {
		return Proved{}, err
	}
	if ev.Journal != nil {
		if err := ev.verifyComplete(head); err != nil {
			return Proved{}, err
		}
		proved.Complete = true
	}
	return proved, nil
}

func (ev Evidence) verifyOne(one EvidenceEntry, head journal.Checkpoint) (ProvedEntry, error) {
	e, err := journal.ParseEntry(one.Entry)
	if err == nil {
		err = e.Check()
	}
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

// verifyComplete rebuilds the journal from all its entries and compares those about the object with the evidence.
func (ev Evidence) verifyComplete(head journal.Checkpoint) error {
	var check journal.Verification
	next := 0
	for i, raw := range ev.Journal {
		e, err := check.Add(raw)
		if err != nil {
			return err
		}
		if e.Object != ev.Object {
			continue
		}
		if p := journal.Position(i + 1); next == len(ev.Entries) || ev.Entries[next].Position != p {
			return &EvidenceError{"completeness", fmt.Sprintf("the entry at position %d is about %s, too, and is not among the entries", p, ev.Object)}
		}
		next++
	}
	return check.Check(head)
}

// verifyKept holds the evidence against a kept checkpoint, and returns the size of it.
func (ev Evidence) verifyKept(signed []byte, trusted []note.Verifier, head journal.Checkpoint) (uint64, error) {
	if signed == nil {
		return 0, nil
	}
	kept, _, err := journal.OpenCheckpoint(signed, trusted)
	if err != nil {
		return 0, fmt.Errorf("the kept checkpoint: %w", err)
	}
	if kept.Origin != head.Origin {
		return 0, &MismatchError{fmt.Sprintf("the kept checkpoint is of %s, but the evidence is of %s", kept.Origin, head.Origin)}
	}
	if kept.Size > head.Size {
		return 0, &EvidenceError{"consistency", fmt.Sprintf("the kept checkpoint has %d entries, the evidence ends at %d: ask for new evidence with --checkpoint", kept.Size, head.Size)}
	}
	switch {
	case kept.Size == 0 || kept.Size == head.Size:
		return kept.Size, journal.CheckConsistency(kept, head, nil)
	case ev.Consistency != nil && ev.Consistency.From == kept.Size && ev.Consistency.To == head.Size:
		return kept.Size, journal.CheckConsistency(kept, head, ev.Consistency.Hashes)
	case ev.Journal != nil:
		var check journal.Verification
		for _, raw := range ev.Journal[:min(uint64(len(ev.Journal)), kept.Size)] {
			if _, err := check.Add(raw); err != nil {
				return 0, err
			}
		}
		return kept.Size, check.Check(kept)
	}
	return 0, &EvidenceError{"consistency", fmt.Sprintf("the file does not prove that its journal continues the %d entries of the kept checkpoint: ask for new evidence with --checkpoint", kept.Size)}
}

// String says what was proved and what was not: verdicts, each a line of fixed text, and below them what the file says, on lines
// that begin with spaces. Nothing that a file says stands on the line of a verdict.
func (p Proved) String() string {
	var b strings.Builder
	if p.Complete {
		fmt.Fprintf(&b, "PROVED COMPLETE: up to entry %d nothing about the object is missing.\n", p.Checkpoint.Size)
	} else {
		b.WriteString("NOT PROVED COMPLETE: these entries happened, but others about the object, such as a removal, may have been left out.\n")
	}
	if p.Trusted {
		b.WriteString("The head is signed by a key that you gave, or by one that a key you gave has named.\n")
	} else {
		b.WriteString("NOT PROVED: whose key signed. It is the key of the file itself: compare it with the one that you have from the server's operator.\n")
	}
	if p.Named {
		b.WriteString("The first terms of the journal name the agreement.\n")
	} else {
		b.WriteString("NOT PROVED: the name of the agreement. The file has no terms that name it.\n")
	}
	if p.KeptSize > 0 {
		fmt.Fprintf(&b, "The journal begins with exactly the %d entries of the kept checkpoint.\n", p.KeptSize)
	}
	for _, said := range [][2]string{{"object", p.Object}, {"agreement", p.Agreement}, {"head", fmt.Sprintf("%s, %d entries", p.Checkpoint.Origin, p.Checkpoint.Size)}, {"signed by", p.SignedBy}} {
		fmt.Fprintf(&b, "  %-9s  %s\n", said[0], journal.CleanText(said[1]))
	}
	fmt.Fprintf(&b, "Its journal contains %d of these entries:", len(p.Entries))
	for _, e := range p.Entries {
		who := slices.DeleteFunc([]string{e.Account, e.Party}, func(s string) bool { return s == "" })
		line := fmt.Sprintf("%d  %s  %s %s %s", e.Position, e.At.Format(journal.TimeFormat), kindNames[e.Kind], e.Object, e.Version)
		if e.Act != "" {
			line += " (" + e.Act + ")"
		}
		if e.Content {
			line += ", with the object's text"
		}
		if len(who) > 0 {
			line += ", by " + strings.Join(who, " of ")
		}
		if e.Reason != "" {
			line += ", reason: " + e.Reason
		}
		b.WriteString("\n  " + journal.CleanText(line))
	}
	if p.Deliveries != nil {
		b.WriteString("\nNOT PROVED: deliveries, which are the server's own account:")
		for _, v := range p.Deliveries.Versions {
			for _, r := range v.Received {
				fmt.Fprintf(&b, "\n  %d  given to %s of %s, %s, %d times", v.Position, journal.CleanText(r.Account), journal.CleanText(r.Party), r.First.UTC().Format(time.RFC3339), r.Times)
			}
		}
	}
	return b.String()
}
