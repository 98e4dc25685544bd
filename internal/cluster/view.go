package cluster

import "time"

// view is what the core knows, for others to read.
type view struct {
	leader    uint64
	term      uint64
	committed uint64
	contact   time.Time
	fresh     time.Time // the contact at which the files had all that was committed
	behind    []sample  // of which the files lacked something, the oldest first
	handed    uint64    // what followers may have
	lost      error
	lostAt    uint64
}

// sample is how far the log was committed at a time, as far as the node knew, and what its last contact was then.
type sample struct {
	place       uint64
	at, contact time.Time
}

// samplesKept bounds the samples: ten minutes of them.
const samplesKept = 6000
