package auth

import (
	"container/list"
	"sync"
)

// credentialKey stands for a name and a secret without revealing either: an
// HMAC under a key that lives and dies with the process.
type credentialKey [32]byte

// remembered is the state of the account that credentials were verified
// against. The outcome holds for exactly this state.
type remembered struct {
	known    bool // there was an account under the name
	revision uint64
}

// memory is a bounded set of credentials that had one outcome; the least
// recently used go first.
type memory struct {
	limit int

	mu      sync.Mutex
	order   list.List // of *memoryEntry, most recently used first
	entries map[credentialKey]*list.Element
}

type memoryEntry struct {
	key   credentialKey
	state remembered
}

func newMemory(limit int) *memory {
	return &memory{limit: limit, entries: make(map[credentialKey]*list.Element)}
}

// holds says whether the credentials are remembered for this state of the
// account. An entry for another state is forgotten at once: revisions only grow.
func (m *memory) holds(key credentialKey, now remembered) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok {
		return false
	}
	if e.Value.(*memoryEntry).state != now {
		m.order.Remove(e)
		delete(m.entries, key)
		return false
	}
	m.order.MoveToFront(e)
	return true
}

func (m *memory) put(key credentialKey, now remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries[key]; ok {
		e.Value.(*memoryEntry).state = now
		m.order.MoveToFront(e)
		return
	}
	m.entries[key] = m.order.PushFront(&memoryEntry{key, now})
	for m.order.Len() > m.limit {
		last := m.order.Remove(m.order.Back()).(*memoryEntry)
		delete(m.entries, last.key)
	}
}
