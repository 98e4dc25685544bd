// Package accordtest starts a real server for tests: real bbolt files in a temporary folder, real HTTP on loopback, a
// small exchange with parties, accounts and agreements, and a clock that can be set. When a test ends, every agreement's
// file must pass its own check.
//
// It makes no statement about TAXII: what an answer should be is for the tests to say. Nothing but tests imports it.
// Start reading at [New]; exchange.go says who is who.
package accordtest
