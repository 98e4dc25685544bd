package agreement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/validate"
)

// Fault is one thing that is wrong with an agreement as it is written.
type Fault struct {
	Field   string // where, as a path into the apply file: "accept.types[1]"
	Message string // what was found there and what would be right
}

func (f Fault) Error() string { return f.Field + ": " + f.Message }

// Check reports what is wrong with an agreement by itself, regardless of what
// else exists: invalid names, roles, dates and values. It returns all faults, in
// the order of the apply file.
func Check(a *Agreement) []Fault {
	c := checker{}
	if err := CheckName(string(a.Name)); err != nil {
		c.fault("name", "%v", err)
	}
	if a.Title == "" {
		c.fault("title", "the title is empty")
	}
	if err := CheckName(a.APIRoot); err != nil {
		c.fault("api_root", "%v", err)
	}
	c.collection(a.Collection)
	c.parties(a.Parties)
	c.choice("members", a.Members, MembersConfidential, MembersVisible)
	c.choice("origins", a.Origins, OriginsHidden, OriginsVisible)
	switch t := a.Term; {
	case t.From.IsZero() || t.Until.IsZero() || t.From.Before(t.Until):
	case t.From.Equal(t.Until):
		c.fault("term.until", "the term ends on %s, the moment it begins; want a later end", FormatDate(t.Until))
	default:
		c.fault("term.until", "the term ends on %s, before it begins on %s; want a later end", FormatDate(t.Until), FormatDate(t.From))
	}
	c.wording(a.Wording)
	c.accept(a.Accept)
	c.public(a)
	c.release(a.Name, a.Release, a.Term)
	c.mirror(a.Mirror)
	c.push(a)
	if a.Retention.Versions < 0 {
		c.fault("retention.versions", "%d versions cannot be kept, want 1 or more, or nothing for all", a.Retention.Versions)
	}
	if a.Retention.MaxAgeDays < 0 {
		c.fault("retention.max_age", "%d days are no age, want 1d or more, or nothing for ever", a.Retention.MaxAgeDays)
	}
	return c.faults
}

// public refuses a public agreement that could hold something that is not TLP:CLEAR. An object without a marking counts as
// the most restrictive thing it could be, unless the agreement says that it is clear.
func (c *checker) public(a *Agreement) {
	if !a.Public {
		return
	}
	if a.Accept.MaxTLP != stix.Clear {
		c.fault("public", "a public agreement is read without an account, so it accepts TLP:CLEAR only; want accept: {max_tlp: clear}")
	}
	if !a.Accept.RequireMarking && a.Accept.DefaultTLP != stix.Clear {
		c.fault("public", "a public agreement says what an object without a marking is; want accept: {default_tlp: clear} or {require_marking: true}")
	}
}

type checker struct{ faults []Fault }

