package agreement

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A document of terms is read by parties that must not know the targets of its releases, and its digest is in the journal.
// So it has, in the place of a target's name, an id made of the name and a key. Who is told the key can check that the id
// stands for the name; without it the id says nothing, not even to someone who tries all names.

// KeySize is the length of the key of a release, in bytes.
const KeySize = 16

// hiddenPrefix begins the id of a target. No agreement's name has a colon.
const hiddenPrefix = "id:"

// HiddenTarget returns the id that stands for the name of a release's target in documents of terms.
func HiddenTarget(key []byte, target Name) Name {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(target))
	return Name(hiddenPrefix + hex.EncodeToString(mac.Sum(nil)[:16]))
}

// IsHidden reports whether a name in a document of terms is the id of a target.
func IsHidden(name Name) bool { return strings.HasPrefix(string(name), hiddenPrefix) }

// Opening says which name an id stands for, and the key that proves it.
type Opening struct {
	ID   Name
	Key  []byte
	Name Name
}

// WithKeys returns a copy of the agreement in which each release has a key: that of a release to the same target before,
// else a new one. before may be nil.
func (a *Agreement) WithKeys(before *Agreement) *Agreement {
	c := a.Clone()
	for i := range c.Release {
		r := &c.Release[i]
		if len(r.Key) == 0 && before != nil {
			was, _ := before.ReleaseTo(r.To)
			r.Key = was.Key
		}
		if len(r.Key) == 0 {
			r.Key = make([]byte, KeySize)
			rand.Read(r.Key)
		}
	}
	return c
}

// Openings lists what the ids in the agreement's document stand for.
func (a *Agreement) Openings() (list []Opening) {
	for _, r := range a.Release {
		if len(r.Key) > 0 {
			list = append(list, Opening{HiddenTarget(r.Key, r.To), r.Key, r.To})
		}
	}
	return list
}

// hideTargets replaces the targets of releases that have a key by their ids.
func (a *Agreement) hideTargets() {
	for i := range a.Release {
		if r := &a.Release[i]; len(r.Key) > 0 {
			r.To = HiddenTarget(r.Key, r.To)
		}
	}
}

// Reveal puts names in the place of the ids in an agreement that was read from its document. opened returns the opening of
// an id, if it is known.
func (a *Agreement) Reveal(opened func(id Name) (Opening, bool)) error {
	for i := range a.Release {
		r := &a.Release[i]
		if !IsHidden(r.To) {
			continue
		}
		o, known := opened(r.To)
		if !known {
			return fmt.Errorf("the target %s of a release of %s is unknown: what it stands for is missing", r.To, a.Name)
		}
		if HiddenTarget(o.Key, o.Name) != r.To {
			return fmt.Errorf("the target %s of a release of %s does not stand for %s", r.To, a.Name, o.Name)
		}
		r.To, r.Key = o.Name, o.Key
	}
	slices.SortStableFunc(a.Release, func(x, y Release) int { return cmp.Compare(x.To, y.To) })
	return nil
}
