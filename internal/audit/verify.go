package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Verification says what to verify of a journal, and against what.
type Verification struct {
	Agreement agreement.Name // ServerJournal: the server's own
	Kept      []byte         // a checkpoint kept from earlier; nil: none
	Keys      []string       // verifier keys that are trusted; none: those of the server, on its word
	Quick     bool           // heads and consistency only, not every entry

	// Witnesses are verifier keys of witnesses; a head of the server's own journal must bear the cosignatures of AtLeast of them
	// (0: all), none older than MaxAge (0: no bound), and hold the head of the agreement.
	Witnesses []string
	AtLeast   int
	MaxAge    time.Duration

	// Visit, when set, is called with each entry of the journal as it is read; until Verify returns, it is not proven.
	Visit func(journal.Position, journal.Entry, []byte)
}

// Verdict states what a verification proved.
type Verdict struct {
	Origin   string      `json:"origin"`
	Size     uint64      `json:"entries"`
	SignedBy string      `json:"signed_by,omitempty"`    // name and hash of the key; "" for a file, which has no signature
	Trusted  bool        `json:"trusted"`                // the key, or one that named it, was given
	KeptSize uint64      `json:"kept_entries,omitempty"` // of the kept checkpoint; 0: none
	Entries  bool        `json:"entries_read"`           // every entry was read and hashed
	Live     uint64      `json:"versions"`               // versions that were added and not removed
	Removed  uint64      `json:"removed"`
	File     string      `json:"file,omitempty"`      // set for a file
	Named    string      `json:"agreement,omitempty"` // the agreement that the first entry's terms name; "" if they could not be read
	Cosigned *Cosignings `json:"cosigned,omitempty"`  // nil: no witness was asked for
}

// Cosignings is what witnesses state about a journal.
type Cosignings struct {
	Witnesses []string  `json:"witnesses"`
	Oldest    time.Time `json:"oldest"`  // of their cosignatures
	Size      uint64    `json:"entries"` // entries of the agreement's journal that the cosigned head covers
}

// String says what was proved, a sentence a line.
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
	b.WriteString(".")
	if v.Named != "" {
		fmt.Fprintf(&b, "\nIts first terms name the agreement %s and this collection.", v.Named)
	} else if v.File == "" && strings.Contains(v.Origin, "/") {
		b.WriteString("\nNot proved: which agreement it is of. Only auditors can read the terms that name it.")
	}
	if c := v.Cosigned; c != nil {
		fmt.Fprintf(&b, "\nIts first %d entries are under a head of the server's own journal that %s cosigned, at %s or later.",
			c.Size, strings.Join(c.Witnesses, ", "), c.Oldest.Format(time.RFC3339))
	}
	return b.String()
}

// MismatchError is the error about something that is of another journal or server than it should be.
type MismatchError struct{ Problem string }

func (e *MismatchError) Error() string { return "mismatch: " + e.Problem }

// Verify verifies a journal. It trusts nothing that the other side says: its answers must fit the kept checkpoint, the keys and
// each other. The error is a *journal.SignatureError, *journal.ProofError, *journal.EntryError or *MismatchError if they do not.
func (c *Client) Verify(ctx context.Context, v Verification) (Verdict, error) {
	h, err := c.openHead(ctx, v)
	if err != nil {
		return Verdict{}, err
	}
	verdict := Verdict{Origin: h.now.Origin, Size: h.now.Size, SignedBy: keyName(h.by), Trusted: len(v.Keys) > 0, KeptSize: h.kept.Size}
	if verdict.Named, err = c.bind(ctx, v, h); err != nil {
		return Verdict{}, err
	}
	if len(v.Witnesses) > 0 {
		if verdict.Cosigned, err = c.checkWitnesses(ctx, v, h); err != nil {
			return Verdict{}, err
		}
	}
	if v.Quick {
		return verdict, nil
	}
	check := &journal.Verification{Server: v.Agreement == ServerJournal, Until: c.now().Add(maxAhead)}
	rights := rightsCheck{client: c, name: v.Agreement}
	err = c.walk(ctx, v, h.now, func(raw []byte) error {
		e, err := addChecked(check, raw, h.kept)
		if err == nil && !check.Server {
			err = rights.add(ctx, journal.Position(check.Size()), e)
		}
		if err == nil {
			err = verdict.Cosigned.bound(journal.Position(check.Size()), e)
		}
		if err == nil && v.Visit != nil {
			v.Visit(journal.Position(check.Size()), e, raw)
		}
		return err
	})
	if err != nil {
		return Verdict{}, err
	}
	if err := check.Check(h.now); err != nil {
		return Verdict{}, err
	}
	verdict.Entries, verdict.Live, verdict.Removed = true, check.Live(), check.Removed()
	return verdict, nil
}

// maxSkew is how far the clocks of a server and of its witnesses may be apart.
const maxSkew = 5 * time.Minute

