package store

import (
	"maps"
	"sync"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/store/journal"
)

// recordedHeads keeps the newest recorded head of each collection in memory. The server's journal is the truth.
type recordedHeads struct {
	mu    sync.Mutex
	upTo  journal.Position // the entries that were read
	heads map[uuid.UUID]RecordedHead
}

// pageOfHeads is how many entries one transaction reads.
const pageOfHeads = 10_000

func (r *recordedHeads) read(s *Store) (map[uuid.UUID]RecordedHead, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.heads == nil {
		r.heads = map[uuid.UUID]RecordedHead{}
	}
	for more := true; more; {
		more = false
		err := s.AdminEntries(r.upTo+1, pageOfHeads, func(p journal.Position, e journal.Entry, _ []byte) bool {
			if e.Kind == journal.Head {
				r.heads[e.Source.Collection] = RecordedHead{p, uint64(e.Source.Position)}
			}
			r.upTo, more = p, true
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return maps.Clone(r.heads), nil
}
