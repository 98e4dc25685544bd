package agreement

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// defaultSpecVersion is accepted where accept.spec_versions is absent.
const defaultSpecVersion = "2.1"

// Canonical returns the agreement in the one form that is kept: times in UTC
// and whole microseconds, sets sorted and without duplicates, defaults spelled
// out so that a later change of a default does not change an agreement. Parties
// and releases are sorted by name.
func (a *Agreement) Canonical() *Agreement {
	c := a.Clone()
	slices.SortStableFunc(c.Parties, func(x, y Membership) int { return cmp.Compare(x.Party, y.Party) })
	for i := range c.Parties {
		c.Parties[i].Roles = sortedRoles(c.Parties[i].Roles)
	}
	c.Term = Term{From: canonicalTime(c.Term.From), Until: canonicalTime(c.Term.Until)}
	c.Accept.Types = sortedSet(c.Accept.Types)
	c.Accept.SpecVersions = sortedSet(c.Accept.SpecVersions)
	if len(c.Accept.SpecVersions) == 0 {
		c.Accept.SpecVersions = []string{defaultSpecVersion}
	}
	c.Accept.Markings = c.Accept.Markings.canonical()
	c.Accept.Tolerate = sortedSet(c.Accept.Tolerate)
	c.Members = cmp.Or(c.Members, MembersConfidential)
	if c.Origins == OriginsHidden {
		c.Origins = "" // documents of before it have none
	}
	c.Accept.Warnings = cmp.Or(c.Accept.Warnings, WarningsAccept)
	c.Accept.CreatedBy = cmp.Or(c.Accept.CreatedBy, CreatedByAny)
	c.Accept.FutureModified = cmp.Or(c.Accept.FutureModified, FutureReject)
	c.Accept.Versions = cmp.Or(c.Accept.Versions, VersionsOwner)
	if c.Accept.Corrections == CorrectionsRefuse {
		c.Accept.Corrections = "" // documents of before it have none
	}
	slices.SortStableFunc(c.Release, func(x, y Release) int { return cmp.Compare(x.To, y.To) })
	for i := range c.Release {
		c.Release[i] = c.Release[i].canonical()
	}
	c.Feedback = sortedSet(c.Feedback)
	c.Mirror = c.Mirror.canonical()
	for _, m := range []*Mark{c.Suspended, c.Terminated} {
		if m != nil {
			m.At = canonicalTime(m.At)
		}
	}
	return c
}

// Document returns the agreement's canonical JSON: the same agreement always
// gives the same bytes. Targets of releases that have a key are named by ids; see
// [HiddenTarget].
func (a *Agreement) Document() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	c := a.Canonical()
	c.hideTargets()
	slices.SortStableFunc(c.Release, func(x, y Release) int { return cmp.Compare(x.To, y.To) })
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("write agreement %s: %w", a.Name, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ParseDocument reads what Document wrote. An unknown term is an error: a term
// that cannot be read cannot be enforced.
func ParseDocument(b []byte) (*Agreement, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var a Agreement
	if err := dec.Decode(&a); err != nil {
		return nil, fmt.Errorf("read agreement: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("read agreement: data after the document")
	}
	return &a, nil
}

func canonicalTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

func sortedSet(s []string) []string {
	if len(s) == 0 {
		return nil
	}
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}

func sortedRoles(given []Role) []Role {
	var sorted []Role
	for _, r := range Roles() {
		if slices.Contains(given, r) {
			sorted = append(sorted, r)
		}
	}
	return sorted
}
