// Package oidctest is a small issuer of tokens, for tests: it signs what a test wants signed, with keys that the test rotates, and logs
// in whom the test names. It refuses nothing that a test of the other side needs to be wrong.
package oidctest
