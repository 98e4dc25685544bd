package cluster

import (
	"errors"
	"testing"
	"time"
)

// A node that gave nothing of what others have may have been cut off: it is asked first again soon, and later each time that it happens
// again. Failures meanwhile do not make that sooner, and neither does an answer.
func TestANodeThatKeepsEntriesIsAskedFirstAgainLaterEachTime(t *testing.T) {
	m := &Members{Nodes: []Member{{ID: 1, Name: "n1", Voter: true}, {ID: 2, Name: "n2", Voter: true}, {ID: 7, Name: "n7", Follows: 1}}}
	n := &Node{identity: &Identity{Node: 7}}
	n.config.Warn = func(string) {}
	n.members.Store(m)
	s := newSource(n, &trust{})
	one := m.Nodes[0]
	over := func() {
		sh := s.shunned[1]
		sh.until = time.Now().Add(-time.Second)
		s.shunned[1] = sh
	}
	for i, want := range []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		s.keeps(one, errors.New("it gives nothing"))
		s.failed(one, errors.New("it does not answer"))
		s.answered(one, 0)
		rest := time.Until(s.shunned[1].until)
		if rest <= want-time.Second || rest > want {
			t.Errorf("time %d: asked first again in %s, want %s", i+1, rest, want)
		}
		if _, why := s.current(); why == nil {
			t.Errorf("time %d: it is followed", i+1)
		}
		over()
		s.answered(one, 0)
		if _, why := s.current(); why != nil {
			t.Errorf("time %d, when that is over: %v", i+1, why)
		}
	}
	sh := s.shunned[1]
	sh.until = time.Now().Add(-sourceForget)
	s.shunned[1] = sh
	if s.answered(one, 0); len(s.shunned) != 0 {
		t.Errorf("an hour later: %+v", s.shunned)
	}
}
