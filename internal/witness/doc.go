// Package witness cosigns the heads of logs (C2SP tlog-witness and tlog-cosignature): a [Witness] remembers the newest head of each
// log that it knows and cosigns only heads that continue it, so that a log cannot show two histories to those who demand its
// cosignature. [Ask] is the other side: a log that asks a witness.
//
// A witness sees origins, sizes and root hashes, never an entry. It decides nothing about a log's content, and it refuses logs
// whose key it was not given. Start reading at witness.go.
package witness
