package validate

import (
	"bytes"
	"fmt"
	"strings"
)

// customRules lists the rules on types and properties that the Standard does not define (sections 7.3 and 11).
var customRules = []Rule{
	{ID: "S-075", Level: should, Severity: Warning, Layer: layerSemantic, Section: "11, 11.1",
		Summary: "A property that its type does not define comes with a toplevel-property-extension (one finding an object).", object: customProperties},
	{ID: "S-076", Level: should, Severity: Warning, Layer: layerSemantic, Section: "11.1.1",
		Summary: "Without such an extension its name begins with x_ and its source.", object: unsourcedProperties},
	{ID: "S-077", Level: should, Severity: Warning, Layer: layerSemantic, Section: "11, 11.2",
		Summary: "An object of a type that the Standard does not define declares new-sdo, new-sco or new-sro in an extension.", object: undeclaredType},
	{ID: "S-078", Level: should, Severity: Warning, Layer: layerSemantic, Section: "11.2.1",
		Summary: "Without such an extension its type begins with x- and its source.", object: unsourcedType},
	{ID: "S-079", Level: must, Severity: Error, Layer: layerSemantic, Section: "7.3, 11.2.1",
		Summary: "Custom objects have the common properties of their category.", object: customCommon},
	{ID: "S-080", Level: must, Severity: Error, Layer: layerSemantic, Section: "7.3.2, 11.2.1",
		Summary: "Custom objects have at least one property besides the common ones.", object: customContent},
	seen("S-081", mustNot, layerSchema, "7.3.2, 11.2.1", "A custom object that uses the name of a common property for something else."),
}

func customProperties(s *subject) {
	if !s.known || len(s.custom) == 0 || s.hasExtensionType("toplevel-property-extension") {
		return
	}
	if s.found.full(Warning) {
		return
	}
	const most = 5
	var buf [256]byte
	list := buf[:0]
	for i, name := range s.custom[:min(len(s.custom), most)] {
		if i > 0 {
			list = append(list, ", "...)
		}
		list = append(list, shorten(s.t.Bytes(int(name)))...)
	}
	if more := len(s.custom) - most; more > 0 {
		list = fmt.Appendf(list, " and %d more", more)
	}
	s.report(int(s.custom[0])+1, "%s does not define %s; legal as custom content, better with a toplevel-property-extension", s.typ, list)
}

func unsourcedProperties(s *subject) {
	if !s.known || len(s.custom) == 0 || s.hasExtensionType("toplevel-property-extension") {
		return
	}
	for _, name := range s.custom {
		if b := s.t.Bytes(int(name)); !bytes.HasPrefix(b, []byte("x_")) {
			s.report(int(name)+1, "%s is no property of %s; check its spelling, or name it x_ and your source if it is your own", s.show(int(name)), s.typ)
		}
	}
}

func undeclaredType(s *subject) {
	if !s.known && !s.declared {
		s.report(s.get(pType), "%s is no type of the Standard and no extension of the object declares it; legal as a custom type, better with extension_type new-sdo, new-sco or new-sro", s.typ)
	}
}

func unsourcedType(s *subject) {
	if !s.known && !s.declared && !strings.HasPrefix(s.typ, "x-") {
		s.report(s.get(pType), "%s is no type of the Standard; check its spelling, or name it x- and your source if it is your own", s.typ)
	}
}

func customCommon(s *subject) {
	if s.known {
		return
	}
	for _, p := range s.def.order {
		if p.required && p.name != "type" && p.name != "id" && p.name != "spec_version" && !s.has(names[p.name]) {
			s.report(s.root, "%s is missing; an object of type %s is taken for an %s, which has it", p.name, s.typ, s.category)
		}
	}
}

func customContent(s *subject) {
	if s.known {
		return
	}
	if len(s.custom) == 0 {
		s.report(s.root, "an object of type %s has common properties only, expected at least one of its own", s.typ)
	}
}

var pType = prop("type")
