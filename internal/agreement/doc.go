// Package agreement describes sharing agreements: their parties, what may be
// shared, how sensitive it may be and how long they run. From an agreement, a
// caller and a moment it decides what is allowed ([Permit]), which objects may
// come in ([Agreement.Accepts]), which may go on ([Release.Refuses]) and whether
// an agreement is well written ([Check]).
//
// It stores nothing (the store does), does not authenticate callers (package
// auth does) and reads no clock: moments are parameters.
//
// Start reading at [Agreement], then permit.go and accept.go, whose tables are
// the rules.
package agreement
