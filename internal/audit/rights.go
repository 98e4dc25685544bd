package audit

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// rightsCheck demands of each act of a party that the terms in force at its position allowed it. It fetches the documents of
// terms, and believes only those whose digest the entries have.
type rightsCheck struct {
	client *Client
	name   agreement.Name
	rights store.Rights
}

func (r *rightsCheck) add(ctx context.Context, p journal.Position, e journal.Entry) error {
	if e.Kind == journal.Terms {
		return r.terms(ctx, p, e)
	}
	if problem := r.rights.Judge(e); problem != "" {
		return &journal.EntryError{Position: p, Problem: problem}
	}
	return nil
}

func (r *rightsCheck) terms(ctx context.Context, p journal.Position, e journal.Entry) error {
	document, err := r.client.Document(ctx, r.name, p)
	if err != nil {
		return fmt.Errorf("read the terms of entry %d, from which the rights of the parties follow: %w", p, err)
	}
	if sha256.Sum256(document) != e.Digest {
		return &MismatchError{fmt.Sprintf("the document of the terms at entry %d has not the digest of the entry", p)}
	}
	if err := r.rights.Terms(document); err != nil {
		return &MismatchError{fmt.Sprintf("the terms at entry %d: %v", p, err)}
	}
	return nil
}
