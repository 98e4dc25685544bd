// Package accordtest starts a real server for tests: real bbolt files in a temporary folder, real HTTP on loopback, a
// small exchange with parties, accounts and agreements, and a clock that can be set. When a test ends, every agreement's
// file must pass its own check.
//
// It knows nothing about correct TAXII answers; tests check those. Only tests, and the programs that torture and measure
// servers, import it. Start reading at [New]; exchange.go lists the parties and accounts.
package accordtest
