// Package cluster lets several processes, each with a data folder of its own, carry the same agreements: whatever changes
// a file is a message in one log, which etcd's Raft (go.etcd.io/raft) replicates, and every node applies it.
//
// A core is a node without time, disk and network of its own, so that whole clusters run in one test on a made-up clock
// (sim_test.go). A Node is a core with a goroutine, a log on disk (package raftlog) and connections: TLS 1.3, both sides with
// certificates of the cluster's own authority.
//
// The package does not know what messages mean, and never decides whether an object is kept. Start reading at core.go.
package cluster
