package applyfile

import (
	"go.yaml.in/yaml/v3"

	"github.com/accord-taxii/accord/internal/agreement"
)

// span reads a length of time such as 72h.
func (e entry) span(field string, set *agreement.Span) key {
	return e.at(field, func(n *yaml.Node) {
		s, ok := e.oneLine(n, field)
		if !ok {
			return
		}
		span, err := agreement.ParseSpan(s)
		if err != nil {
			e.add(n.Line, "%s: %v", field, err)
			return
		}
		*set = span
	})
}

// expiry reads what becomes of released objects that expire.
func (e entry) expiry(field string, set **agreement.Expiry) key {
	return e.at(field, func(n *yaml.Node) {
		x := &agreement.Expiry{}
		if e.mapping(n, field, e.words(field+".valid_until", &x.ValidUntil), e.span(field+".grace", &x.Grace)) {
			*set = x
		}
	})
}
