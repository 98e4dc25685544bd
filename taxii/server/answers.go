package server

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/accord-taxii/accord/store"
)

// answers keeps what has been asked for more than once, to give it again as long as nothing has changed in its collection:
// the subscribers of an agreement poll for the same page, and once they have it, for the same nothing. It holds no rights,
// which are judged before it is looked into, and an answer of before a change is never found after it. See
// doc/decisions/0012-answers-that-are-given-again.md.
type answers struct {
	kept *cache[answerKey, *answer]
	seed maphash.Seed
	once [4096]atomic.Uint64 // hashes of keys that were asked for: an answer is kept the second time
}

const (
	// answerBytes bounds what is kept.
	answerBytes = 16 << 20

	// answerMost is the largest answer that is kept: of a larger one, sending it is nearly all.
	answerMost = 256 << 10

	// keyMost is the longest query whose answer is kept, in bytes.
	keyMost = 512

	// answerCost is what an answer takes beside its body, in bytes.
	answerCost = 512
)

// answerKey says what was asked, and when. Without a list, it is nothing that could be kept.
type answerKey struct {
	list          *listing
	collection    uuid.UUID
	revision      uint64
	object, query string
}

func newAnswers(most int) *answers {
	return &answers{kept: newCache[answerKey, *answer](most), seed: maphash.MakeSeed()}
}

// keyOf is taken before anything is read from the collection.
func (s *answers) keyOf(l *listing, c echo.Context, col *store.Collection) answerKey {
	query := c.Request().URL.RawQuery
	revision, settled := col.Revision()
	if !settled || len(query) > keyMost {
		return answerKey{}
	}
	return answerKey{l, col.ID(), revision, c.Param("object"), query}
}

// get returns an answer that is kept, or nil.
func (s *answers) get(key *answerKey) *answer {
	if key.list == nil {
		return nil
	}
	a, _ := s.kept.get(*key)
	return a
}

// put keeps an answer if it was asked for before, and nothing has changed since the key was made.
func (s *answers) put(key *answerKey, col *store.Collection, a *answer) {
	if key.list == nil || len(a.body) > answerMost {
		return
	}
	hash := maphash.Comparable(s.seed, *key)
	if s.once[hash%uint64(len(s.once))].Swap(hash) != hash {
		return
	}
	if now, settled := col.Revision(); !settled || now != key.revision {
		return
	}
	kept := *a
	kept.body = bytes.Clone(a.body) // a's own goes back to the shelf
	s.kept.put(*key, &kept, len(kept.body)+8*len(kept.positions)+len(key.query)+answerCost)
}
