// Package validate holds STIX objects to the Standard: shape (package schemas), meaning (the table of rules) and patterns
// (package pattern).
package validate
