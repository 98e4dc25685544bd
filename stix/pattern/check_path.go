package pattern

import (
	"fmt"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix"
)

// objectType checks the type that a path begins with (rule S-314): only Cyber-observable Objects are observed. An
// unknown type may be a custom one; a name that cannot be an object type gets a warning.
func (c *checker) objectType(p *Path) {
	switch category := stix.CategoryOf(p.Type); {
	case category == stix.SCO:
	case p.Type == "bundle":
		c.refuse(ruleType, p.Offset, "found bundle as an object type; a pattern speaks of Cyber-observable Objects")
	case category != stix.Unknown:
		c.refuse(ruleType, p.Offset, fmt.Sprintf("found %s, of category %s, as an object type; a pattern speaks of Cyber-observable Objects such as file or ipv4-addr", p.Type, category))
	case stix.CheckType(p.Type) != nil:
		if !c.full() {
			c.warn(ruleType, p.Offset, fmt.Sprintf("found the object type %s; object types have 3 to 250 of a-z, 0-9 and single hyphens, and begin with a letter", clip(p.Type)))
		}
	}
}

// pathWalk is the state of a walk along a path: the forms it may have reached. References may name objects of several
// types, and several of these may have the next property.
type pathWalk struct {
	at, next []*form
}

// reaches reports whether the path may have ended at f.
func (w *pathWalk) reaches(f *form) bool { return slices.Contains(w.at, f) }

// unknown reports whether the path has left the properties of the Standard.
func (w *pathWalk) unknown() bool { return len(w.at) == 0 || w.at[0].kind == formUnknown }

func (w *pathWalk) add(f *form) {
	if !slices.Contains(w.next, f) {
		w.next = append(w.next, f)
	}
}

// settle ends a step: the forms it led to become the current ones. If one of them is unknown, all are.
func (w *pathWalk) settle() {
	for _, f := range w.next {
		if f.kind == formUnknown {
			w.next = append(w.next[:0], f)
			break
		}
	}
	w.at, w.next = w.next, w.at[:0]
}

// path walks the path of a test through the table of observables (rules S-315 and S-318) and compares the form it ends
// in with the constants (S-319). All findings are warnings, because there are custom properties and patterns written
// for STIX 2.0.
func (c *checker) path(t *Test) {
	w := &c.walk
	w.at = w.at[:0]
	root := catalogue().types[t.Path.Type]
	if root == nil {
		return
	}
	w.at = append(w.at, root)
	for i := range t.Path.Steps {
		step := &t.Path.Steps[i]
		fault := ""
		if step.Kind == Key {
			fault = c.stepKey(step)
		} else {
			fault = c.stepIndex()
		}
		if fault == ruleProperty && i == 0 && c.opts.Version == version20 && listed(only20[t.Path.Type], step.Name()) {
			return
		}
		if fault != "" && !c.full() {
			c.warn(fault, step.Offset, c.stepMessage(&t.Path, i, fault))
		}
		w.settle()
		if w.unknown() {
			return
		}
	}
	if t.Operator != Exists {
		c.comparable(t)
	}
}

// only20 lists properties that STIX 2.0 has and 2.1 does not.
var only20 = map[string]string{
	"directory": "created,modified,accessed",
	"file":      "created,modified,accessed,is_encrypted,encryption_algorithm,decryption_key",
	"process":   "name,created,arguments,binary_ref", "user-account": "password_last_changed",
	"windows-registry-key": "modified",
}

// stepKey follows a key, and returns the rule that this breaks, or "" if none.
func (c *checker) stepKey(step *Step) string {
	name := step.Name()
	fault := ruleStep
	for _, f := range c.walk.at {
		if f.kind == formList { // reported once, then treated as [*]
			f = f.inside
			c.key(f, name)
			continue
		}
		if f.kind == formObject || f.kind == formReference || f.kind == formExtensions {
			fault = ruleProperty
		}
		c.key(f, name)
	}
	if len(c.walk.next) > 0 && !allLists(c.walk.at) {
		return ""
	}
	return fault
}

// key adds the forms that the key leads to from one form.
func (c *checker) key(f *form, name string) {
	switch f.kind {
	case formObject, formReference:
		for _, field := range f.fields[name] {
			c.walk.add(field)
		}
	case formDictionary:
		c.walk.add(f.inside)
	case formExtensions:
		if object := f.extend[name]; object != nil {
			c.walk.add(object)
		} else if !catalogue().predefined[name] && (strings.HasSuffix(name, "-ext") || strings.HasPrefix(name, "extension-definition--")) {
			c.walk.add(unknownForm)
		}
	}
}

func allLists(forms []*form) bool {
	for _, f := range forms {
		if f.kind != formList {
			return false
		}
	}
	return true
}

// stepIndex follows an index, and returns the rule that this breaks, or "" if none.
func (c *checker) stepIndex() string {
	fault := ruleStep
	for _, f := range c.walk.at {
		switch f.kind {
		case formList:
			fault = ""
			c.walk.add(f.inside)
		case formDictionary:
			c.walk.add(f.inside)
		}
	}
	return fault
}

// stepMessage returns the message about step i of a path.
func (c *checker) stepMessage(p *Path, i int, rule string) string {
	so := Path{Type: p.Type, Steps: p.Steps[:i]}
	before := clip(so.String())
	step := &p.Steps[i]
	kind := formUnknown
	if len(c.walk.at) > 0 {
		kind = c.walk.at[0].kind
	}
	switch {
	case rule == ruleProperty && i == 0:
		return fmt.Sprintf("found %s, which is no property of %s in the Standard", clip(step.Text), p.Type)
	case rule == ruleProperty && kind == formExtensions:
		return fmt.Sprintf("found %s, which is no extension of %s in the Standard", clip(step.Text), before)
	case rule == ruleProperty:
		return fmt.Sprintf("found %s, which is no property of what %s leads to in the Standard", clip(step.Text), before)
	case step.Kind == Key && kind == formList:
		return fmt.Sprintf("found the key %s on %s, which is a list; put an index between them: %s[*].%s", clip(step.Text), before, before, clip(step.Text))
	case step.Kind == Key:
		return fmt.Sprintf("found the key %s on %s, which is %s", clip(step.Text), before, kind)
	}
	return fmt.Sprintf("found the index [%s] on %s, which is %s", clip(step.Text), before, kind)
}

// comparable checks the constants of a test against the form of its property (section 9.2): a comparison of
// incompatible kinds is always false.
func (c *checker) comparable(t *Test) {
	for i := range t.Values {
		v := &t.Values[i]
		if slices.ContainsFunc(c.walk.at, func(f *form) bool { return goTogether(v.Kind, f.kind) }) {
			continue
		}
		if c.full() {
			return
		}
		kind := c.walk.at[0].kind
		hint := ""
		if kind == formList {
			hint = "; [*] names its items"
		}
		c.warn(ruleKind, v.Offset, fmt.Sprintf("found the %s %s for %s, which is %s%s", v.Kind, clip(v.Text), clip(t.Path.String()), kind, hint))
		return
	}
}

// goTogether reports whether a constant can be compared with a property, as in the table of section 9.2.
func goTogether(constant Kind, property formKind) bool {
	switch constant {
	case Integer, Float:
		return property == formInteger || property == formFloat || property == formNumberOrString
	case String:
		return property == formString || property == formHex || property == formBinary || property == formNumberOrString ||
			property == formReference // an identifier is a string
	case Hex, Binary:
		return property == formString || property == formHex || property == formBinary || property == formNumberOrString
	case Boolean:
		return property == formBoolean
	case Timestamp:
		return property == formTimestamp
	}
	return true
}
