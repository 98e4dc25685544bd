package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix"
)

// kind is the type of a property's values (STIX 2.1, section 2).
type kind uint8

const (
	kindAny kind = iota + 1
	kindString
	kindInteger
	kindFloat
	kindBoolean
	kindTimestamp
	kindHex
	kindBinary
	kindReference
	kindVocabulary // an open one
	kindEnum
	kindHashes
	kindDictionary
	kindStructure
	kindExtensions
	kindContainer
)

var kindNames = map[string]kind{
	"any": kindAny, "str": kindString, "int": kindInteger, "float": kindFloat, "bool": kindBoolean, "ts": kindTimestamp,
	"hex": kindHex, "bin": kindBinary, "hashes": kindHashes, "extensions": kindExtensions, "container": kindContainer,
}

// nameID is the number of a property name in the whole model, so that an object's properties fit in an array.
type nameID uint16

// names is filled during package initialisation and only read afterwards.
var names = map[string]nameID{}

// prop returns the number of a property name.
func prop(name string) nameID {
	id, ok := names[name]
	if !ok {
		id = nameID(len(names))
		names[name] = id
	}
	return id
}

// property is one property of a structure.
type property struct {
	name     string
	in       *structure
	required bool
	list     bool
	kind     kind
	vocab    *vocabulary
	refs     typeSet
	of       *structure
	values   string // dictionary: the type of its values, as written
	outside  bool   // dictionary: its keys are names from outside STIX
	cased    bool   // dictionary: its keys keep their case
	ruleIDs  []string
	rules    []*Rule // value rules: those for the kind, then those that the model names
}

// structure is an object type, or a type nested in one, and its properties.
type structure struct {
	name       string
	category   stix.Category
	props      []*property // by nameID; nil if it has no such property
	order      []*property // as written
	extensions map[string]*structure
	object     []*Rule // rules on whole objects of this type
}

// model holds the Standard's object types and the rules on them.
type model struct {
	rules   []Rule
	byID    map[string]*Rule
	types   map[string]*structure // object types
	nested  map[string]*structure
	common  map[stix.Category]*structure // common properties of each category, for custom types
	foreign map[string]string            // predefined extension -> its object type

	types20  map[string]*structure // object types of STIX 2.0
	custom20 *structure            // common properties of STIX 2.0, for custom types
	object20 []*Rule               // rules on whole objects of STIX 2.0
}

var the = build()

// build parses the tables of the model. It panics on a mistake in them, which is a bug.
func build() *model {
	m := &model{
		rules: table(), byID: map[string]*Rule{}, types: map[string]*structure{}, nested: map[string]*structure{},
		common: map[stix.Category]*structure{}, foreign: map[string]string{},
	}
	for i := range m.rules {
		m.byID[m.rules[i].ID] = &m.rules[i]
	}
	m.structures(nestedModel, m.nested)
	m.build20()
	extensions := map[string]*structure{}
	m.structures(extensionModel, extensions)
	m.structures(sdoModel, m.types)
	m.structures(sroModel, m.types)
	m.structures(scoModel, m.types)
	m.structures(smoModel, m.types)
	for cat, text := range commonModel {
		m.common[cat] = &structure{name: cat.String(), category: cat}
		m.properties(m.common[cat], text)
	}
	for _, s := range m.types {
		s.category = stix.CategoryOf(s.name)
		if s.category != stix.SMO {
			m.properties(s, commonModel[s.category])
		}
		s.extensions = map[string]*structure{}
	}
	for key, ext := range extensions {
		typ, name, _ := strings.Cut(key, "/")
		ext.name = name
		m.types[typ].extensions[name] = ext
		m.foreign[name] = typ
	}
	for _, s := range m.types {
		m.finish(s)
	}
	for _, s := range m.common {
		m.finish(s)
	}
	m.finish20()
	return m
}

// structures parses lines of the form `name: property property ...`; a line that begins with a space continues the
// previous one.
func (m *model) structures(text string, into map[string]*structure) {
	for _, line := range strings.Split(strings.ReplaceAll(text, "\n ", " "), "\n") {
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		s := &structure{name: name}
		into[name] = s
		m.properties(s, rest)
	}
}

// properties adds properties in the notation of nestedModel to s.
func (m *model) properties(s *structure, text string) {
	for word := range strings.FieldsSeq(text) {
		name, what, ok := strings.Cut(word, ":")
		if !ok {
			panic(fmt.Sprintf("model: %s: %q is no property", s.name, word))
		}
		p := &property{in: s}
		p.name, p.required = strings.CutSuffix(name, "*")
		what, p.list = strings.CutPrefix(what, "[")
		what = strings.TrimSuffix(what, "]")
		parts := strings.Split(what, "!")
		p.ruleIDs = parts[1:]
		m.kindOf(p, parts[0])
		s.order = append(s.order, p)
		prop(p.name)
	}
}

func (m *model) kindOf(p *property, what string) {
	switch {
	case strings.HasPrefix(what, "ov="):
		p.kind, p.vocab = kindVocabulary, vocabularies[what[3:]]
		if p.vocab == nil {
			panic("model: no vocabulary " + what)
		}
	case strings.HasPrefix(what, "enum="):
		p.kind = kindEnum
	case strings.HasPrefix(what, "->"):
		p.kind, p.refs = kindReference, parseTypeSet(what[2:])
		if len(p.ruleIDs) == 0 {
			p.ruleIDs = []string{"S-144"}
		}
	case strings.HasPrefix(what, "dict"):
		p.kind = kindDictionary
		p.outside = what[4] == '~'
		p.cased = p.outside || what[4] == '^'
		p.values = strings.Trim(strings.TrimLeft(what[4:], "~^"), "()")
	case strings.HasPrefix(what, "{"):
		p.kind, p.of = kindStructure, m.nested[strings.Trim(what, "{}")]
		if p.of == nil {
			panic("model: no structure " + what)
		}
	default:
		p.kind = kindNames[what]
		if p.kind == 0 {
			panic("model: no kind " + what)
		}
	}
}

// finish arranges the properties of s and of its nested structures by number, and finds their rules.
func (m *model) finish(s *structure) {
	if s.props != nil {
		return
	}
	s.props = make([]*property, len(names))
	for _, p := range s.order {
		s.props[prop(p.name)] = p
		for i := range m.rules {
			if r := &m.rules[i]; r.value != nil && (r.on == p.kind || slices.Contains(p.ruleIDs, r.ID)) {
				p.rules = append(p.rules, r)
			}
		}
		for _, id := range p.ruleIDs {
			if r := m.byID[id]; r == nil || r.value == nil {
				panic(fmt.Sprintf("model: %s.%s: rule %s has no value check", s.name, p.name, id))
			}
		}
		if p.of != nil {
			m.finish(p.of)
		}
	}
	for _, ext := range s.extensions {
		m.finish(ext)
	}
	if s.category == stix.Unknown {
		return // nested in an object
	}
	for i := range m.rules {
		if r := &m.rules[i]; r.object != nil && r.about(s.name, s.category) {
			s.object = append(s.object, r)
		}
	}
}
