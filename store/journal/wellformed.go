package journal

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/internal/control"
)

// field is a set of the fields of an entry.
type field uint32

// The fields, by their tags, without kind and time, which every entry has.
const (
	fieldAccount field = 1 << iota
	fieldParty
	fieldObject
	fieldVersion
	fieldSpecVersion
	fieldOf
	fieldSize
	fieldTLP
	fieldStatus
	fieldWarnings
	fieldSource
	fieldDigest
	fieldBefore
	fieldAct
	fieldSubject
	fieldReason
)

var fieldNames = []string{"account", "party", "object", "version", "spec version", "of", "size", "marking", "status", "warnings", "source", "digest", "before", "act", "subject", "reason"}

// shape says which fields an entry of a kind must have, and which others it may have.
type shape struct{ must, may field }

const byWhom = fieldAccount | fieldParty | fieldReason

// shapes is the table of doc/history.md: what a well-formed entry of each kind is. A field added later stands here, too.
var shapes = map[Kind]shape{
	Added:     {fieldObject | fieldSpecVersion | fieldSize | fieldDigest, byWhom | fieldVersion | fieldTLP | fieldStatus | fieldWarnings | fieldSource | fieldBefore | fieldAct},
	Deleted:   {fieldObject | fieldSpecVersion | fieldOf, byWhom | fieldVersion | fieldSource | fieldAct},
	Withdrawn: {fieldObject | fieldSpecVersion | fieldOf, byWhom | fieldVersion | fieldSource | fieldAct},
	Decided:   {fieldObject | fieldSpecVersion | fieldOf | fieldSource | fieldAct | fieldReason, byWhom | fieldVersion},
	Terms:     {fieldAct | fieldDigest, byWhom | fieldBefore},
	Admin:     {fieldAct | fieldSubject, byWhom | fieldBefore | fieldDigest},
	Head:      {fieldSource | fieldDigest, 0},
}

// acts lists the acts of kinds that have only some.
var acts = map[Kind][]string{
	Added:     {"", ActCorrect},
	Deleted:   {"", ActRemove, ActBar, ActCorrect},
	Withdrawn: {"", ActTerms, ActCorrect},
}

// maxTLP is the highest marking: red.
const maxTLP = 5

// fields returns the fields that an entry has.
func (e *Entry) fields() (has field) {
	for i, there := range []bool{
		e.Account != "", e.Party != "", e.Object != "", e.Version != "", e.SpecVersion != "", e.Of != 0, e.Size != 0, e.TLP != 0,
		e.Status != [16]byte{}, len(e.Warnings) > 0, !e.Source.IsZero(), e.Digest != Digest{}, e.Before != Digest{}, e.Act != "", e.Subject != "", e.Reason != "",
	} {
		if there {
			has |= 1 << i
		}
	}
	return has
}

// Check reports what makes an entry malformed, whatever journal it is in: a missing field, a field of another kind, a value out of
// range, text that could forge a line on a terminal. Servers write only entries that pass, and verifiers accept no others.
func (e *Entry) Check() error {
	s, known := shapes[e.Kind]
	if !known {
		return fmt.Errorf("the kind %d is unknown", e.Kind)
	}
	has := e.fields()
	if missing := s.must &^ has; missing != 0 {
		return fmt.Errorf("an entry of kind %d must have the field %s", e.Kind, missing)
	}
	if alien := has &^ (s.must | s.may); alien != 0 {
		return fmt.Errorf("an entry of kind %d must not have the field %s", e.Kind, alien)
	}
	switch {
	case e.Party != "" && e.Account == "":
		return fmt.Errorf("the party %s has no account", clean(e.Party))
	case e.SpecVersion != "" && e.SpecVersion != "2.0" && e.SpecVersion != "2.1":
		return fmt.Errorf("the spec version is %s, expected 2.0 or 2.1", clean(e.SpecVersion))
	case !slices.Contains(acts[e.Kind], e.Act) && acts[e.Kind] != nil:
		return fmt.Errorf("the act of an entry of kind %d is %s", e.Kind, clean(e.Act))
	case e.Kind == Added && e.Before != Digest{} && e.Source.IsZero():
		return errors.New("an added version that no release brought names an original")
	case e.Kind == Decided && e.Act != "approve" && e.Act != "refuse":
		return fmt.Errorf("the act of a decision is %s", clean(e.Act))
	case e.Act == ActCorrect && e.Version == "":
		return errors.New("an object without a version cannot be corrected")
	case e.TLP > maxTLP:
		return fmt.Errorf("the marking is %d, expected at most %d", e.TLP, maxTLP)
	case e.Kind == Head && (e.Source.Position == 0 || e.Source.Collection == [16]byte{}):
		return errors.New("the head lacks a collection or a size")
	case max(uint64(e.Of), uint64(e.Source.Position), e.Size) > mostEntries:
		return fmt.Errorf("a number is above %d", uint64(mostEntries))
	}
	for i, text := range []string{e.Account, e.Party, e.Object, e.Version, e.Act, e.Subject, e.Reason, strings.Join(e.Warnings, ",")} {
		if control.CheckLine(text) != nil {
			name := []string{"account", "party", "object", "version", "act", "subject", "reason", "warnings"}[i]
			return fmt.Errorf("the %s has a control character", name)
		}
	}
	return nil
}

// String names the first field of a set.
func (f field) String() string {
	for i, name := range fieldNames {
		if f&(1<<i) != 0 {
			return name
		}
	}
	return "none"
}

// CleanText replaces each control character with U+FFFD.
func CleanText(s string) string { return clean(s) }

func clean(s string) string { return control.Clean(s) }
