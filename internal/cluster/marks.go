package cluster

// marks tells up to which place everything is done, where places are done in any order. Places are begun in order.
type marks struct {
	mark   uint64 // everything up to here is done
	last   uint64 // the last place that was begun
	undone map[uint64]bool
}

func newMarks(mark uint64) *marks { return &marks{mark: mark, last: mark, undone: map[uint64]bool{}} }

// begin notes a place behind all earlier ones.
func (m *marks) begin(place uint64) {
	m.undone[place] = true
	m.last = place
}

// end notes that a place is done, and reports whether the mark has moved.
func (m *marks) end(place uint64) bool {
	delete(m.undone, place)
	before := m.mark
	for m.mark < m.last && !m.undone[m.mark+1] {
		m.mark++
	}
	return m.mark > before
}
