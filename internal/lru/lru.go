package lru

import (
	"container/list"
	"sync"
)

// Cache keeps values whose sizes add up to a bound, and drops the least recently used ones first. It is safe for concurrent
// use.
type Cache[K comparable, V any] struct {
	most, largest int

	mu      sync.Mutex
	size    int                 // guarded by mu
	order   list.List           // guarded by mu; of *item[K, V], the most recently used first
	entries map[K]*list.Element // guarded by mu
}

type item[K comparable, V any] struct {
	key   K
	value V // never changed
	size  int
}

// New returns a cache for values of at most a size in all. A value larger than largest is not kept, so that one value does
// not displace many.
func New[K comparable, V any](most, largest int) *Cache[K, V] {
	return &Cache[K, V]{most: most, largest: largest, entries: make(map[K]*list.Element)}
}

// Get returns the value of a key, if it is kept, and counts as a use of it.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*item[K, V]).value, true
}

// Put keeps a value under a key, unless another is kept there: it returns the value that is kept, or the given one if it is
// too large. It counts as a use of the key.
func (c *Cache[K, V]) Put(key K, value V, size int) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		c.order.MoveToFront(e)
		return e.Value.(*item[K, V]).value
	}
	c.add(key, value, size)
	return value
}

// Replace keeps a value under a key, in place of the one that is kept there, if any.
func (c *Cache[K, V]) Replace(key K, value V, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		c.drop(e)
	}
	c.add(key, value, size)
}

// Remove drops the value of a key, if one is kept.
func (c *Cache[K, V]) Remove(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		c.drop(e)
	}
}

// Keys returns the keys of all values, the least recently used first.
func (c *Cache[K, V]) Keys() []K {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := make([]K, 0, len(c.entries))
	for e := c.order.Back(); e != nil; e = e.Prev() {
		keys = append(keys, e.Value.(*item[K, V]).key)
	}
	return keys
}

// Size returns the size of all values.
func (c *Cache[K, V]) Size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

// add keeps a value under a key that has none; mu is held.
func (c *Cache[K, V]) add(key K, value V, size int) {
	if size > c.largest {
		return
	}
	c.entries[key] = c.order.PushFront(&item[K, V]{key, value, size})
	c.size += size
	for c.size > c.most {
		c.drop(c.order.Back())
	}
}

// drop removes a value; mu is held.
func (c *Cache[K, V]) drop(e *list.Element) {
	i := c.order.Remove(e).(*item[K, V])
	delete(c.entries, i.key)
	c.size -= i.size
}
