// Package agreement holds what organisations agreed on: who gives, who
// receives, what may be shared, how sensitive it may be and how long it runs.
// It decides, purely from an agreement, a caller and a moment, what is allowed
// ([Permit]), which objects may come in ([Agreement.Accepts]) and whether an
// agreement is well written ([Check]).
//
// It refuses to keep anything (the store does), to know how a caller proved
// who it is (package auth does) and to read a clock: moments are given.
//
// Start reading at [Agreement], then permit.go and accept.go, whose tables are
// the rules.
package agreement
