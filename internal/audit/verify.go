package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Verification says what to verify of an agreement's journal, and against what.
type Verification struct {
	Agreement agreement.Name
	Kept      []byte   // a checkpoint kept from earlier; nil: none
	Keys      []string // verifier keys that are trusted; none: those of the server, on its word
	Quick     bool     // heads and consistency only, not every entry
}

// Verdict states what a verification proved.
type Verdict struct {
	Origin   string
	Size     uint64 // entries
	SignedBy string // name and hash of the key; "" for a file, which has no signature
	Trusted  bool   // the key, or one that named it, was given
	KeptSize uint64 // of the kept checkpoint; 0: none
	Entries  bool   // every entry was read and hashed
	Live     uint64 // versions that the entries leave there
	Removed  uint64
	File     string // set when it was a file
}

// String says in one sentence what was proved.
func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The journal of %s has %d entries", v.Origin, v.Size)
	if v.SignedBy != "" {
		fmt.Fprintf(&b, ", whose head is signed by %s", v.SignedBy)
		if !v.Trusted {
			b.WriteString(" (a key taken from the server, which proves only that its answers agree with each other)")
		}
	}
	if v.KeptSize > 0 {
		fmt.Fprintf(&b, "; it begins with exactly the %d of the kept checkpoint", v.KeptSize)
	}
	if v.Entries {
		fmt.Fprintf(&b, "; every entry was read and all of them hash to the head (%d versions there, %d removed)", v.Live, v.Removed)
	} else {
		b.WriteString("; the entries themselves were not read")
	}
	if v.File != "" {
		b.WriteString("; every stored object has the digest of its entry (a file bears no signature)")
	}
	return b.String() + "."
}

// MismatchError says that a checkpoint belongs to something else.
type MismatchError struct{ Problem string }

func (e *MismatchError) Error() string { return "checkpoint: " + e.Problem }

// Verify verifies a journal and trusts nothing that the other side says: what it answers has to fit the kept checkpoint,
// the keys and itself. What does not is a *journal.SignatureError, *journal.ProofError, *journal.EntryError or
// *MismatchError.
func (c *Client) Verify(ctx context.Context, v Verification) (Verdict, error) {
	keys, err := c.Keys(ctx)
	if err != nil {
		return Verdict{}, err
	}
	trusted, err := trustedKeys(v.Keys, keys)
	if err != nil {
		return Verdict{}, err
	}
	signed, err := c.Checkpoint(ctx, v.Agreement)
	if err != nil {
		return Verdict{}, err
	}
	now, by, err := journal.OpenCheckpoint(signed, trusted)
	if err != nil {
		return Verdict{}, fmt.Errorf("the checkpoint of today: %w", err)
	}
	verdict := Verdict{Origin: now.Origin, Size: now.Size, SignedBy: keyName(by), Trusted: len(v.Keys) > 0}
	var kept journal.Checkpoint
	if v.Kept != nil {
		if kept, _, err = journal.OpenCheckpoint(v.Kept, trusted); err != nil {
			return Verdict{}, fmt.Errorf("the kept checkpoint: %w", err)
		}
		if kept.Origin != now.Origin {
			return Verdict{}, &MismatchError{fmt.Sprintf("the kept one is of %s, but the one of today is of %s", kept.Origin, now.Origin)}
		}
		verdict.KeptSize = kept.Size
		if err := c.checkConsistency(ctx, v.Agreement, kept, now); err != nil {
			return Verdict{}, err
		}
	}
	if v.Quick {
		return verdict, nil
	}
	check := &journal.Verification{}
	if err := c.walk(ctx, v, now, func(raw []byte) error { return addChecked(check, raw, kept) }); err != nil {
		return Verdict{}, err
	}
	if err := check.Check(now); err != nil {
		return Verdict{}, err
	}
	verdict.Entries, verdict.Live, verdict.Removed = true, check.Live(), check.Removed()
	return verdict, nil
}

// addChecked adds an entry and, where the kept checkpoint ends, holds the tree against it.
func addChecked(check *journal.Verification, raw []byte, kept journal.Checkpoint) error {
	if _, err := check.Add(raw); err != nil {
		return err
	}
	if kept.Size == check.Size() {
		return check.Check(kept)
	}
	return nil
}

func (c *Client) checkConsistency(ctx context.Context, name agreement.Name, kept, now journal.Checkpoint) error {
	var proof Proof
	if kept.Size > 0 && kept.Size < now.Size {
		var err error
		if proof, err = c.ConsistencyProof(ctx, name, kept.Size, now.Size); err != nil {
			return err
		}
	}
	return journal.CheckConsistency(kept, now, proof.Hashes)
}

