// Package admin changes what a server holds: the apply file ([Parse], [Apply]), the life cycle of agreements ([Renew] and
// its sisters), and the unix socket through which commands reach a running server ([Listen], [Connect]).
//
// [Open] is for commands: it talks to the server that has the data folder open, and opens the folder itself when none
// has. Either way the same functions over a store do the work.
//
// It refuses to delete anything because a file no longer mentions it, to apply half of a file that has a fault anywhere,
// and to read on behalf of a client: passwords are read and hashed by the command that was given the file, with that
// person's rights. It decides nothing about access; package agreement does.
//
// Start reading at apply.go: parse, then plan, then apply.
package admin
