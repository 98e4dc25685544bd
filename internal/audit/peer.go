package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// Peer is what a server keeps of a journal of another server: its signed heads, each with the proof that it continues the one
// before, and where it did not.
type Peer struct {
	Origin      string         `json:"origin"`                // of its heads
	URL         string         `json:"url,omitempty"`         // of the collection there that a mirror here follows; "": a mirror there gave the heads
	Agreement   agreement.Name `json:"agreement,omitempty"`   // its name there
	Account     string         `json:"account,omitempty"`     // that gave the heads
	Party       string         `json:"party,omitempty"`       // of that account
	Key         string         `json:"key"`                   // verifier key that signed the first of them, or was accepted since
	Successions []string       `json:"successions,omitempty"` // signed notes in which keys name their successors
	Size        uint64         `json:"size"`                  // entries under the newest head
	Began       time.Time      `json:"began"`                 // when the first of them was shown
	Proved      time.Time      `json:"proved"`                // when the history was last shown to continue
	Breaks      []PeerBreak    `json:"breaks,omitempty"`      // where it did not, the newest last

	Heads []PeerHead `json:"heads,omitempty"`
	Now   *PeerNow   `json:"now,omitempty"` // what the server shows at this moment
}

// PeerHead is a signed head of another server's journal.
type PeerHead struct {
	Signed string    `json:"signed"`
	Seen   time.Time `json:"seen"`
	Key    string    `json:"key,omitempty"` // verifier key from here on: of the first head, and of the first after a break was accepted
	Proof  Proof     `json:"proof"`         // that the journal of this head begins with that of the one before
}

// PeerBreak is where a server contradicted what it had signed.
type PeerBreak struct {
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"` // one of the History constants
	Problem  string    `json:"problem"`
	Kept     string    `json:"kept"`  // the signed head that was kept
	Shown    string    `json:"shown"` // the signed head that does not continue it
	Key      string    `json:"key"`   // verifier key that signed that
	Accepted time.Time `json:"accepted,omitzero"`
	By       string    `json:"by,omitempty"` // that accepted it
}

// PeerNow is the head that a server shows at this moment, and its proof that it continues the newest that is kept.
type PeerNow struct {
	Signed      string   `json:"signed,omitempty"`
	Successions []string `json:"successions,omitempty"`
	Proof       Proof    `json:"proof"`
	Error       string   `json:"error,omitempty"` // why there is none
}

// The ways in which a server contradicts what it signed.
const (
	HistoryForked   = "fork"
	HistoryRewound  = "rewound"
	HistoryOtherKey = "other key"
	HistoryOther    = "other journal"
)

// HistoryError says how a server contradicts what it signed before.
type HistoryError struct{ Kind, Problem string }

func (e *HistoryError) Error() string { return e.Kind + ": " + e.Problem }

// Shown is a signed head as a server shows it, with its keys.
type Shown struct {
	Head   journal.Checkpoint
	Signed []byte
	Keys   KeyList

	by      note.Verifier
	trusted []note.Verifier
}

// Show fetches the head of now, and checks its signature and its origin. The error about a signature of another key than the trusted
// ones, and those that they named their successors, is a *HistoryError.
func (c *Client) Show(ctx context.Context, name agreement.Name, trusted []string) (Shown, error) {
	s := Shown{}
	var err error
	if s.Keys, err = c.Keys(ctx); err != nil {
		return s, err
	}
	if s.Signed, err = c.Checkpoint(ctx, name); err != nil {
		return s, err
	}
	return s, s.open(name, trusted)
}

// OpenShown checks a head that was handed over as Show does.
func OpenShown(name agreement.Name, trusted []string, keys KeyList, signed []byte) (Shown, error) {
	s := Shown{Keys: keys, Signed: signed}
	return s, s.open(name, trusted)
}