// walk reads the entries of a checkpoint in order, a page ahead of those that it hands on. Whatever the server answers, it
// ends.
func (c *Client) walk(ctx context.Context, v Verification, now journal.Checkpoint, visit func([]byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ahead := c.fetchEntries(ctx, v.Agreement, 0)
	for done := uint64(0); done < now.Size; {
		got := <-ahead
		if got.err != nil {
			return got.err
		}
		if len(got.page.Entries) == 0 {
			return &journal.ProofError{Problem: fmt.Sprintf("the server gave %d entries, where the checkpoint has %d", done, now.Size)}
		}
		entries := got.page.Entries[:min(uint64(len(got.page.Entries)), now.Size-done)] // the rest was added since
		if next := done + uint64(len(entries)); next < now.Size {
			ahead = c.fetchEntries(ctx, v.Agreement, journal.Position(next))
		}
		for _, e := range entries {
			if e.Position != journal.Position(done+1) {
				return &journal.EntryError{Position: journal.Position(done + 1), Problem: fmt.Sprintf("the server left it out, and gave %d", e.Position)}
			}
			if err := visit(e.Bytes); err != nil {
				return err
			}
			done++
		}
	}
	return nil
}

// fetchedEntries is a page of entries, or why there is none.
type fetchedEntries struct {
	page RawEntries
	err  error
}

// fetchEntries begins to fetch a page of entries.
func (c *Client) fetchEntries(ctx context.Context, name agreement.Name, after journal.Position) <-chan fetchedEntries {
	fetched := make(chan fetchedEntries, 1)
	go func() {
		page, err := c.Entries(ctx, name, after, PageMost)
		fetched <- fetchedEntries{page, err}
	}()
	return fetched
}

// trustedKeys are the given keys and those they lead to; without any, those of the server.
func trustedKeys(given []string, server KeyList) ([]note.Verifier, error) {
	texts := given
	if len(given) == 0 {
		texts = append([]string{server.Key}, server.Retired...)
	}
	var keys []note.Verifier
	for _, text := range texts {
		key, err := note.NewVerifier(text)
		if err != nil {
			return nil, fmt.Errorf("the key %q: %w; expected name, hash and public key, joined by plus signs, as accord audit key prints it", text, err)
		}
		keys = append(keys, key)
	}
	var notes [][]byte
	for _, text := range server.Successions {
		notes = append(notes, []byte(text))
	}
	return journal.Successors(keys, notes), nil
}

func keyName(k note.Verifier) string { return fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash()) }

// VerifyFile verifies the file of an agreement, such as one of a backup: its entries, its objects, its indexes, and that it
// goes on from a kept checkpoint. v.Agreement may be empty.
func VerifyFile(ctx context.Context, path string, v Verification) (_ Verdict, err error) {
	col, closeFile, err := store.OpenFile(path)
	if err != nil {
		return Verdict{}, err
	}
	defer func() { err = errors.Join(err, closeFile()) }()
	var kept journal.Checkpoint
	if v.Kept != nil {
		if kept, err = keptForFile(v); err != nil {
			return Verdict{}, err
		}
		if id, err := kept.Collection(); err != nil || id != col.ID() {
			return Verdict{}, &MismatchError{fmt.Sprintf("the kept one is of %s, but the file is of the collection %s", kept.Origin, col.ID())}
		}
	}
	faults, err := col.Check(ctx)
	if err != nil {
		return Verdict{}, err
	}
	if len(faults) > 0 {
		return Verdict{}, fmt.Errorf("file: %s", strings.Join(faults, "\n"))
	}
	size, root, err := col.Head()
	if err != nil {
		return Verdict{}, err
	}
	if kept.Size > size {
		return Verdict{}, journal.CheckConsistency(kept, journal.Checkpoint{Size: size, Root: root}, nil)
	}
	check := &journal.Verification{}
	for check.Size() < size {
		var failed error
		err := col.Entries(journal.Position(check.Size()+1), PageMost, func(_ journal.Position, _ journal.Entry, raw []byte) bool {
			failed = addChecked(check, raw, kept)
			return failed == nil && check.Size() < size
		})
		if err := errors.Join(err, failed); err != nil {
			return Verdict{}, err
		}
	}
	if err := check.Check(journal.Checkpoint{Size: size, Root: root}); err != nil {
		return Verdict{}, err
	}
	a := col.Agreement()
	return Verdict{Origin: fmt.Sprintf("%s (collection %s)", a.Name, col.ID()), Size: size, KeptSize: kept.Size,
		Entries: true, Live: check.Live(), Removed: check.Removed(), File: path}, nil
}

// keptForFile reads the kept checkpoint. Without a server there are only the given keys; without those, the reader
// vouches for it.
func keptForFile(v Verification) (journal.Checkpoint, error) {
	if len(v.Keys) == 0 {
		return journal.ReadCheckpoint(v.Kept)
	}
	trusted, err := trustedKeys(v.Keys, KeyList{})
	if err != nil {
		return journal.Checkpoint{}, err
	}
	kept, _, err := journal.OpenCheckpoint(v.Kept, trusted)
	if err != nil {
		return kept, fmt.Errorf("the kept checkpoint: %w", err)
	}
	return kept, nil
}
