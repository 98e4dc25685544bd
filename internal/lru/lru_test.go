package lru_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/accord-taxii/accord/internal/lru"
)

func TestACacheDropsWhatWasUsedLeastRecently(t *testing.T) {
	c := lru.New[string, int](10, 6)
	for i, key := range []string{"a", "b", "c"} {
		c.Put(key, i, 3)
	}
	c.Get("a")       // b is the oldest now
	c.Put("b", 9, 3) // a use of b, which keeps its value; c is the oldest now
	if got := c.Put("d", 3, 2); got != 3 {
		t.Errorf("put d: got %d, want 3", got)
	}
	if got := strings.Join(c.Keys(), ""); got != "abd" {
		t.Errorf("after d: got %q, want abd", got)
	}
	if got, ok := c.Get("b"); !ok || got != 1 {
		t.Errorf("b: got %d, %v, want its first value, 1", got, ok)
	}
	c.Remove("b")
	c.Remove("b") // nothing
	if got, ok := c.Get("b"); ok || c.Size() != 5 {
		t.Errorf("b after its removal: got %d, size %d, want none and size 5", got, c.Size())
	}
	c.Put("b", 1, 3)
	if c.Put("e", 4, 7); !slices.Equal(c.Keys(), []string{"a", "d", "b"}) {
		t.Errorf("after a value that is too large: got %q", c.Keys())
	}
	c.Replace("a", 5, 6)
	if got, ok := c.Get("a"); !ok || got != 5 {
		t.Errorf("a, replaced: got %d, %v, want 5", got, ok)
	}
	if got := c.Keys(); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("after a larger a: got %q, want b and a", got)
	}
	if c.Replace("b", 6, 7); !slices.Equal(c.Keys(), []string{"a"}) {
		t.Errorf("b, replaced by a value that is too large: got %q, want a alone", c.Keys())
	}
}

// For the race detector: all methods at once.
func TestACacheIsSafeForConcurrentUse(t *testing.T) {
	c := lru.New[string, int](50, 10)
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			for i := range 200 {
				key := fmt.Sprint((i * (n + 1)) % 30)
				c.Put(key, i, 5)
				c.Get(key)
				c.Replace(key, i, 7)
				if len(c.Keys()) > 10 || c.Size() > 50 {
					t.Error("it keeps more than its bound")
				}
			}
		})
	}
	group.Wait()
}
