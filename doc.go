// Package accord is the root of the Accord project, a TAXII 2.1 server in which each sharing agreement is a collection.
//
// It holds no code. The program is cmd/accord, doc/design.md describes the packages, and the tests here hold the rules of the
// house: which package may import which, one package comment for each, and documents that name only what exists.
package accord
