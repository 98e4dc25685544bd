package server

import (
	"container/list"
	"sync"
)

// lru keeps values up to a number of bytes in all, and drops the least recently used first. It is safe for concurrent use.
type lru[K comparable, V any] struct {
	most int // bytes

	mu      sync.Mutex
	bytes   int                 // guarded by mu
	order   list.List           // guarded by mu; of *item[K, V], the most recently used first
	entries map[K]*list.Element // guarded by mu
}

type item[K comparable, V any] struct {
	key   K
	value V // never changed
	bytes int
}

func newLRU[K comparable, V any](most int) *lru[K, V] {
	return &lru[K, V]{most: most, entries: make(map[K]*list.Element)}
}

func (c *lru[K, V]) get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*item[K, V]).value, true
}

// replace keeps a value of so many bytes instead of the one that is there, if any.
func (c *lru[K, V]) replace(key K, value V, bytes int) {
	c.mu.Lock()
	if e, ok := c.entries[key]; ok {
		c.bytes -= c.order.Remove(e).(*item[K, V]).bytes
		delete(c.entries, key)
	}
	c.mu.Unlock()
	c.put(key, value, bytes)
}

// put keeps a value of so many bytes, and returns it, or the one that is there already. A large one is not kept: a single
// reader of huge pages must not displace all others.
func (c *lru[K, V]) put(key K, value V, bytes int) V {
	if bytes > c.most/8 {
		return value
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		return e.Value.(*item[K, V]).value
	}
	c.entries[key] = c.order.PushFront(&item[K, V]{key, value, bytes})
	c.bytes += bytes
	for c.bytes > c.most {
		last := c.order.Remove(c.order.Back()).(*item[K, V])
		delete(c.entries, last.key)
		c.bytes -= last.bytes
	}
	return value
}
