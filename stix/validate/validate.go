package validate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/schemas"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// Options control how strict validation is. Zero values are the defaults.
type Options struct {
	SpecVersions []string // accepted spec versions; none means 2.1
	MaxFindings  int      // most findings for one object; default 100. Warnings never displace errors
}

// DefaultMaxFindings is the default of Options.MaxFindings.
const DefaultMaxFindings = 100

// Parse parses one object's text into t, which the object keeps. The findings are the faults of the text itself (rules
// S-001 to S-004); if one is an Error, there is no object to validate.
func Parse(raw []byte, t *ijson.Tree, limits ijson.Limits) (stix.Object, []Finding) {
	if err := t.Parse(raw, limits); err != nil {
		return stix.Object{}, []Finding{TextFinding(err)}
	}
	if kind := t.Kind(t.Root()); kind != ijson.Object {
		return stix.Object{}, []Finding{the.finding("S-004", Error, "", fmt.Sprintf("found %s, expected a STIX object", kind))}
	}
	o := stix.FromTree(t)
	if t.Noncharacter >= 0 {
		return o, []Finding{the.finding("S-002", Warning, t.Pointer(t.Noncharacter),
			"the string holds a Unicode noncharacter such as U+FFFE; leave it out, other programs may refuse it")}
	}
	return o, nil
}

// TextFinding returns an error of package ijson as a finding of rule S-001, S-002 or S-003.
func TextFinding(err error) Finding {
	var fault *ijson.Error
	if !errors.As(err, &fault) {
		return the.finding("S-001", Error, "", err.Error())
	}
	rule := "S-001"
	switch fault.Code {
	case ijson.Surrogate:
		rule = "S-002"
	case ijson.Duplicate:
		rule = "S-003"
	}
	return the.finding(rule, Error, fault.Path, fault.Error())
}

// finding returns a finding of a rule, by its identifier, from outside the checks in the table.
func (m *model) finding(rule string, sev Severity, path, message string) Finding {
	f := Finding{Rule: rule, Severity: sev, Path: path, Message: message}
	if r := m.byID[rule]; r != nil {
		f.Section = r.Section
	}
	return f
}

// Object checks an object against the Standard. It returns errors, then warnings, each in the order of the rule table
// and, within a rule, of the document, or nil if there are none.
func Object(o stix.Object, opts Options) []Finding {
	if opts.MaxFindings <= 0 {
		opts.MaxFindings = DefaultMaxFindings
	}
	s := newSubject(the, o, opts)
	defer s.release()
	if !s.header() {
		return s.found.all()
	}
	if s.legacy {
		s.judgeLegacy()
		return s.found.all()
	}
	s.layOut(o.Tree.Root())
	s.judge()
	if !schemas.Check(o.Type, o.Tree) {
		s.merge(schemas.Explain(o.Type, o.Tree))
	}
	return s.found.all()
}

// header checks type, identifier and spec version, on which everything else depends. It reports whether the rest should
// be checked.
func (s *subject) header() bool {
	t, root := s.t, s.t.Root()
	if t.Kind(root) != ijson.Object {
		s.put("S-004", Error, root, "found %s, expected a STIX object", t.Kind(root))
		return false
	}
	for _, name := range [...]string{"type", "id"} {
		if v := t.Member(root, name); t.Kind(v) != ijson.String {
			at := v
			if v < 0 {
				at = root
			}
			s.put("S-004", Error, at, "%s is %s, expected a string: a STIX object has a type and an id", name, missing(t.Kind(v)))
		}
	}
	switch {
	case len(s.found.errors) > 0:
		return false
	case s.o.Type == "bundle":
		s.put("S-196", Error, root, "found a bundle where a STIX object is expected; a bundle is no STIX object and may not stand inside another")
		return false
	}
	return s.specVersion()
}

// missing returns the name of a kind for a sentence about a required member.
func missing(k ijson.Kind) string {
	if k == 0 {
		return "missing"
	}
	return k.String()
}

// specVersion refuses an object of a spec version that is not accepted, with a single finding (S-050), because
// everything else in it would be wrong as well. An object that should have a spec_version but does not is STIX 2.0.
func (s *subject) specVersion() bool {
	taken := s.opts.SpecVersions
	if len(taken) == 0 {
		taken = []string{"2.1"}
	}
	at := s.t.Member(s.t.Root(), "spec_version")
	version := s.o.SpecVersion
	if at < 0 && s.o.Category() == stix.SCO { // also one of a custom type that has created
		version = "2.1"
	}
	if at >= 0 && s.t.Kind(at) != ijson.String {
		s.put("S-050", Error, at, "spec_version is %s, expected the string \"2.1\"", s.t.Kind(at))
		return false
	}
	s.legacy = version == "2.0"
	if slices.Contains(taken, version) && (version == "2.1" || s.legacy) {
		return true
	}
	want := strings.Join(taken, " or ")
	switch {
	case at < 0:
		s.put("S-050", Error, s.t.Root(), "spec_version is missing, so this looks like STIX 2.0; expected an object of STIX %s with \"spec_version\": \"%s\"", want, taken[0])
	case s.legacy:
		s.put("S-050", Error, max(at, s.t.Root()), "this is an object of STIX 2.0, expected one of STIX %s", want)
	default:
		s.put("S-050", Error, at, "spec_version is %s, expected %s", s.show(at), want)
	}
	return false
}

// merge adds the violations of schemas. If several rules concern one place, it keeps the more specific ones: a rule
// that both layers report is kept once, and a general one (wrong type, empty value) is dropped in favour of one about
// the value's purpose.
func (s *subject) merge(violations []schemas.Violation) {
	own := s.found.errors
	for _, v := range violations {
		if s.found.full(Error) {
			return
		}
		if said(own, violations, v) {
			continue
		}
		s.found.add(s.m.finding(v.Rule, Error, v.Path, v.Message))
	}
}

func said(own []Finding, violations []schemas.Violation, v schemas.Violation) bool {
	for i := range own {
		if f := &own[i]; f.Path == v.Path && (f.Rule == v.Rule || general(v.Rule) || v.Rule == "S-013" && f.Rule == "S-079") {
			return true
		}
	}
	if general(v.Rule) {
		for i := range violations {
			if o := &violations[i]; o.Path == v.Path && !general(o.Rule) {
				return true
			}
		}
	}
	return false
}

// general reports whether a rule applies to every value and so says little about this one.
func general(rule string) bool { return rule == "S-014" || rule == "S-026" || rule == "S-027" }
