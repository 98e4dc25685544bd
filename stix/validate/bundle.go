package validate

import (
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// Bundle checks a bundle itself against the Standard (section 8): its type, its identifier and its list of objects. A
// bundle is a wrapper that is neither stored nor served, so its faults are warnings, unless its objects cannot be
// found. [Object] checks the objects one by one; a bundle among them is a finding there (S-196).
func Bundle(t *ijson.Tree, opts Options) []Finding {
	if opts.MaxFindings <= 0 {
		opts.MaxFindings = DefaultMaxFindings
	}
	s := newSubject(the, stix.FromTree(t), opts)
	defer s.release()
	root := t.Root()
	if t.Kind(root) != ijson.Object {
		s.put("S-195", Error, root, "found %s, expected a bundle", t.Kind(root))
		return s.found.all()
	}
	for name, value := range t.Members(root) {
		switch string(t.Bytes(name)) {
		case "type", "id", "objects":
		case "spec_version":
			if t.Is(value, "2.0") {
				continue // a bundle of STIX 2.0
			}
			s.put("S-198", Warning, value, "spec_version is no property of a bundle in STIX 2.1, only its objects have one; leave it out")
		default:
			s.put("S-198", Warning, value, "%s is not a property of a bundle; readers may ignore it", s.show(name))
		}
	}
	if typ := t.Member(root, "type"); !t.Is(typ, "bundle") {
		s.put("S-195", Warning, max(typ, root), "the type of a bundle is \"bundle\"")
	}
	s.bundleID(t.Member(root, "id"))
	const message = "objects is %s, expected a list with at least one object, or no objects at all"
	switch objects := t.Member(root, "objects"); {
	case objects < 0:
	case t.Kind(objects) != ijson.Array:
		s.put("S-195", Error, objects, message, s.show(objects))
	case t.Nodes[objects].Count == 0:
		s.put("S-195", Warning, objects, message, s.show(objects))
	}
	return s.found.all()
}

func (s *subject) bundleID(id int) {
	typ, u, ok := splitID(s.str(id))
	switch {
	case id < 0:
		s.put("S-195", Warning, s.t.Root(), "the bundle has no id, expected bundle--UUID")
	case !ok || string(typ) != "bundle":
		s.put("S-195", Warning, id, "the identifier of the bundle is %s, expected bundle--UUID", s.show(id))
	default:
		s.rule = s.m.byID["S-016"]
		s.uuid(id)
		s.found.warnings, s.found.errors = append(s.found.warnings, s.found.errors...), nil
		for i := range s.found.warnings {
			s.found.warnings[i].Severity = Warning
		}
		if u[14] != '4' && !s.found.full(Warning) {
			s.put("S-018", Warning, id, "the identifier is a UUID of version %c, expected a random one (version 4)", u[14])
		}
	}
}
