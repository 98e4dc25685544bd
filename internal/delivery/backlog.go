package delivery

import (
	"maps"

	"github.com/google/uuid"
)

// Backlog is how far the record of one agreement's deliveries is behind.
type Backlog struct {
	Polls uint64 // noted in memory and not on disk yet
	Lost  uint64 // deliveries that could not be noted, since the log was opened
}

// Backlog returns how far behind the record is, for each collection that was read since the log was opened. It does not
// wait for the disk.
func (l *Log) Backlog() map[uuid.UUID]Backlog {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := maps.Clone(l.underway)
	for id, n := range l.noted {
		b := list[id]
		b.Polls += n.polls()
		list[id] = b
	}
	for id, lost := range l.lost {
		b := list[id]
		b.Lost = lost
		list[id] = b
	}
	return list
}

// polls is how many deliveries wait to be written.
func (n *pendingFile) polls() (polls uint64) {
	for _, r := range n.readers {
		polls += r.polls
	}
	return polls
}

// take moves what was noted to underway and returns it, for write, with what was begun since the last time; the mutex is
// held.
func (l *Log) take() map[uuid.UUID]*pendingFile {
	for id, open := range l.open {
		if len(open) == 0 {
			delete(l.open, id)
		}
		for b := range open {
			if b.row == 0 {
				l.rows++
				b.row = l.rows
				f := l.pending(id)
				f.begun = append(f.begun, row{number: b.row, key: b.key, at: b.at, positions: b.positions, page: b.page})
			}
		}
	}
	noted := l.noted
	l.noted, l.size = map[uuid.UUID]*pendingFile{}, 0
	for id, n := range noted {
		l.underway[id] = Backlog{Polls: n.polls()}
	}
	return noted
}

// settle records that what was noted of a collection is on disk, or lost.
func (l *Log) settle(id uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underway[id] = Backlog{}
}
