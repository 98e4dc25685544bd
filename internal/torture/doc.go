// Program torture repeatedly kills a busy server and checks whether anything was lost.
//
// Each round starts the real program on the same data folder. Writers add objects and new versions, a deleter takes
// some away, one agreement releases everything to another, retention sweeps, pollers follow what is added, and now and
// then a backup is made. At a random moment the server is killed with SIGKILL. Then accord check must find nothing, and
// everything that was answered with success must be there when the server is up again. A poller must never receive
// anything at or before its position. At the end of each folder's life the target must hold the same versions as its
// source.
//
// With -nodes it does so to a cluster: one fault after the other, from the table in fault.go, while clients send each request to any of
// the nodes. Partitions are made by proxies (network.go); for clocks and power cuts the program is built with two packages of other
// origin changed (instrument.go). What clients saw must have an order that explains it (history.go).
//
// It relies only on what a client or an operator can see: the program, its commands and TAXII. Start reading at round
// in round.go, or at tortureCluster in cluster.go.
package main
