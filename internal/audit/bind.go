package audit

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// termsIdentity is what a document of terms says of itself.
type termsIdentity struct {
	Name       agreement.Name `json:"name"`
	Collection struct {
		ID uuid.UUID `json:"id"`
	} `json:"collection"`
}

// checkFirst holds the first entry of a journal against the document of its terms, and the document against the agreement's name
// and the head's collection.
func checkFirst(entry, document []byte, name agreement.Name, now journal.Checkpoint) error {
	e, err := journal.ParseEntry(entry)
	if err == nil {
		err = e.Check()
	}
	if err != nil {
		return &journal.EntryError{Position: 1, Problem: err.Error()}
	}
	if e.Kind != journal.Terms || sha256.Sum256(document) != e.Digest {
		return &MismatchError{"the document of the first terms has not the digest of the first entry"}
	}
	var is termsIdentity
	if err := json.Unmarshal(document, &is); err != nil {
		return &MismatchError{"the document of the first terms cannot be read"}
	}
	if is.Name != name {
		return &MismatchError{fmt.Sprintf("the journal is that of the agreement %q, not of %q", is.Name, name)}
	}
	if id, err := now.Collection(); err != nil || id != is.Collection.ID {
		return &MismatchError{fmt.Sprintf("the terms are those of the collection %s, but the head is of %s", is.Collection.ID, now.Origin)}
	}
	return nil
}

// first is the first entry of a journal with the proof of it and the document of its terms.
type first struct {
	Entry    []byte
	Proof    Proof
	Document []byte
}

func (c *Client) first(ctx context.Context, name agreement.Name, size uint64) (f first, err error) {
	if f.Entry, err = c.RawEntry(ctx, name, 1); err != nil {
		return f, err
	}
	if f.Proof, err = c.EntryProof(ctx, name, 1, size); err != nil {
		return f, err
	}
	f.Document, err = c.Document(ctx, name, 1)
	return f, err
}

// bind proves that the journal is that of the agreement that was asked for, and returns its name. A caller that may not read the
// terms can verify heads alone: then the name is "".
func (c *Client) bind(ctx context.Context, v Verification, h head) (string, error) {
	if v.Agreement == ServerJournal {
		return "", nil
	}
	if h.now.Size == 0 {
		return "", &journal.ProofError{Problem: "the journal is empty: it has not even terms"}
	}
	f, err := c.first(ctx, v.Agreement, h.now.Size)
	if err != nil {
		if v.Quick {
			return "", nil
		}
		return "", fmt.Errorf("read the first terms, which name the agreement: %w", err)
	}
	if err := journal.CheckEntry(f.Entry, 1, f.Proof.Hashes, h.now); err != nil {
		return "", err
	}
	if err := checkFirst(f.Entry, f.Document, v.Agreement, h.now); err != nil {
		return "", err
	}
	return string(v.Agreement), nil
}

// checkWitnesses demands that witnesses have cosigned a head of the server's own journal that holds a head of the agreement's.
func (c *Client) checkWitnesses(ctx context.Context, v Verification, h head) (*Cosignings, error) {
	if v.Agreement == ServerJournal {
		signed, err := c.Checkpoint(ctx, ServerJournal)
		if err != nil {
			return nil, err
		}
		return c.cosigners(v, signed, h.now.Size)
	}
	logged, err := c.Logged(ctx, v.Agreement)
	if err != nil {
		return nil, fmt.Errorf("the head in the server's own journal: %w", err)
	}
	top, by, err := journal.OpenCheckpoint([]byte(logged.Checkpoint), h.trusted)
	if err == nil {
		err = checkOrigin(top, by, ServerJournal)
	}
	if err == nil {
		err = journal.CheckEntry(logged.Entry, logged.Position, logged.Proof.Hashes, top)
	}
	if err != nil {
		return nil, fmt.Errorf("the head in the server's own journal: %w", err)
	}
	e, err := journal.ParseEntry(logged.Entry)
	if err == nil {
		err = e.Check()
	}
	if err != nil || e.Kind != journal.Head {
		return nil, &journal.EntryError{Position: logged.Position, Problem: "not the head of an agreement"}
	}
	if id, err := h.now.Collection(); err != nil || id != e.Source.Collection {
		return nil, &MismatchError{fmt.Sprintf("the head in the server's own journal is of the collection %s", e.Source.Collection)}
	}
	recorded := journal.Checkpoint{Origin: h.now.Origin, Size: uint64(e.Source.Position), Root: [32]byte(e.Digest)}
	if err := c.checkConsistency(ctx, v.Agreement, recorded, h.now); err != nil {
		return nil, fmt.Errorf("the head in the server's own journal: %w", err)
	}
	return c.cosigners(v, []byte(logged.Checkpoint), recorded.Size)
}

// cosigners checks the cosignatures of a head of the server's own journal.
func (c *Client) cosigners(v Verification, signed []byte, size uint64) (*Cosignings, error) {
	found := &Cosignings{Size: size}
	var missing []string
	for _, text := range v.Witnesses {
		w, err := journal.ParseWitness(text)
		if err != nil {
			return nil, &journal.SignatureError{Reason: err.Error()}
		}
		if slices.Contains(found.Witnesses, w.Name) {
			continue // one witness counts once
		}
		at, ok, err := w.Cosigned(signed)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			missing = append(missing, w.Name+" has not cosigned it")
			continue
		case at.After(c.now().Add(maxAhead)):
			return nil, &journal.SignatureError{Reason: "the cosignature of " + w.Name + " is from the future"}
		case v.MaxAge > 0 && c.now().Sub(at) > v.MaxAge:
			missing = append(missing, fmt.Sprintf("the cosignature of %s is of %s", w.Name, at.Format(time.RFC3339)))
			continue
		}
		found.Witnesses = append(found.Witnesses, w.Name)
		if found.Oldest.IsZero() || at.Before(found.Oldest) {
			found.Oldest = at
		}
	}
	wanted := v.AtLeast
	if wanted == 0 {
		wanted = len(v.Witnesses)
	}
	if len(found.Witnesses) < wanted {
		return nil, &journal.SignatureError{Reason: fmt.Sprintf("%d of the witnesses have cosigned the server's journal, expected %d: %s",
			len(found.Witnesses), wanted, strings.Join(missing, "; "))}
	}
	return found, nil
}
