package server

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/lru"
	"github.com/accord-taxii/accord/store"
)

// Some clients cut X-TAXII-Date-Added-Last to milliseconds and poll with that. The last object of a batch has a whole
// millisecond, so they come to rest, until the newest object is deleted: then the header names an object in the middle of
// a batch, and the cut time lies before others that the client has. truncations remembers the headers that each account
// was given, by filter. A poll whose added_after is what cutting a header gives is answered as if it had the header,
// unless exactly that time is one that the account may have: it was a header, or the date_added of an object, which a
// manifest shows. Batches that follow one another at once share milliseconds. What is forgotten, after a restart for
// instance, comes once more. See doc/clients. A node of a cluster does not know which headers the others gave, so it
// takes every time as it is: a time that another node gave exactly would pass over what follows it.
type truncations struct {
	headers  *lru.Cache[truncationKey, header]
	accounts sync.Map    // agreement.AccountName -> struct{}: those that were given a header that can be cut
	some     atomic.Bool // whether there are any
}

// truncationKey says what was asked, and a whole millisecond: the text of a cursor to it, with collection and filters.
type truncationKey struct {
	account agreement.AccountName
	cursor  string
}

// header is what an account was given within one millisecond.
type header struct {
	last  time.Time // the newest that is no whole millisecond; zero: none
	exact bool      // the whole millisecond itself
}

// truncationBytes bounds what is remembered, truncationCost is what one takes beside its key.
const (
	truncationBytes = 4 << 20
	truncationCost  = 200
)

func newTruncations() *truncations {
	return &truncations{headers: lru.New[truncationKey, header](truncationBytes, truncationBytes/8)}
}

// cursorOf is the cursor of an answer's key; "" for an answer without items.
func cursorOf(collection uuid.UUID, a *answer) string {
	if a.lastAdded.IsZero() {
		return ""
	}
	return a.filter.Cursor(collection, a.lastAdded.Truncate(time.Millisecond)).String()
}

// note remembers the header that an account is given with an answer.
func (t *truncations) note(account agreement.AccountName, a *answer) {
	if a.cursor == "" {
		return
	}
	key := truncationKey{account, a.cursor}
	before, _ := t.headers.Get(key)
	now := before
	if a.lastAdded.Nanosecond()%int(time.Millisecond) == 0 {
		now.exact = true
	} else if now.last.Before(a.lastAdded) {
		now.last = a.lastAdded
		t.accounts.Store(account, struct{}{})
		t.some.Store(true)
	}
	if now != before {
		t.headers.Replace(key, now, len(key.cursor)+truncationCost)
	}
}

// affect reports whether the answer to a query may depend on the headers that the account was given.
func (t *truncations) affect(account agreement.AccountName, query string) bool {
	return strings.Contains(query, "added_after") && t.any(account)
}

// any reports whether an account was ever given a header that can be cut.
func (t *truncations) any(account agreement.AccountName) bool {
	if !t.some.Load() {
		return false
	}
	_, ok := t.accounts.Load(account)
	return ok
}

// apply moves a query that begins at a cut header to the header itself. It reports whether it did.
func (t *truncations) apply(account agreement.AccountName, col *store.Collection, q *question) (moved bool, err error) {
	after := q.query.After
	if after.IsZero() || q.filter.Next != nil || !after.Equal(after.Truncate(time.Millisecond)) || !t.any(account) {
		return false, nil
	}
	given, _ := t.headers.Get(truncationKey{account, q.filter.Cursor(col.ID(), after).String()})
	if given.exact || given.last.IsZero() {
		return false, nil
	}
	if exact, err := col.AddedExactly(after); exact || err != nil {
		return false, err
	}
	q.query.After = given.last
	return true, nil
}
