// Package deploy holds no code: files for those who run a server, such as units, alerts and proxies. Its tests hold them with the
// programs that read them, where those are there, and against a running server.
//
// Start reading at doc/operations.md.
package deploy
