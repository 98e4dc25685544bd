// Package validate holds STIX objects to the Standard: shape (package schemas), meaning (the table of rules of this package)
// and patterns (package pattern).
//
// The Standard is kept here as data. The properties of every object type stand in model_*.go in a notation close to the
// Standard's own tables; rules stand in rules_*.go, each with its identifier, section, severity and check. An object is laid
// out once over those tables and each rule runs only on the types and values it is about, so an object without findings
// costs no allocation.
//
// The package refuses to repair anything, to look at other objects than those it was given ([Object] looks at one, [Across] at
// those that came together), and to fetch anything. Start reading at [Object], then rule.go.
package validate