func (c *checker) fault(field, format string, args ...any) {
	c.faults = append(c.faults, Fault{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) collection(col Collection) {
	if col.ID.Version() != 4 || col.ID.Variant() != uuid.RFC4122 {
		c.fault("collection.id", "%s is not a UUIDv4", col.ID)
	}
	if col.Alias != "" {
		if err := CheckAlias(col.Alias); err != nil {
			c.fault("collection.alias", "%v", err)
		}
	}
}

// CheckAlias returns an error unless s can be a collection's alias (TAXII 2.1, section
// 5.2.1): letters, digits, hyphen, dot and underscore, so that it stands in a
// URL as it is, and not the form of a collection's id.
func CheckAlias(s string) error {
	if _, err := uuid.Parse(s); err == nil {
		return fmt.Errorf("the alias %q looks like a collection's id", s)
	}
	if err := CheckName(strings.ToLower(s)); err != nil {
		return fmt.Errorf("the alias %q may hold letters, digits, hyphen, dot and underscore, %d at most, and starts with a letter or digit", s, MaxName)
	}
	return nil
}

func (c *checker) parties(parties []Membership) {
	seen := make(map[PartyName]bool)
	for i, m := range parties {
		field := fmt.Sprintf("parties[%d]", i)
		if err := CheckName(string(m.Party)); err != nil {
			c.fault(field+".party", "%v", err)
		}
		if seen[m.Party] {
			c.fault(field+".party", "the party %s is listed twice; list all its roles in one place", m.Party)
		}
		seen[m.Party] = true
		if len(m.Roles) == 0 {
			c.fault(field+".roles", "the party %q has no role, want some of %s", m.Party, roleNames())
		}
		for j, r := range m.Roles {
			if !slices.Contains(Roles(), r) {
				c.fault(fmt.Sprintf("%s.roles[%d]", field, j), "%q is no role, want some of %s", r, roleNames())
			}
		}
	}
}

func roleNames() string {
	names := make([]string, 0, len(Roles()))
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

func (c *checker) accept(a Accept) {
	c.types("accept.types", a.Types)
	for i, v := range a.SpecVersions {
		if v != "2.0" && v != "2.1" {
			c.fault(fmt.Sprintf("accept.spec_versions[%d]", i), "%q is no version of STIX that is served, want '2.0' or '2.1'", v)
		}
	}
	c.markings("accept.markings", a.Markings)
	for i, rule := range a.Tolerate {
		if ok, why := validate.Tolerable(rule); !ok {
			c.fault(fmt.Sprintf("accept.tolerate[%d]", i), "%s", why)
		}
	}
	if a.KeepRefusedDays < 0 {
		c.fault("accept.keep_refused", "%d days are no time, want 1d or more, or nothing to keep none", a.KeepRefusedDays)
	}
	c.choice("accept.warnings", a.Warnings, WarningsAccept, WarningsReject)
	c.choice("accept.created_by", a.CreatedBy, CreatedByAny, CreatedByParty)
	c.choice("accept.future_modified", a.FutureModified, FutureReject, FutureWarn)
	c.choice("accept.corrections", a.Corrections, CorrectionsRefuse, CorrectionsAccept)
	c.choice("accept.consent", string(a.Consent), string(ConsentEveryone), string(ConsentMembers), string(ConsentNone))
	c.choice("accept.versions", a.Versions, VersionsOwner, VersionsAny)
}

// choice allows the values given and "", which stands for the first.
func (c *checker) choice(field, value string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		c.fault(field, "%q is not known, want %s", value, strings.Join(allowed, " or "))
	}
}

func (c *checker) types(field string, types []string) {
	for i, typ := range types {
		if err := CheckObjectType(typ); err != nil {
			c.fault(fmt.Sprintf("%s[%d]", field, i), "%v", err)
		}
	}
}

// CheckObjectType returns an error unless a term can name the object type: one
// that STIX 2.1 defines, or one that begins with x-, as custom types do (section
// 11.2). A misspelled type would go unnoticed.
func CheckObjectType(typ string) error {
	if stix.CategoryOf(typ) != stix.Unknown {
		return nil
	}
	if strings.HasPrefix(typ, "x-") {
		return stix.CheckType(typ)
	}
	return fmt.Errorf("%q is no object type of STIX 2.1, and other types begin with x-", typ)
}

func (c *checker) release(self Name, releases []Release, term Term) {
	seen := make(map[Name]bool)
	for i, r := range releases {
		field := fmt.Sprintf("release[%d]", i)
		if err := CheckName(string(r.To)); err != nil {
			c.fault(field+".to", "%v", err)
		}
		if r.To == self {
			c.fault(field+".to", "the agreement %s releases to itself, want another agreement", self)
		}
		if seen[r.To] {
			c.fault(field+".to", "there is another release to %s; want one rule per target", r.To)
		}
		seen[r.To] = true
		c.types(field+".types", r.Types)
		c.markings(field+".markings", r.Markings)
		c.choice(field+".references", r.References, ReferencesWith, ReferencesCut)
		c.timing(field, r, term)
		c.changes(field, r)
		c.feedback(field, r)
	}
}

// markings checks what terms say they understand. Levels of TLP and PAP are
// judged by ceilings; to name one would contradict them.
func (c *checker) markings(field string, m *Markings) {
	for i, word := range m.carried() {
		field := fmt.Sprintf("%s.carry[%d]", field, i)
		if slices.Contains(carriedKinds, MarkingKind(word)) {
			continue
		}
		id, err := stix.ParseID(word)
		if err != nil || id.Type() != "marking-definition" {
			c.fault(field, "%q is no kind of marking, want some of %s, or ids of marking definitions", word, carriedNames())
			continue
		}
		if _, tlp := stix.TLPOfMarking(id); tlp {
			c.fault(field, "%s is a TLP level, which max_tlp judges", id)
		}
		if _, pap := stix.PAPOfMarking(id); pap {
			c.fault(field, "%s is a PAP level, which max_pap judges", id)
		}
	}
}

func carriedNames() string {
	names := make([]string, 0, len(carriedKinds))
	for _, kind := range carriedKinds {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}
