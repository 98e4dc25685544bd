package pattern

import (
	"fmt"
	"slices"
)

// oneObject checks the comparisons inside one pair of brackets against rule S-313: one object must be able to satisfy
// all comparisons joined by AND (section 9.5). Each comparison has a set of object types that can satisfy it; OR unites
// these sets, AND intersects them, and an empty set is an error.
func (c *checker) oneObject(cmp Comparison) {
	if _, single := cmp.(*Test); single || rootType(cmp) != "" {
		return // the usual case: a single type
	}
	c.roots(cmp)
}

// rootType returns the object type that all tests of a comparison have, or "" if they differ.
func rootType(cmp Comparison) string {
	switch cmp := cmp.(type) {
	case *Test:
		return cmp.Path.Type
	case *Parens:
		return rootType(cmp.Inner)
	case *Combined:
		first := rootType(cmp.Parts[0])
		for _, part := range cmp.Parts[1:] {
			if first == "" || rootType(part) != first {
				return ""
			}
		}
		return first
	}
	return ""
}

// roots returns the sorted set of types that can satisfy a comparison, or nil after a finding in it, so that a fault is
// reported once.
func (c *checker) roots(cmp Comparison) []string {
	switch cmp := cmp.(type) {
	case *Test:
		return []string{cmp.Path.Type}
	case *Parens:
		return c.roots(cmp.Inner)
	case *Combined:
		if cmp.Joiner == Or {
			return c.united(cmp)
		}
		return c.intersected(cmp)
	}
	return nil
}

func (c *checker) united(cmp *Combined) []string {
	var all []string
	known := true
	for _, part := range cmp.Parts {
		set := c.roots(part)
		known = known && set != nil
		all = append(all, set...)
	}
	if !known {
		return nil
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (c *checker) intersected(cmp *Combined) []string {
	var common []string
	begun, failed := false, false
	for _, part := range cmp.Parts {
		set := c.roots(part)
		switch {
		case set == nil:
			failed = true
		case failed:
		case !begun:
			common, begun = set, true
		default:
			both := intersect(common, set)
			if len(both) == 0 {
				c.refuse(ruleOneObject, part.Pos(), fmt.Sprintf("found %s joined by AND to %s inside one pair of brackets; no object is of both types: "+
					"write [...] AND [...] for different objects, or OR", nameTypes(set), nameTypes(common)))
				failed = true
			}
			common = both
		}
	}
	if failed {
		return nil
	}
	return common
}

func intersect(a, b []string) []string {
	var both []string
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			both = append(both, a[0])
			a, b = a[1:], b[1:]
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return both
}

func nameTypes(set []string) string {
	if len(set) == 1 {
		return clip(set[0])
	}
	return fmt.Sprintf("%s or %d other types", clip(set[0]), len(set)-1)
}
