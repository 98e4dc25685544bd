package auth

import (
	"container/list"
	"sync"
)

// credentialKey identifies a name, a secret and the account state that they were verified against, without revealing
// any of them: an HMAC under a secret key.
type credentialKey [32]byte

// memory is a bounded set of credentials with the same outcome. It evicts the least recently used.
type memory struct {
	limit int

	mu      sync.Mutex
	order   list.List // of credentialKey, the most recently used first
	entries map[credentialKey]*list.Element
}

func newMemory(limit int) *memory {
	return &memory{limit: limit, entries: make(map[credentialKey]*list.Element)}
}

// holds reports whether the credentials are remembered.
func (m *memory) holds(key credentialKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if ok {
		m.order.MoveToFront(e)
	}
	return ok
}

func (m *memory) put(key credentialKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries[key]; ok {
		m.order.MoveToFront(e)
		return
	}
	m.entries[key] = m.order.PushFront(key)
	for m.order.Len() > m.limit {
		delete(m.entries, m.order.Remove(m.order.Back()).(credentialKey))
	}
}

// list returns what is remembered, the least recently used first.
func (m *memory) list() (keys []credentialKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.order.Back(); e != nil; e = e.Prev() {
		keys = append(keys, e.Value.(credentialKey))
	}
	return keys
}
