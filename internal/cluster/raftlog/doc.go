// Package raftlog keeps the log of one node of a cluster: Raft's entries, its term and vote, how far the files have
// come, and the members, in one bbolt file.
//
// Whatever was saved is there after a crash, or the log says so. Every entry has a checksum (CRC-32C), which is verified
// whenever the entry is read, and for all of them when the file is opened. The first and the last index, with their terms, are
// kept apart from the entries. A log with anything wrong is refused ([DamagedError]): it is never cut where it is damaged,
// because a node that forgets entries that it has confirmed, and goes on voting, loses them for the whole cluster.
//
// It answers what go.etcd.io/raft asks of its storage. It does not know what entries mean. Start reading at [Open] and
// [Log.Save].
package raftlog