func (s *Shown) open(name agreement.Name, trusted []string) (err error) {
	if s.trusted, err = trustedKeys(trusted, s.Keys); err != nil {
		return &journal.SignatureError{Reason: err.Error()}
	}
	s.Head, s.by, err = journal.OpenCheckpoint(s.Signed, s.trusted)
	var signature *journal.SignatureError
	if errors.As(err, &signature) && len(trusted) > 0 {
		s.Head, _ = journal.ReadCheckpoint(s.Signed)
		return &HistoryError{HistoryOtherKey, fmt.Sprintf("the head is not signed by the key that is known, or by one that it named its successor: %s", signature.Reason)}
	}
	if err == nil {
		err = checkOrigin(s.Head, s.by, name)
	}
	if err == nil && journal.Retired(s.by, s.Keys.notes()) {
		err = &HistoryError{HistoryOtherKey, fmt.Sprintf("the head is signed by %s, which has named a successor and signs no longer", keyName(s.by))}
	}
	return err
}

// SignedBy names the key that signed.
func (s *Shown) SignedBy() string {
	if s.by == nil {
		return ""
	}
	return keyName(s.by)
}

// Continues checks that a head continues an earlier one. prove is asked for the proof where one is needed. The error about a
// contradiction is a *HistoryError; any other says that nothing was proved.
func Continues(kept, now journal.Checkpoint, prove func(from, to uint64) (Proof, error)) (Proof, error) {
	switch {
	case kept.Origin != now.Origin:
		return Proof{}, &HistoryError{HistoryOther, fmt.Sprintf("the head is of %s, and the kept one of %s", journal.CleanText(now.Origin), journal.CleanText(kept.Origin))}
	case now.Size < kept.Size:
		return Proof{}, &HistoryError{HistoryRewound, fmt.Sprintf("the journal has %d entries, and had %d in the head that was kept", now.Size, kept.Size)}
	case now.Size == kept.Size && now.Root != kept.Root:
		return Proof{}, &HistoryError{HistoryForked, fmt.Sprintf("two heads with %d entries have different root hashes", now.Size)}
	case now.Size == kept.Size, kept.Size == 0:
		return Proof{From: kept.Size, To: now.Size}, nil
	}
	p, err := prove(kept.Size, now.Size)
	if err != nil {
		return Proof{}, err
	}
	if err := journal.CheckConsistency(kept, now, p.Hashes); err != nil {
		return Proof{}, &HistoryError{HistoryForked, fmt.Sprintf("the journal with %d entries does not begin with the %d of the head that was kept", now.Size, kept.Size)}
	}
	return p, nil
}

// PeerVerdict states what was proved about a peer.
type PeerVerdict struct {
	Origin   string      `json:"origin"`
	URL      string      `json:"url,omitempty"`     // of the collection that a mirror here follows
	Account  string      `json:"account,omitempty"` // that gave the heads
	Heads    int         `json:"heads"`
	From     uint64      `json:"from_entries"` // under the first head
	To       uint64      `json:"to_entries"`   // under the newest head, or the one that is shown now
	Since    time.Time   `json:"since"`
	SignedBy string      `json:"signed_by"`
	Trusted  bool        `json:"trusted"`             // the key, or one that named it, was given
	Gaps     int         `json:"gaps,omitempty"`      // places where heads between two that are kept were dropped
	Accepted []PeerBreak `json:"accepted,omitempty"`  // breaks that an operator has accepted
	Now      bool        `json:"now"`                 // the server has just shown that it continues the newest head
	Asked    string      `json:"not_asked,omitempty"` // why it has not; "" where it cannot be asked
}

// String says what was proved, a sentence a line.
func (v PeerVerdict) String() string {
	var b strings.Builder
	from := v.URL
	if from == "" {
		from = "heads that " + v.Account + " gave"
	}
	fmt.Fprintf(&b, "SAME: the journal of %s (%s) grew from %d to %d entries since %s, and each of the %d heads that are kept continues the one before; signed by %s",
		journal.CleanText(v.Origin), journal.CleanText(from), v.From, v.To, v.Since.UTC().Format(time.RFC3339), v.Heads, v.SignedBy)
	if !v.Trusted {
		b.WriteString(" (the key of the first head, on the word of the server that showed it)")
	}
	b.WriteString(".")
	if v.Gaps > 0 {
		fmt.Fprintf(&b, "\nBetween heads, %s older ones were dropped when they had been verified.", times(v.Gaps))
	}
	for _, a := range v.Accepted {
		fmt.Fprintf(&b, "\nOn %s it did not continue (%s: %s), which %s accepted.", a.At.UTC().Format(time.RFC3339), a.Kind, journal.CleanText(a.Problem), journal.CleanText(a.By))
	}
	switch {
	case v.Now:
		b.WriteString("\nIt has just shown that it continues the newest.")
	case v.Asked != "":
		fmt.Fprintf(&b, "\nNot proved: what it shows now (%s).", journal.CleanText(v.Asked))
	default:
		b.WriteString("\nNot proved: what it shows now. This server has no login there.")
	}
	return b.String()
}

