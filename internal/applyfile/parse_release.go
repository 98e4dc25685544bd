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

// where reads the conditions of a release.
func (e entry) where(field string, set **agreement.Where) key {
	return e.at(field, func(n *yaml.Node) {
		w := &agreement.Where{}
		if e.mapping(n, field,
			e.texts(field+".labels", func(s string) { w.Labels = append(w.Labels, s) }),
			e.at(field+".confidence", func(n *yaml.Node) {
				r := &agreement.Confidence{}
				if e.mapping(n, field+".confidence", e.at(field+".confidence.min", func(n *yaml.Node) {
					if v, ok := e.integer(n, "min", 1, 100); ok {
						r.Min = int(v)
					}
				})) {
					w.Confidence = r
				}
			}),
			e.flag(field+".valid", &w.Valid)) {
			*set = w
		}
	})
}

// wording reads what the parties agreed to in words.
func (e entry) wording(set **agreement.Wording) key {
	return e.at("terms", func(n *yaml.Node) {
		w := &agreement.Wording{}
		if e.mapping(n, "terms", e.text("terms.text", &w.Text), e.words("terms.sha256", &w.SHA256), e.words("terms.licence", &w.Licence)) {
			*set = w
		}
	})
}

// feedback reads what comes back about what a release brought.
func (e entry) feedback(field string, set **agreement.Feedback) key {
	return e.at(field, func(n *yaml.Node) {
		f := &agreement.Feedback{}
		if e.mapping(n, field,
			e.texts(field+".types", func(s string) { f.Types = append(f.Types, s) }),
			e.words(field+".as", &f.As)) {
			*set = f
		}
	})
}

// change reads how a release changes objects.
func (e entry) change(field string, set **agreement.Change) key {
	return e.at(field, func(n *yaml.Node) {
		ch := &agreement.Change{}
		if e.mapping(n, field,
			e.words(field+".author", &ch.Author),
			e.texts(field+".remove", func(s string) { ch.Remove = append(ch.Remove, s) }),
			e.at(field+".markings", func(n *yaml.Node) {
				r := &agreement.Raise{}
				if e.mapping(n, field+".markings", e.tlp(field+".markings.raise_to", &r.To)) {
					ch.Markings = r
				}
			})) {
			*set = ch
		}
	})
}
