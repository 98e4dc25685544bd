package live

import (
	"sync"
	"time"

	"github.com/accord-taxii/accord/store/journal"
)

// Streams of one agreement that ask for the same and have come equally far read the same entries at the same time, so that one of
// them reads and the others take what it has read. What a stream is told is decided by itself where that depends on what it was told
// before: entries that remove something are read by each.

// stepKey says what a step reads: where it begins, and what it asks for.
type stepKey struct {
	cursor journal.Position
	match  string
}

// sharedStep is a step that several streams take. Its fields are set by the one that reads.
type sharedStep struct {
	once   sync.Once
	plain  bool // nothing was removed: it is the same for every stream
	told   []toldPiece
	hides  []journal.Position // versions that were not shown when their turn came
	end    journal.Position
	length journal.Position // of the journal when it was read
	err    error
}

// toldPiece is a piece of a step, and the position that its readers have reached with it.
type toldPiece struct {
	piece
	last journal.Position
}

// mostShared bounds the steps that a hub keeps. Those of streams that have caught up are asked for within a moment.
const mostShared = 16

// sharedStep returns the step for a key: the same one for all that ask while it is kept.
func (h *hub) sharedStep(k stepKey) *sharedStep {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.steps[k]
	if s == nil {
		if len(h.steps) >= mostShared || h.steps == nil {
			h.steps = map[stepKey]*sharedStep{}
		}
		s = &sharedStep{}
		h.steps[k] = s
	}
	return s
}

// forget drops the steps that are kept: the journal has grown, and they ended before.
func (h *hub) forget() { h.steps = nil }

// Pauses between two steps of a stream that has caught up, while the journal grows all the time: with more streams each is told of
// more at once, and less often.
const (
	pauseEach  = 100 * time.Microsecond // for each stream of the agreement
	pauseLeast = 10 * time.Millisecond
	pauseMost  = 100 * time.Millisecond
)

// pause is how long a stream waits from one step to the next.
func (h *hub) pause() time.Duration {
	return min(max(time.Duration(h.users.Load())*pauseEach, pauseLeast), pauseMost)
}