func times(n int) string {
	if n == 1 {
		return "in one place"
	}
	return fmt.Sprintf("in %d places", n)
}

// VerifyPeer verifies what is kept of a peer, and the head that the peer shows now. trusted are verifier keys; none: the key that
// signed the first head. The error about a contradiction is a *HistoryError; a break that was noted earlier is one, unless an
// operator has accepted it.
func VerifyPeer(p Peer, trusted []string) (PeerVerdict, error) {
	v := PeerVerdict{Origin: p.Origin, URL: p.URL, Account: p.Account, Heads: len(p.Heads), Trusted: len(trusted) > 0}
	keys := KeyList{Successions: slices.Clone(p.Successions)}
	if p.Now != nil {
		keys.Successions = append(keys.Successions, p.Now.Successions...)
	}
	known := slices.Clone(trusted)
	for _, h := range p.Heads {
		if len(trusted) == 0 && h.Key != "" && !slices.Contains(known, h.Key) {
			known = append(known, h.Key)
		}
	}
	if len(known) == 0 {
		return v, &journal.SignatureError{Reason: "no head of the peer is kept"}
	}
	verifiers, err := trustedKeys(known, keys)
	if err != nil {
		return v, &journal.SignatureError{Reason: err.Error()}
	}
	open := func(signed string) (journal.Checkpoint, error) {
		c, by, err := journal.OpenCheckpoint([]byte(signed), verifiers)
		if err != nil {
			return c, &HistoryError{HistoryOtherKey, err.Error()}
		}
		v.SignedBy = keyName(by)
		return c, nil
	}
	var last journal.Checkpoint
	for i, h := range p.Heads {
		c, err := open(h.Signed)
		if err != nil {
			return v, err
		}
		switch {
		case i == 0:
			v.From, v.Since = c.Size, h.Seen
		case h.Key != "": // it began anew: an operator accepted a break
		case h.Proof.From != last.Size:
			v.Gaps++
		default:
			if _, err := Continues(last, c, func(uint64, uint64) (Proof, error) { return h.Proof, nil }); err != nil {
				return v, err
			}
		}
		last = c
	}
	v.To = last.Size
	for _, b := range p.Breaks {
		if b.Accepted.IsZero() {
			return v, &HistoryError{b.Kind, fmt.Sprintf("%s (noted on %s)", b.Problem, b.At.UTC().Format(time.RFC3339))}
		}
		v.Accepted = append(v.Accepted, b)
	}
	return v, v.compareNow(p.Now, last, open)
}

// compareNow holds the head that a peer shows now against the newest that is kept.
func (v *PeerVerdict) compareNow(shown *PeerNow, last journal.Checkpoint, open func(string) (journal.Checkpoint, error)) error {
	if shown == nil {
		return nil
	}
	if shown.Signed == "" {
		v.Asked = shown.Error
		return nil
	}
	now, err := open(shown.Signed)
	if err != nil {
		return err
	}
	_, err = Continues(last, now, func(uint64, uint64) (Proof, error) {
		if shown.Error != "" {
			return Proof{}, errors.New(shown.Error)
		}
		return shown.Proof, nil
	})
	var contradiction *HistoryError
	switch {
	case err == nil:
		v.Now, v.To = true, now.Size
		return nil
	case errors.As(err, &contradiction):
		return err
	}
	v.Asked = err.Error()
	return nil
}
