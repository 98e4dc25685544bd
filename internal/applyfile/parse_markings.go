package applyfile

import (
	"go.yaml.in/yaml/v3"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

// pap reads a PAP level.
func (e entry) pap(field string, set *stix.PAP) key {
	return e.at(field, func(n *yaml.Node) {
		s, ok := e.oneLine(n, field)
		if !ok {
			return
		}
		level, err := stix.ParsePAP(s)
		if err != nil || level == 0 {
			e.add(n.Line, "%s is %q here, want one of clear (white), green, amber, red", field, s)
			return
		}
		*set = level
	})
}

// markings reads which markings terms understand. An empty list is not the same as no list: it carries nothing.
func (e entry) markings(field string, set **agreement.Markings) key {
	return e.at(field, func(n *yaml.Node) {
		m := &agreement.Markings{Carry: []string{}}
		if e.mapping(n, field, e.texts(field+".carry", func(s string) { m.Carry = append(m.Carry, s) })) {
			if _, given := e.marks[field+".carry"]; given {
				*set = m
			}
		}
	})
}
