// Package admin administers what a server holds: it carries out apply files, moves agreements through their life, keeps
// accounts and parties, and answers for all of it, and for history, over HTTP below /accord/v1/ and over the unix socket
// DIR/admin.sock.
//
// A [Service] does the work on an open store; there is one for each store, and it alone changes terms and accounts. A
// [Client] asks a Service to, over one of several transports: the socket of a running server, or a Service in its own
// process. [Open] finds the right one for a data folder.
//
// It refuses to apply half of a file that has a fault anywhere, and to read on behalf of a client: passwords are read and
// hashed by the command that was given the file, with that person's rights. It decides nothing about access; package
// agreement does.
//
// Start reading at service.go; routes.go lists what is served, client.go what is asked.
package admin
