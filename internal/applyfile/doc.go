// Package applyfile reads apply files, the YAML in which an exchange is written down, and plans what bringing a server to
// one takes: [Parse] and [Load] make a [File], [NewPlan] compares it with a store.
//
// Every fault of a file is found before anything is done, and reported with its line. A plan deletes nothing because a file
// no longer mentions it. The package changes nothing itself: internal/admin carries a plan out, and internal/agreement says
// which terms are possible.
//
// Passwords are outside the file. They are read and hashed by the process that was given the file, with that user's rights;
// a [Message] takes their hashes to another process.
//
// Start reading at file.go; parse.go turns YAML into it, plan.go compares it.
package applyfile
