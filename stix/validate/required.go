package validate

import "slices"

// TypesRequiring returns the object types of STIX 2.1 that require a property, in alphabetical order.
func TypesRequiring(name string) (types []string) {
	for typ, s := range the.types {
		if slices.ContainsFunc(s.order, func(p *property) bool { return p.name == name && p.required }) {
			types = append(types, typ)
		}
	}
	slices.Sort(types)
	return types
}
