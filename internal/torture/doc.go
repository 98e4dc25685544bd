// Program torture kills a server that is at work, again and again, and looks whether anything was lost.
//
// Each round starts the real program on the same data folder. Writers add objects and new versions, a deleter takes some
// away, one agreement releases everything to another, retention sweeps, pollers follow what is added, and now and then a
// backup is made. At a random moment the server is killed with SIGKILL. Then accord check must find nothing, and
// everything that was answered with success must be there when the server is up again. No poller may ever be given what
// lies at or before its position. At the end of each folder's life the release must have come to the same set as its
// source.
//
// It refuses to judge by anything but what a client or an operator can see: it knows the program, its commands and TAXII.
// Start reading at round in round.go.
package main
