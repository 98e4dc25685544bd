package store

import (
	"maps"

	"github.com/google/uuid"
)

// Backlog says how far the account of one agreement's deliveries is behind.
type Backlog struct {
	Polls uint64 // noted in memory and not on disk yet
	Lost  uint64 // polls that could not be noted, since the account was opened
}

// Backlog says of each collection that was polled since the account was opened how far it is behind. It waits for no disk.
func (d *Deliveries) Backlog() map[uuid.UUID]Backlog {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := maps.Clone(d.underway)
	for id, n := range d.noted {
		b := list[id]
		b.Polls += n.polls()
		list[id] = b
	}
	for id, lost := range d.lost {
		b := list[id]
		b.Lost = lost
		list[id] = b
	}
	return list
}

// polls is how many wait to be written.
func (n *notedFile) polls() (polls uint64) {
	for _, r := range n.readers {
		polls += r.polls
	}
	return polls
}

// leave moves what was noted to underway and returns it, for write; the mutex is held.
func (d *Deliveries) leave() map[uuid.UUID]*notedFile {
	noted := d.noted
	d.noted, d.size = map[uuid.UUID]*notedFile{}, 0
	for id, n := range noted {
		d.underway[id] = Backlog{Polls: n.polls()}
	}
	return noted
}

// arrived says that what was noted of a collection is on disk, or lost.
func (d *Deliveries) arrived(id uuid.UUID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.underway[id] = Backlog{}
}
