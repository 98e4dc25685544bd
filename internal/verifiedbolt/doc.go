// Package verifiedbolt is bbolt for files that may have been damaged, also while they are open.
//
// bbolt trusts the pages that it maps into memory: a page that is missing is a memory fault, one that was overwritten a
// panic, an endless loop, or a pointer into memory that belongs to others. Any of these ends the process, and with it the
// service of every other file. Here they are errors that wrap [ErrDamaged].
//
// Most damage is caught where bbolt meets it, by [Guard], which [DB.View], [DB.Update] and [DB.Begin] use. What cannot be
// caught is verified before bbolt reads it: see [DB]. The package verifies the structure of pages and nothing else. It
// knows no bucket, key or value of any program; whether a value is the one that was stored, its user must tell by checksums
// of its own.
//
// Nothing here helps a transaction under which the list of buckets is overwritten after it was verified, in the instant
// before it opens a bucket: bbolt may then loop for ever. Damage on a disk does not come and go that fast; a program that
// cuts off the file of a running server may do it.
//
// Start reading at [Open], then walk.go, which verifies a whole file.
package verifiedbolt
