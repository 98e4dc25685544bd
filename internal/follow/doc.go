// Package follow applies what happens in one place somewhere else: the onward release from one agreement to another, and
// the retention of each. A follower reads a journal from a position on and keeps its new position in the transaction of
// its effects, so that a crash at any instant repeats nothing and loses nothing.
//
// It decides nothing of its own about what may be passed on: the rule of the source and the terms of the target do, in
// internal/agreement. It never brings back a version that the target has deleted, and takes back only what nobody else
// vouches for.
//
// Start reading at [Manager.Run]; work.go is what one batch of a journal comes to, judge.go what may go.
package follow
