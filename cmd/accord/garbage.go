package main

import (
	"os"
	"runtime/debug"
)

// collectSeldom is how much the heap may grow between two collections, in percent of what is alive. A server keeps some
// ten megabytes alive, since objects stay in the page cache, and would otherwise collect many times a second: 7% of a
// small answer's processor time.
const collectSeldom = 400

// tuneCollector sets when garbage is collected, unless GOGC or GOMEMLIMIT say so. Bodies and pages, which limits bound to
// that many bytes, are collected sooner when there are many.
func tuneCollector(bodiesAndPages int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectSeldom)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(2*bodiesAndPages + 128<<20)
	}
}