// bound reports an entry under a cosigned head that is later than the cosignature: then it was not written when it says.
func (c *Cosignings) bound(p journal.Position, e journal.Entry) error {
	if c == nil || uint64(p) > c.Size || !e.At.After(c.Oldest.Add(maxSkew)) {
		return nil
	}
	return &journal.EntryError{Position: p, Problem: fmt.Sprintf("its time, %s, is later than the cosignature of a head that it is under, %s",
		e.At.Format(time.RFC3339), c.Oldest.Format(time.RFC3339))}
}

// maxAhead is how far an entry may be ahead of the verifier's clock.
const maxAhead = 24 * time.Hour

// head is a signed head of now whose signature and consistency with the kept one have been checked.
type head struct {
	now, kept journal.Checkpoint
	by        note.Verifier
	trusted   []note.Verifier
}

// openHead fetches the head of now and checks its signature, its origin, and that it continues the kept one. A key that has named
// its successor signs no head of now.
func (c *Client) openHead(ctx context.Context, v Verification) (head, error) {
	keys, err := c.Keys(ctx)
	if err != nil {
		return head{}, err
	}
	var h head
	if h.trusted, err = trustedKeys(v.Keys, keys); err != nil {
		return head{}, err
	}
	signed, err := c.Checkpoint(ctx, v.Agreement)
	if err != nil {
		return head{}, err
	}
	if h.now, h.by, err = journal.OpenCheckpoint(signed, h.trusted); err != nil {
		return head{}, fmt.Errorf("the checkpoint of today: %w", err)
	}
	if err := checkOrigin(h.now, h.by, v.Agreement); err != nil {
		return head{}, fmt.Errorf("the checkpoint of today: %w", err)
	}
	if journal.Retired(h.by, keys.notes()) {
		return head{}, &journal.SignatureError{Reason: fmt.Sprintf("the head of today is signed by %s, which has named a successor and signs no longer", keyName(h.by))}
	}
	if v.Kept == nil {
		return h, nil
	}
	if h.kept, _, err = journal.OpenCheckpoint(v.Kept, h.trusted); err != nil {
		return head{}, fmt.Errorf("the kept checkpoint: %w", err)
	}
	if h.kept.Origin != h.now.Origin {
		return head{}, &MismatchError{fmt.Sprintf("the kept checkpoint is of %s, but that of today is of %s", h.kept.Origin, h.now.Origin)}
	}
	return h, c.checkConsistency(ctx, v.Agreement, h.kept, h.now)
}

// checkOrigin holds an origin against the name of the key that signed it: NAME/COLLECTION-ID for an agreement, NAME for the server.
func checkOrigin(c journal.Checkpoint, by note.Verifier, name agreement.Name) error {
	if name == ServerJournal {
		if c.Origin != by.Name() {
			return &MismatchError{fmt.Sprintf("the origin is %q, but the key that signs it is named %s", c.Origin, by.Name())}
		}
		return nil
	}
	id, err := c.Collection()
	if err == nil {
		err = c.CheckOrigin(by, id)
	}
	if err != nil {
		return &MismatchError{err.Error()}
	}
	return nil
}

// addChecked adds an entry and, at the size of the kept checkpoint, compares the tree with it.
func addChecked(check *journal.Verification, raw []byte, kept journal.Checkpoint) (journal.Entry, error) {
	e, err := check.Add(raw)
	if err == nil && kept.Size == check.Size() {
		err = check.Check(kept)
	}
	return e, err
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

// walk reads the entries of a checkpoint in order, and fetches the next page meanwhile. It ends whatever the server answers.
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

// trustedKeys returns the given keys and their successors; without any, the keys of the server.
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
	return journal.Successors(keys, server.notes()), nil
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
		if kept, err = keptForFile(path, v); err != nil {
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
			_, failed = addChecked(check, raw, kept)
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

// keptForFile reads the kept checkpoint. Without a server there are only the given keys, and the successions in the keys folder of
// the data folder that the file is in; without keys, the checkpoint is believed as it was kept.
func keptForFile(path string, v Verification) (journal.Checkpoint, error) {
	if len(v.Keys) == 0 {
		return journal.ReadCheckpoint(v.Kept)
	}
	notes, err := store.SuccessionsBeside(path)
	if err != nil {
		return journal.Checkpoint{}, err
	}
	list := KeyList{}
	for _, signed := range notes {
		list.Successions = append(list.Successions, string(signed))
	}
	trusted, err := trustedKeys(v.Keys, list)
	if err != nil {
		return journal.Checkpoint{}, err
	}
	kept, _, err := journal.OpenCheckpoint(v.Kept, trusted)
	if err != nil {
		return kept, fmt.Errorf("the kept checkpoint: %w (%d notes of succession beside the file were read)", err, len(notes))
	}
	return kept, nil
}
