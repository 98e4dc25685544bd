// Package journal is the arithmetic of Accord's history: the canonical bytes of an entry, their place in a Merkle tree
// (RFC 6962, by way of golang.org/x/mod/sumdb/tlog), signed heads and proofs.
//
// It is pure: it keeps nothing, reads no clock and knows no database. It refuses to read an entry that has a second
// spelling: what [ParseEntry] takes, [Entry.Append] writes with the same bytes. Start reading at [Entry], then at the
// table of fields in encode.go.
package journal
