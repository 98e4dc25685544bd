package cluster

import (
	"context"
	"testing"
	"time"
)

// A member that comes back is not left waiting until the pause between two attempts has passed: its own connection says that it is
// there. It ends a pause that is running, and one that begins after it, once.
func TestAMemberThatConnectsIsTriedAtOnce(t *testing.T) {
	l := newLink(Member{ID: 7}, nil, nil)
	ls := &links{to: map[uint64]linkPair{7: {log: newLink(Member{ID: 7}, nil, nil), rest: l}}}
	ls.called(8) // nobody
	ls.called(7)
	ls.called(7)
	if !sleep(t.Context(), time.Hour, l.called) {
		t.Error("the pause was not ended")
	}
	time.AfterFunc(time.Millisecond, func() { ls.called(7) })
	if !sleep(t.Context(), time.Hour, l.called) {
		t.Error("a pause that was running was not ended")
	}
	if sleep(t.Context(), time.Microsecond, l.called) {
		t.Error("a member that connected once ends two pauses")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if sleep(ended, time.Hour, l.called) {
		t.Error("a link that ends says that a member connected")
	}
}
