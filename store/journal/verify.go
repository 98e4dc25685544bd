package journal

import (
	"fmt"
	"math/bits"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Verification reads a journal from its first entry on and computes its root hash. It trusts nothing: it checks entries against
// the rules of every journal, and the tree against checkpoints. It keeps a hash for each level of the tree, and 8 bytes for each
// version that was added and not removed.
type Verification struct {
	Server bool      // the journal is the server's own, not an agreement's
	Until  time.Time // no entry may be later; zero: no bound

	size    uint64
	peaks   []tlog.Hash // of the complete subtrees from the left, largest first
	last    int64       // microseconds of the newest entry
	terms   Digest
	live    map[Position]fingerprint
	removed uint64

	corrected *Entry // the entry before, if it removed a text that the next one replaces
}

// fingerprint is a short hash of object, version and spec version.
type fingerprint [8]byte

// EntryError is the error about an entry that breaks a rule.
type EntryError struct {
	Position Position
	Problem  string
}

func (e *EntryError) Error() string { return fmt.Sprintf("entry %d: %s", e.Position, e.Problem) }

// Add takes the canonical bytes of the next entry. The error about an entry that breaks a rule is an *EntryError; the
// verification cannot continue after it.
func (v *Verification) Add(raw []byte) (Entry, error) {
	p := Position(v.size + 1)
	e, err := ParseEntry(raw)
	if err != nil {
		return Entry{}, &EntryError{p, err.Error()}
	}
	if problem := v.judge(p, e); problem != "" {
		return Entry{}, &EntryError{p, problem}
	}
	v.grow(LeafHash(raw))
	return e, nil
}

// judge returns the rule of journals that an entry breaks, "" for none.
func (v *Verification) judge(p Position, e Entry) string {
	at := e.At.UnixMicro()
	if v.size > 0 && at <= v.last {
		return "its time is not later than that of the entry before"
	}
	v.last = at
	if err := e.Check(); err != nil {
		return err.Error()
	}
	if !v.Until.IsZero() && e.At.After(v.Until) {
		return fmt.Sprintf("its time, %s, is in the future", e.At.Format(time.RFC3339))
	}
	if ofServer := e.Kind == Admin || e.Kind == Head; ofServer != v.Server {
		return fmt.Sprintf("an entry of kind %d does not belong in this journal", e.Kind)
	}
	if !v.Server && (p == 1) != (e.Kind == Terms && e.Before == Digest{}) {
		return "the first entry of an agreement, and no other, sets its first terms"
	}
	if problem := Corrects(v.corrected, e); problem != "" {
		return problem
	}
	v.corrected = nil
	if e.Kind != Added && e.Act == ActCorrect {
		v.corrected = &e
	}
	switch e.Kind {
	case Added:
		if v.live == nil {
			v.live = map[Position]fingerprint{}
		}
		v.live[p] = printOf(e)
	case Deleted, Withdrawn:
		of, ok := v.live[e.Of]
		if !ok {
			return fmt.Sprintf("it removes the version added at %d, which added nothing or was removed before", e.Of)
		}
		if of != printOf(e) {
			return fmt.Sprintf("it removes %s %s, which is not what the entry %d added", clean(e.Object), clean(e.Version), e.Of)
		}
		delete(v.live, e.Of)
		v.removed++
	case Decided:
		if e.Of >= p {
			return fmt.Sprintf("it decides about the version added at %d, which does not come before", e.Of)
		}
	case Terms:
		if e.Before != v.terms {
			return "its field before is not the digest of the terms in force"
		}
		v.terms = e.Digest
	}
	return ""
}

// Corrects returns what is wrong with an entry about corrections, "" for nothing. removed is the entry before it if that removed
// a text to be replaced, else nil. The two entries of a correction stand together, about one version and by one author.
func Corrects(removed *Entry, e Entry) string {
	adds := e.Kind == Added && e.Act == ActCorrect
	switch {
	case removed == nil && !adds:
		return ""
	case removed == nil:
		return "it corrects a version, but the entry before it removes none for that"
	case !adds || e.Object != removed.Object || e.SpecVersion != removed.SpecVersion:
		return "the entry before it removes a text to be corrected, and it does not add the new one"
	case e.Account != removed.Account || e.Party != removed.Party || e.Source.Collection != removed.Source.Collection:
		return "it and the entry before it are one correction, but of different authors"
	}
	return ""
}

func printOf(e Entry) (f fingerprint) {
	h := tlog.RecordHash([]byte(e.Object + "\x00" + e.Version + "\x00" + e.SpecVersion))
	copy(f[:], h[:])
	return f
}

// grow appends a leaf: two complete subtrees of one size become one (RFC 6962, section 2.1).
func (v *Verification) grow(leaf tlog.Hash) {
	v.peaks = append(v.peaks, leaf)
	v.size++
	for n := bits.TrailingZeros64(v.size); n > 0; n-- {
		last := len(v.peaks) - 1
		v.peaks[last-1] = tlog.NodeHash(v.peaks[last-1], v.peaks[last])
		v.peaks = v.peaks[:last]
	}
}

// Size returns the number of entries.
func (v *Verification) Size() uint64 { return v.size }

// Live returns how many versions the entries added and did not remove; Removed, how many they removed.
func (v *Verification) Live() uint64    { return uint64(len(v.live)) }
func (v *Verification) Removed() uint64 { return v.removed }

// Root returns the root hash of the tree over the entries so far.
func (v *Verification) Root() tlog.Hash {
	if len(v.peaks) == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	root := v.peaks[len(v.peaks)-1]
	for i := len(v.peaks) - 2; i >= 0; i-- {
		root = tlog.NodeHash(v.peaks[i], root)
	}
	return root
}

// Check compares the tree with a checkpoint of the same size. The error is a *ProofError.
func (v *Verification) Check(c Checkpoint) error {
	if v.size != c.Size {
		return &ProofError{fmt.Sprintf("there are %d entries, where the checkpoint has %d", v.size, c.Size)}
	}
	if v.Root() != c.Root {
		return &ProofError{fmt.Sprintf("the %d entries do not hash to the root hash of the checkpoint: entries were changed, dropped or put in another order", c.Size)}
	}
	return nil
}
