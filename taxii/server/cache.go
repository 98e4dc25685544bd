package server

import (
	"container/list"
	"sync"
)

// cache keeps values up to a number of bytes in all, the least recently asked for going first. It is safe for concurrent use.
type cache[K comparable, V any] struct {
	most int // bytes

	mu      sync.Mutex
	bytes   int                 // guarded by mu
	order   list.List           // guarded by mu; of *cached[K, V], the most recently asked for first
	entries map[K]*list.Element // guarded by mu
}

type cached[K comparable, V any] struct {
	key   K
	value V // not changed any more
	bytes int
}

func newCache[K comparable, V any](most int) *cache[K, V] {
	return &cache[K, V]{most: most, entries: make(map[K]*list.Element)}
}

func (c *cache[K, V]) get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached[K, V]).value, true
}

// put keeps a value of so many bytes, and returns it, or the one that is kept already. A large one is not kept: a single
// reader of huge pages must not drive out everybody else's.
func (c *cache[K, V]) put(key K, value V, bytes int) V {
	if bytes > c.most/8 {
		return value
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		return e.Value.(*cached[K, V]).value
	}
	c.entries[key] = c.order.PushFront(&cached[K, V]{key, value, bytes})
	c.bytes += bytes
	for c.bytes > c.most {
		last := c.order.Remove(c.order.Back()).(*cached[K, V])
		delete(c.entries, last.key)
		c.bytes -= last.bytes
	}
	return value
}
