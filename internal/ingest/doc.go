// Package ingest is the way of a POST below HTTP: raw objects are parsed, validated and held to the agreement's terms in
// parallel, and what passed is appended to the agreement's journal in one go, together with the status that says what
// became of each.
//
// A refused object stops nobody else's. Only text that is no JSON at all refuses the whole body, because nothing in it
// can then be trusted to be where it seems to be.
//
// It refuses to know HTTP, to log (refusals are handed to [Options.Refused]) and to decide who may add: the caller has
// asked agreement.Permit before. Start reading at [Accept]; what a sender reads back is a [Result].
package ingest
