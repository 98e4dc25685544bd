package server

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/internal/lru"
	"github.com/accord-taxii/accord/store"
)

// answerCache keeps answers that were asked for more than once, as long as nothing changes in their collection: the
// subscribers of an agreement poll for the same page, and once they have it, for the same empty one. It knows no rights,
// which are judged before each lookup, and an answer from before a change is never found after it. See
// doc/decisions/0012-answers-that-are-given-again.md.
type answerCache struct {
	answers *lru.Cache[answerKey, *answer]
	seed    maphash.Seed
	seen    [4096]atomic.Uint64 // hashes of keys that were asked for: an answer is kept the second time
}

const (
	// cacheBytes bounds the cache.
	cacheBytes = 16 << 20

	// mostAnswer is the largest answer that is kept: the cost of a larger one is sending it.
	mostAnswer = 256 << 10

	// mostQuery is the longest query whose answer is kept, in bytes.
	mostQuery = 512

	// answerOverhead is what an answer takes beside its body, in bytes.
	answerOverhead = 512
)

// answerKey says what was asked, and when. A key without a list is of an answer that is never kept.
type answerKey struct {
	list          *listResource
	collection    uuid.UUID
	revision      uint64
	object, query string
	pages         pageRules
}

func newAnswerCache(most int) *answerCache {
	return &answerCache{answers: lru.New[answerKey, *answer](most, most/8), seed: maphash.MakeSeed()}
}

// keyOf returns the key of an answer. Call it before anything is read from the collection.
func (s *answerCache) keyOf(l *listResource, c echo.Context, col *store.Collection, pages pageRules) answerKey {
	query := c.Request().URL.RawQuery
	revision, settled := col.Revision()
	if !settled || len(query) > mostQuery {
		return answerKey{}
	}
	return answerKey{l, col.ID(), revision, c.Param("object"), query, pages}
}

// get returns the answer of a key, or nil.
func (s *answerCache) get(key *answerKey) *answer {
	if key.list == nil {
		return nil
	}
	a, _ := s.answers.Get(*key)
	return a
}

// put keeps an answer if it was asked for before, and if nothing has changed since its key was made.
func (s *answerCache) put(key *answerKey, col *store.Collection, a *answer) {
	if key.list == nil || len(a.body) > mostAnswer {
		return
	}
	hash := maphash.Comparable(s.seed, *key)
	if s.seen[hash%uint64(len(s.seen))].Swap(hash) != hash {
		return
	}
	if now, settled := col.Revision(); !settled || now != key.revision {
		return
	}
	kept := *a
	kept.body = bytes.Clone(a.body) // a's own buffer is reused
	s.answers.Put(*key, &kept, len(kept.body)+8*len(kept.positions)+len(key.query)+answerOverhead)
}
