package main

import (
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/accord-taxii/accord/internal/demo"
)

// supply hands out generated objects in order, to several at once.
type supply struct {
	mu   sync.Mutex
	next func() ([]byte, bool)
}

func newSupply(seed uint64) *supply {
	next, _ := iter.Pull(demo.All(seed))
	return &supply{next: next}
}

func (s *supply) take(n int) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([][]byte, n)
	for i := range list {
		list[i], _ = s.next()
	}
	return list
}

// kilobyte is the n-th of objects that have 1 kB each: an indicator with a pattern.
func kilobyte(n int) []byte {
	text := fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--%08x-5b1c-4a7e-9d20-6f1e8c3b2a90","created":"2025-03-01T08:00:00.000Z",`+
		`"modified":"2025-03-01T08:00:00.000Z","name":"Made-up host %d","description":"","indicator_types":["malicious-activity"],`+
		`"pattern":"[domain-name:value = 'host-%d.example']","pattern_type":"stix","valid_from":"2025-03-01T08:00:00Z"}`, n, n, n)
	return []byte(strings.Replace(text, `"description":""`, `"description":"`+strings.Repeat("What was seen there is told at length. ", 40)[:1024-len(text)]+`"`, 1))
}
