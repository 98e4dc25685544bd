package cluster

import (
	"errors"
	"fmt"
	"time"
)

// trouble makes one fault, and goes on.
func (s *sim) trouble() error {
	if s.calm {
		return nil
	}
	s.after(s.between(200*time.Millisecond, 4*time.Second), s.trouble)
	switch s.rand.IntN(8) {
	case 0, 1:
		if n := s.someone(); n != nil {
			n.kill()
		}
	case 2: // a majority, or all
		for _, id := range sortedKeys(s.nodes) {
			if n := s.nodes[id]; n.core != nil && s.chance(0.6) {
				n.kill()
			}
		}
	case 3, 4:
		s.partition()
	case 5:
		return s.join()
	case 6:
		return s.remove()
	case 7:
		if n := s.someone(); n != nil { // leadership moves
			if to := s.someone(); to != nil && n.core.leads() {
				n.core.raw.TransferLeader(to.id)
				return n.survive(n.core.process())
			}
		}
	}
	return nil
}

// partition cuts links for a while: two halves, one node off, one direction only, or any set of links.
func (s *sim) partition() {
	s.partitions++
	ids := sortedKeys(s.nodes)
	cut := map[[2]uint64]bool{}
	shape := s.rand.IntN(4)
	side := map[uint64]bool{}
	for _, id := range ids {
		side[id] = s.chance(0.5)
	}
	one := ids[s.rand.IntN(len(ids))]
	for _, a := range ids {
		for _, b := range ids {
			if a == b {
				continue
			}
			var off bool
			switch shape {
			case 0:
				off = side[a] != side[b]
			case 1:
				off = a == one || b == one
			case 2:
				off = a == one // it hears and is not heard
			case 3:
				off = s.chance(0.4)
			}
			if off {
				cut[[2]uint64{a, b}] = true
			}
		}
	}
	s.note("links are cut: shape %d, %v", shape, cut)
	for link := range cut {
		s.blocked[link] = true
	}
	s.after(s.between(100*time.Millisecond, 8*time.Second), func() error {
		for link := range cut {
			delete(s.blocked, link)
		}
		s.note("links are whole")
		return nil
	})
}

// join lets a new node join through a random one: an invitation, an admission, and the files of that node as they are then.
func (s *sim) join() error {
	peer := s.someone()
	if peer == nil || len(s.nodes) > 8 {
		return nil
	}
	s.names++
	name, id, secret := fmt.Sprintf("n%d", s.names), uint64(s.names), []byte{byte(s.names)}
	invite := Invite{ID: id, Name: name, Reader: s.chance(0.3), Secret: hashSecret(secret), Until: s.now.Add(inviteLifetime)}
	return peer.survive(peer.core.proposeChange(&change{ID: s.id(), At: s.now, Invite: &invite}, func(err error) {
		if err != nil {
			return
		}
		s.after(s.between(0, 2*time.Second), func() error {
			peer := s.someone()
			if peer == nil {
				return nil
			}
			admit := &admission{Secret: hashSecret(secret), Address: name + ":6445", Key: []byte(name)}
			if s.chance(0.2) { // nobody hears the answer
				s.after(time.Second, func() error { return s.arrive(id, 100) })
			}
			return peer.survive(peer.core.proposeChange(&change{ID: s.id(), At: s.now, Admit: admit}, func(err error) {
				if err == nil || errors.Is(err, ErrUnknown) { // or it may have been lost with its proposer
					s.after(s.between(0, time.Second), func() error { return s.arrive(id, 100) })
				}
			}))
		})
	}))
}

// arrive gives a node that was admitted its files, from a node that knows it.
func (s *sim) arrive(id uint64, tries int) error {
	peer := s.someone()
	if s.nodes[id] != nil || tries == 0 {
		return nil
	}
	if peer != nil {
		if _, known := peer.core.members.Node(id); known {
			place := peer.core.mark
			term, err := peer.disk.Term(place)
			if err == nil {
				s.note("node %d joins at %d from node %d", id, place, peer.id)
				s.joined++
				return s.add(id, place, term, peer.core.members, peer.files).start()
			}
		}
	}
	s.after(time.Second, func() error { return s.arrive(id, tries-1) })
	return nil
}

// remove takes a random node out for good, if the node that proposes it finds that the others go on without.
func (s *sim) remove() error {
	peer, gone := s.someone(), s.someone()
	if peer == nil || gone == nil || peer == gone { // another one removes it, so that one that stays knows it
		return nil
	}
	there := func(m Member) bool {
		n := s.nodes[m.ID]
		return m.ID == peer.id || n != nil && n.core != nil && n.core.members.Place >= peer.core.known.Place && !s.blocked[[2]uint64{m.ID, peer.id}]
	}
	if !peer.core.known.canLose(gone.id, there) {
		return nil
	}
	return peer.survive(peer.core.proposeChange(&change{ID: s.id(), At: s.now, Remove: gone.id}, func(err error) {
		if err != nil {
			return
		}
		s.note("node %d is removed", gone.id)
		s.simCounts.removed++
		gone.removed = true
		gone.core = nil
	}))
}
