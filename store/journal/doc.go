// Package journal is the arithmetic of Accord's history: the canonical bytes of an entry, their place in a Merkle tree
// (RFC 6962, by way of golang.org/x/mod/sumdb/tlog), signed heads and proofs.
//
// It is pure: it keeps nothing, reads no clock and knows no database. Start reading at [Entry].
package journal
