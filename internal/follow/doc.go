// Package follow applies what happens in one place somewhere else: the onward release from one agreement to another, and
// the retention of each. A follower reads a journal from a position on and keeps its new position in the transaction of
// its effects, so that a crash at any instant repeats nothing and loses nothing.
//
// It does not decide what may be passed on: the rule of the source and the terms of the target do, in internal/agreement.
// It never restores a version that the target has deleted, and withdraws a version only when the source is its only
// provenance.
//
// Start reading at [Manager.Run]; batch.go applies a batch of journal entries, judge.go decides what may be released.
package follow
