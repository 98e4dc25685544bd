package audit

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// evidenceFormat is the format of evidence files.
const evidenceFormat = "accord-evidence-1"

// Evidence proves what a journal says of one object to a verifier that has the server's key and nothing else.
type Evidence struct {
	Format      string          `json:"format"`
	Agreement   string          `json:"agreement"`
	Object      string          `json:"object"`
	Checkpoint  string          `json:"checkpoint"` // signed note
	Key         string          `json:"key"`        // verifier key that signed it
	Successions []string        `json:"successions,omitempty"`
	First       *EvidenceFirst  `json:"first,omitempty"` // names the agreement; without it the name is not proved
	Entries     []EvidenceEntry `json:"entries"`
	Journal     [][]byte        `json:"journal,omitempty"`     // every entry of the journal: proves that none about the object is missing
	Consistency *Proof          `json:"consistency,omitempty"` // that the journal continues a kept checkpoint
	Deliveries  *DeliveryList   `json:"deliveries,omitempty"`  // the server's own account, which nothing proves
}

// EvidenceFirst is the first entry of the journal and the terms that it puts in force.
type EvidenceFirst struct {
	Entry []byte      `json:"entry"`
	Proof []tlog.Hash `json:"proof"`
	Terms []byte      `json:"terms"` // the document that the entry's digest covers
}

// EvidenceEntry is one entry about the object.
type EvidenceEntry struct {
	Position journal.Position `json:"position"`
	Entry    []byte           `json:"entry"`             // canonical bytes
	Content  []byte           `json:"content,omitempty"` // the object's text, if it is still there
	Proof    []tlog.Hash      `json:"proof"`             // that the entry is in the tree of the checkpoint
}

// EvidenceError says which part of evidence failed: file, agreement, entry, content or completeness.
type EvidenceError struct{ Part, Problem string }

func (e *EvidenceError) Error() string { return e.Part + ": " + e.Problem }

// Asked says what evidence to gather.
type Asked struct {
	Object     string
	Only       journal.Position // one entry; 0: all about the object
	Complete   bool             // with every entry of the journal
	Deliveries bool             // with the server's account of who received the object
	Kept       []byte           // a checkpoint kept from earlier, with which the evidence is to be consistent
}

// Prove gathers evidence about an object and verifies it as a reader would, with the server's own keys: evidence that does not
// verify is an error.
func (c *Client) Prove(ctx context.Context, name agreement.Name, asked Asked) (Evidence, error) {
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
	ev := Evidence{Format: evidenceFormat, Agreement: string(name), Object: asked.Object, Checkpoint: string(signed), Key: keys.Key, Successions: keys.Successions}
	if f, err := c.first(ctx, name, head.Size); err == nil { // only auditors may read the terms
		ev.First = &EvidenceFirst{f.Entry, f.Proof.Hashes, f.Document}
	}
	if ev.Entries, err = c.proveEntries(ctx, name, asked, head.Size); err != nil {
		return Evidence{}, err
	}
	if asked.Complete {
		if err := c.walk(ctx, Verification{Agreement: name}, head, func(raw []byte) error {
			ev.Journal = append(ev.Journal, raw)
			return nil
		}); err != nil {
			return Evidence{}, fmt.Errorf("read every entry of the journal: %w", err)
		}
	}
	if asked.Deliveries {
		list, err := c.Deliveries(ctx, name, asked.Object)
		if err != nil {
			return Evidence{}, err
		}
		ev.Deliveries = &list
	}
	if asked.Kept != nil {
		kept, err := journal.ReadCheckpoint(asked.Kept)
		if err != nil {
			return Evidence{}, fmt.Errorf("the kept checkpoint: %w", err)
		}
		if kept.Size > 0 && kept.Size < head.Size {
			proof, err := c.ConsistencyProof(ctx, name, kept.Size, head.Size)
			if err != nil {
				return Evidence{}, err
			}
			ev.Consistency = &proof
		}
	}
	if _, err := ev.Verify(Trust{Kept: asked.Kept}); err != nil {
		return Evidence{}, fmt.Errorf("the server's answers prove nothing: %w", err)
	}
	return ev, nil
}

// proveEntries gathers the entries about an object with their proofs.
func (c *Client) proveEntries(ctx context.Context, name agreement.Name, asked Asked, size uint64) (list []EvidenceEntry, err error) {
	for after := journal.Position(0); ; {
		page, err := c.History(ctx, name, asked.Object, after)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Entries {
			if uint64(r.Position) > size || asked.Only != 0 && r.Position != asked.Only {
				continue
			}
			one, err := c.proveOne(ctx, name, r, size)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		if !page.More {
			break
		}
		if page.Next <= after {
			return nil, &EvidenceError{"entry", "the server's history does not end"}
		}
		after = page.Next
	}
	if len(list) == 0 {
		return nil, notFound("the object %s has no entry at position %d", asked.Object, asked.Only)
	}
	return list, nil
}

func (c *Client) proveOne(ctx context.Context, name agreement.Name, r Record, size uint64) (EvidenceEntry, error) {
	proof, err := c.EntryProof(ctx, name, r.Position, size)
	if err != nil {
		return EvidenceEntry{}, err
	}
	raw, err := c.RawEntry(ctx, name, r.Position)
	if err != nil {
		return EvidenceEntry{}, err
	}
	one := EvidenceEntry{Position: r.Position, Entry: raw, Proof: proof.Hashes}
	if r.Present != nil && *r.Present {
		// An auditor may know that an object exists without being allowed to read it.
		if text, err := c.Content(ctx, name, r.Position); err == nil {
			one.Content = text
		}
	}
	return one, nil
}

// RawEntry returns the canonical bytes of one entry.
func (c *Client) RawEntry(ctx context.Context, name agreement.Name, p journal.Position) ([]byte, error) {
	var one RawEntry
	err := c.read(ctx, ofAgreement(name, fmt.Sprintf("entry/?entry=%d", p)), &one)
	return one.Bytes, err
}
