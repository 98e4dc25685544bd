package stix

import "github.com/accord-taxii/accord/stix/ijson"

// Object is one STIX object: its text, parsed once, and the facts that decide how it is stored.
type Object struct {
	Tree        *ijson.Tree
	Type        string // "" unless a string
	ID          ID     // "" unless well-formed
	SpecVersion string // as stated; else 2.1 for an SCO and 2.0 for everything else (STIX 2.1, section 3.2)

	// Version is the text of `modified`, else of `created`, as the object has it, or "" if it has neither, like most
	// SCOs (TAXII 2.1, section 3.4.1). Instant is the same as a time. Both are empty if that text is not a timestamp.
	Version string
	Instant Instant
}

// FromTree reads an object from its parsed text. It never fails: what is missing or malformed stays empty, and
// validation reports it.
func FromTree(t *ijson.Tree) Object {
	o := Object{Tree: t}
	id, spec, created, modified := -1, -1, -1, -1
	for name, value := range t.Members(t.Root()) {
		switch {
		case t.Is(name, "type"):
			o.Type = t.Str(value)
		case t.Is(name, "id"):
			id = value
		case t.Is(name, "spec_version"):
			spec = value
		case t.Is(name, "created"):
			created = value
		case t.Is(name, "modified"):
			modified = value
		}
	}
	if parsed, err := ParseID(t.Str(id)); err == nil {
		o.ID = parsed
	}
	o.SpecVersion = t.Str(spec)
	if spec < 0 {
		o.SpecVersion = "2.0"
		if CategoryOf(o.Type) == SCO || CategoryOf(o.Type) == Unknown && created < 0 && modified < 0 {
			o.SpecVersion = "2.1"
		}
	}
	version := modified
	if version < 0 {
		version = created
	}
	if in, err := ParseInstant(t.Str(version)); err == nil {
		o.Version, o.Instant = t.Str(version), in
	}
	return o
}

// Raw returns the object's text without white space between its tokens. This is what is stored and served.
func (o Object) Raw() []byte { return o.Tree.Text }

// Category returns the object's category. For a type that STIX 2.1 does not define it is a guess: the category that an
// extension of the object declares (section 7.3), else SDO if it has `created` or `modified`, else SCO.
func (o Object) Category() Category {
	if c := CategoryOf(o.Type); c != Unknown {
		return c
	}
	t := o.Tree
	if c := declaredCategory(t, t.Root()); c != Unknown {
		return c
	}
	if t.Member(t.Root(), "created") >= 0 || t.Member(t.Root(), "modified") >= 0 {
		return SDO
	}
	return SCO
}

// declaredCategory returns the category that an extension of the object at node declares for its type, or Unknown.
func declaredCategory(t *ijson.Tree, node int) Category {
	for _, value := range t.Members(t.Member(node, "extensions")) {
		switch kind := t.Member(value, "extension_type"); {
		case t.Is(kind, "new-sdo"):
			return SDO
		case t.Is(kind, "new-sro"):
			return SRO
		case t.Is(kind, "new-sco"):
			return SCO
		}
	}
	return Unknown
}
