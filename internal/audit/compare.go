package audit

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// Side is one of two heads that are compared.
type Side struct {
	Name    string   // of the file, for messages
	Signed  []byte   // the head, a signed note
	Journal [][]byte // every entry up to the head, if they are known

	keys  []string // verifier keys in the file
	notes []string // of succession
}

// ReadSide reads a head that was kept: a checkpoint, or an evidence file.
func ReadSide(name string, text []byte) (Side, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		_, err := journal.ReadCheckpoint(text)
		return Side{Name: name, Signed: text}, err
	}
	ev, err := ParseEvidence(text)
	if err != nil {
		return Side{}, err
	}
	return Side{Name: name, Signed: []byte(ev.Checkpoint), Journal: ev.Journal, keys: []string{ev.Key}, notes: ev.Successions}, nil
}

// Comparison is what two heads prove about each other.
type Comparison struct {
	Origin string    `json:"origin"`
	Sizes  [2]uint64 `json:"sizes"`
	Fork   bool      `json:"fork"` // there are two histories: what follows proves it
	Why    string    `json:"why,omitempty"`

	Heads   [2]string `json:"heads"`             // the signed notes
	Journal [][]byte  `json:"journal,omitempty"` // of a fork: the entries under the second head, if the heads alone do not prove it
}

// String says whether the histories are one, a sentence a line.
func (c Comparison) String() string {
	if c.Fork {
		return fmt.Sprintf("FORK: the server has signed two histories of %s: %s.", c.Origin, c.Why)
	}
	return fmt.Sprintf("SAME: the journal of %s with %d entries begins with exactly the %d of the other head.", c.Origin, c.Sizes[1], c.Sizes[0])
}

// NotProvedError says why it is not known whether two heads are of one history.
type NotProvedError struct{ Problem string }

func (e *NotProvedError) Error() string { return "not proved: " + e.Problem }

// Compare finds out whether two signed heads are of one history. Heads of one size prove it by themselves; of others, the entries
// that a file has, or else those of the server that c asks, if any. trusted are verifier keys; without any, the keys in the files
// and of the server count, which proves only that what they sign does or does not agree.
func Compare(ctx context.Context, c *Client, name agreement.Name, a, b Side, trusted []string) (Comparison, error) {
	keys, err := keysOf(ctx, c, trusted, a, b)
	if err != nil {
		return Comparison{}, err
	}
	var heads [2]journal.Checkpoint
	for i, s := range []Side{a, b} {
		if heads[i], _, err = journal.OpenCheckpoint(s.Signed, keys); err != nil {
			return Comparison{}, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	if heads[0].Origin != heads[1].Origin {
		return Comparison{}, &MismatchError{fmt.Sprintf("%s is a head of %s, %s of %s", a.Name, heads[0].Origin, b.Name, heads[1].Origin)}
	}
	if heads[0].Size > heads[1].Size {
		a, b, heads[0], heads[1] = b, a, heads[1], heads[0]
	}
	cmp := Comparison{Origin: heads[0].Origin, Sizes: [2]uint64{heads[0].Size, heads[1].Size}, Heads: [2]string{string(a.Signed), string(b.Signed)}}
	switch {
	case heads[0].Size == heads[1].Size:
		if cmp.Fork = heads[0].Root != heads[1].Root; cmp.Fork {
			cmp.Why = fmt.Sprintf("both heads are of %d entries, and their root hashes differ", heads[0].Size)
		}
		return cmp, nil
	case heads[0].Size == 0:
		return cmp, nil
	case b.Journal != nil:
		return cmp, cmp.byEntries(b.Journal, heads)
	case c == nil:
		return cmp, &NotProvedError{"the heads have different sizes; compare them with the help of a server (--data or --url), or with complete evidence (accord audit prove --complete)"}
	}
	proof, err := c.ConsistencyProof(ctx, name, heads[0].Size, heads[1].Size)
	if err == nil {
		if err = journal.CheckConsistency(heads[0], heads[1], proof.Hashes); err == nil {
			return cmp, nil
		}
	}
	return cmp, cmp.byServer(ctx, c, name, heads, err)
}

// byServer compares heads with the entries that a server gives, where its proof did not hold.
func (cmp *Comparison) byServer(ctx context.Context, c *Client, name agreement.Name, heads [2]journal.Checkpoint, proof error) error {
	var entries [][]byte
	err := c.walk(ctx, Verification{Agreement: name}, heads[1], func(raw []byte) error {
		entries = append(entries, raw)
		return nil
	})
	if err != nil {
		return &NotProvedError{fmt.Sprintf("the server proves nothing (%v), and its entries cannot be read (%v)", proof, err)}
	}
	return cmp.byEntries(entries, heads)
}

// byEntries compares heads with the entries of a journal: those of the longer head, or else they prove nothing.
func (cmp *Comparison) byEntries(entries [][]byte, heads [2]journal.Checkpoint) error {
	check := &journal.Verification{Server: !strings.Contains(heads[0].Origin, "/")}
	var shorter error
	for _, raw := range entries {
		if check.Size() == heads[1].Size {
			break
		}
		if _, err := check.Add(raw); err != nil {
			return err
		}
		if check.Size() == heads[0].Size {
			shorter = check.Check(heads[0])
		}
	}
	if err := check.Check(heads[1]); err != nil {
		return &NotProvedError{"the entries are those of a third history, or of another server: " + err.Error()}
	}
	if shorter != nil {
		cmp.Fork, cmp.Journal = true, entries
		cmp.Why = fmt.Sprintf("the first %d of the %d entries of the one do not hash to the head of the other", heads[0].Size, heads[1].Size)
	}
	return nil
}

// keysOf returns the keys that heads are opened with.
func keysOf(ctx context.Context, c *Client, trusted []string, sides ...Side) ([]note.Verifier, error) {
	var list KeyList
	given := trusted
	for _, s := range sides {
		list.Successions = append(list.Successions, s.notes...)
		if len(trusted) == 0 {
			given = append(given, s.keys...)
		}
	}
	if c != nil {
		server, err := c.Keys(ctx)
		if err != nil {
			return nil, err
		}
		list.Successions = append(list.Successions, server.Successions...)
		if len(trusted) == 0 {
			given = append(append(given, server.Key), server.Retired...)
		}
	}
	if len(given) == 0 {
		return nil, &journal.SignatureError{Reason: "no key is known: give --trusted-key"}
	}
	keys, err := trustedKeys(given, list)
	if err != nil {
		return nil, err
	}
	return keys, nil
}
