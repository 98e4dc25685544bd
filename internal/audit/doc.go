// Package audit reads the history of agreements and proves it: journals told entry by entry, deliveries, signed heads,
// inclusion and consistency proofs, evidence about one object, and the verification of all of these by a reader that does
// not trust the server.
//
// The server's side is a [Source] over an open store; a [View] is what one caller may see of one agreement's history. The
// auditor's side is a [Client], which believes nothing that it is told, and [Evidence], which needs no server.
//
// It decides nothing about access: package agreement does, and a View holds what was decided. It changes nothing but the
// signing keys, when it is told to rotate them.
//
// Start reading at source.go; client.go and verify.go are the other side.
package audit
