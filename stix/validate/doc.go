// Package validate checks STIX objects against the Standard: shape (package schemas), meaning (the rule table of this
// package) and patterns (package pattern).
//
// The package represents the Standard as data. model_*.go lists the properties of every object type in a notation close
// to the Standard's own tables; rules_*.go lists the rules, each with its identifier, section, severity and check. An
// object is matched once against those tables and each rule runs only on the types and values it concerns, so an object
// without findings costs no allocation.
//
// The package does not repair anything, does not look at other objects than those it was given ([Object] checks one,
// [Across] those that came together), and does not fetch anything. Start reading at [Object], then rule.go.
package validate
