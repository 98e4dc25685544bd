// Package ingest is the way of a POST below HTTP: raw objects are parsed, validated and checked against the agreement's
// terms in parallel, and those that pass are appended to the agreement's journal at once, together with a status that
// reports the outcome of each.
//
// A refused object does not affect the others. Only text that is not JSON refuses the whole body, because the borders
// between its objects cannot be trusted.
//
// It does not know HTTP, does not log (refusals go to [Options.Refused]) and does not decide whether the caller may add:
// that is agreement.Permit's. Start reading at [Accept]; what a sender reads back is a [Result].
package ingest
