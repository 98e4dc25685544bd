package agreement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
)

// Where lists conditions that an object must meet, all of them, to be released.
type Where struct {
	Labels     []string    `json:"labels,omitempty"`     // it has one of these
	Confidence *Confidence `json:"confidence,omitempty"` // nil: any, or none
	Valid      bool        `json:"valid,omitempty"`      // it is not revoked, and was valid when it was added
}

// Confidence is a range of the property confidence.
type Confidence struct {
	Min int `json:"min"` // 1 to 100
}

// Change says how objects are changed on the way.
type Change struct {
	Author   string   `json:"author"`             // AuthorKeep, AuthorRemove or AuthorAgreement
	Remove   []string `json:"remove,omitempty"`   // properties by their name, or JSON pointers
	Markings *Raise   `json:"markings,omitempty"` // nil: as they are
}

// Raise says which TLP level copies have at least.
type Raise struct {
	To stix.TLP `json:"raise_to"`
}

// Values of Change.Author.
const (
	AuthorKeep      = "keep"      // copies keep their identifier, their version and their author, who has agreed to that
	AuthorRemove    = "remove"    // copies have derived identifiers and name no author
	AuthorAgreement = "agreement" // as AuthorRemove, and they name the source agreement as their author
)

// Hides reports whether copies do not name their author.
func (ch *Change) Hides() bool {
	return ch != nil && (ch.Author == AuthorRemove || ch.Author == AuthorAgreement)
}

// Hides reports whether a release does not name authors.
func (r Release) Hides() bool { return r.Change.Hides() }

func (w *Where) clone() *Where {
	if w == nil {
		return nil
	}
	c := *w
	c.Labels = sortedSet(w.Labels)
	if w.Confidence != nil {
		r := *w.Confidence
		c.Confidence = &r
	}
	return &c
}

func (ch *Change) clone() *Change {
	if ch == nil {
		return nil
	}
	c := *ch
	c.Remove = sortedSet(ch.Remove)
	if ch.Markings != nil {
		r := *ch.Markings
		c.Markings = &r
	}
	return &c
}

// refuses says which condition an object does not meet, "" if it meets all. Validity is judged at the time at which the object was
// added, so that the answer never changes.
func (w *Where) refuses(o stix.Object, added time.Time) string {
	if w == nil {
		return ""
	}
	t := o.Tree
	member := func(name string) int { return t.Member(t.Root(), name) }
	if len(w.Labels) > 0 {
		found := false
		for label := range t.Items(member("labels")) {
			found = found || slices.Contains(w.Labels, t.Str(label))
		}
		if !found {
			return fmt.Sprintf("it has none of the labels %s", strings.Join(w.Labels, ", "))
		}
	}
	if w.Confidence != nil {
		at := member("confidence")
		if t.Kind(at) != ijson.Number {
			return fmt.Sprintf("it states no confidence, and at least %d is wanted", w.Confidence.Min)
		}
		d := ijson.NewDecimal(t.Raw(at))
		if n, ok := d.Int64(); !ok || n < int64(w.Confidence.Min) {
			return fmt.Sprintf("its confidence is %s, and at least %d is wanted", t.Raw(at), w.Confidence.Min)
		}
	}
	if w.Valid {
		if t.Kind(member("revoked")) == ijson.True {
			return "it is revoked"
		}
		if until, err := stix.ParseInstant(t.Str(member("valid_until"))); err == nil && !until.Time().After(added) {
			return fmt.Sprintf("it was valid until %s, and was added later", t.Str(member("valid_until")))
		}
	}
	return ""
}

// fixed are the properties that no change removes: what the object is, who may have it, and what receivers act on.
var fixed = []string{"type", "id", "spec_version", "created", "modified", "created_by_ref", "revoked", "object_marking_refs", "granular_markings"}

// changes checks the terms of a release on conditions and changes.
func (c *checker) changes(field string, r Release) {
	if w := r.Where; w != nil {
		if w.Confidence != nil && (w.Confidence.Min < 1 || w.Confidence.Min > 100) {
			c.fault(field+".where.confidence.min", "%d is no confidence to ask for, want 1 to 100", w.Confidence.Min)
		}
		for i, label := range w.Labels {
			if label == "" {
				c.fault(fmt.Sprintf("%s.where.labels[%d]", field, i), "an empty label, want text")
			}
		}
	}
	ch := r.Change
	if ch == nil {
		return
	}
	if ch.Author != AuthorKeep && !ch.Hides() {
		c.fault(field+".change.author", "%q is not known, want keep, remove or agreement: keep states that authors agree to copies that bear their names", ch.Author)
	}
	if len(ch.Remove) == 0 && ch.Markings == nil && !ch.Hides() {
		c.fault(field+".change", "nothing is changed, want remove or markings")
	}
	for i, word := range ch.Remove {
		at := fmt.Sprintf("%s.change.remove[%d]", field, i)
		path := RemovedPath(word)
		switch {
		case len(path) == 0 || slices.Contains(path, ""):
			c.fault(at, "%q is no property, want its name or a JSON pointer such as /external_references", word)
		case slices.Contains(fixed, path[0]):
			c.fault(at, "%s is no property that a release removes: objects would be invalid, or be taken for what they are not", path[0])
		case len(path) == 1:
			if types := r.requiring(path[0]); len(types) > 0 {
				c.fault(at, "%s is required in objects of type %s: without it they would be invalid, so none would go; leave it, or name other types in release.types", path[0], strings.Join(types, ", "))
			}
		}
	}
	if ch.Markings != nil {
		switch to := ch.Markings.To; {
		case to == 0:
			c.fault(field+".change.markings.raise_to", "it is missing, want a TLP level")
		case to == stix.Clear:
			c.fault(field+".change.markings.raise_to", "TLP:clear is the lowest level, want a higher one")
		}
	}
}

// requiring returns the types that the release passes on and that require a property.
func (r Release) requiring(property string) []string {
	return slices.DeleteFunc(validate.TypesRequiring(property), func(typ string) bool { return len(r.Types) > 0 && !slices.Contains(r.Types, typ) })
}

// RemovedPath returns the names of the properties that lead to one that is removed.
func RemovedPath(word string) []string {
	rest, pointer := strings.CutPrefix(word, "/")
	if !pointer {
		return []string{word}
	}
	path := strings.Split(rest, "/")
	for i := range path {
		path[i] = strings.ReplaceAll(strings.ReplaceAll(path[i], "~1", "/"), "~0", "~")
	}
	return path
}

// String describes the conditions.
func (w *Where) String() string {
	if w == nil {
		return ""
	}
	var parts []string
	if len(w.Labels) > 0 {
		parts = append(parts, "labelled "+strings.Join(w.Labels, " or "))
	}
	if w.Confidence != nil {
		parts = append(parts, fmt.Sprintf("confidence at least %d", w.Confidence.Min))
	}
	if w.Valid {
		parts = append(parts, "valid")
	}
	return strings.Join(parts, ", ")
}

// String describes the changes.
func (ch *Change) String() string {
	if ch == nil {
		return ""
	}
	var parts []string
	switch ch.Author {
	case AuthorRemove:
		parts = append(parts, "without their authors")
	case AuthorAgreement:
		parts = append(parts, "in the name of the agreement")
	}
	if len(ch.Remove) > 0 {
		parts = append(parts, "without "+strings.Join(ch.Remove, ", "))
	}
	if ch.Markings != nil {
		parts = append(parts, "marked at least "+ch.Markings.To.String())
	}
	return strings.Join(parts, ", ")
}
