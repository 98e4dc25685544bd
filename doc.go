// Package accord is the root of the Accord project, a TAXII 2.1 server in which each sharing agreement is a collection.
// It holds no code: the program is cmd/accord, the rooms are described in doc/design.md, and the tests here hold the house
// rules (who may import whom, one package comment a room, what is documented).
package accord
