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

// Some clients cut X-TAXII-Date-Added-Last to milliseconds and poll for objects with that. The last object of a batch has a
// whole millisecond, so they come to rest, until the newest object is deleted: then the header names an object in the middle
// of a batch, and the cut time lies before others that the client has. truncations remembers the headers that each account
// was given, by filter. A poll for objects whose added_after is what cutting a header gives is answered as if it had the
// header, unless exactly that time is one that the account may have: it was a header, or a manifest that the account was
// given shows it as the date_added of an object. What is forgotten, after a restart for instance, comes once more. See
// doc/clients. A node of a cluster does not know what the others gave, so it takes every time as it is: a time that another
// node gave exactly would pass over what follows it.
type truncations struct {
	headers   *lru.Cache[truncationKey, header]
	manifests *lru.Cache[manifestKey, dates]
	accounts  sync.Map    // agreement.AccountName -> struct{}: those that were given a header that can be cut
	some      atomic.Bool // whether there are any
	showing   sync.Mutex  // held while dates of manifests are joined
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

// manifestKey says whose manifests of which collection, and dates from when to when they went.
type (
	manifestKey struct {
		account    agreement.AccountName
		collection uuid.UUID
	}
	dates struct{ from, to time.Time }
)

// truncationBytes bounds what is remembered of headers, manifestBytes of manifests; truncationCost is what one takes beside
// its key.
const (
	truncationBytes = 4 << 20
	manifestBytes   = 4 << 20
	truncationCost  = 200
)

func newTruncations() *truncations {
	return &truncations{headers: lru.New[truncationKey, header](truncationBytes, truncationBytes/8), manifests: lru.New[manifestKey, dates](manifestBytes, truncationCost)}
}

// cursorOf is the cursor of an answer's key; "" for an answer without objects.
func cursorOf(collection uuid.UUID, a *answer) string {
	if !a.objects || a.lastAdded.IsZero() {
		return ""
	}
	return a.filter.Cursor(collection, a.lastAdded.Truncate(time.Millisecond)).String()
}

// note remembers the header that an account is given with an answer or, of a manifest, from when to when it goes.
func (t *truncations) note(account agreement.AccountName, collection uuid.UUID, a *answer) {
	switch {
	case a.cursor != "":
		t.noteHeader(account, a)
	case !a.objects && !a.lastAdded.IsZero():
		t.noteDates(manifestKey{account, collection}, dates{a.firstAdded, a.lastAdded})
	}
}

func (t *truncations) noteHeader(account agreement.AccountName, a *answer) {
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

func (t *truncations) noteDates(key manifestKey, shown dates) {
	if known, ok := t.manifests.Get(key); ok && !shown.from.Before(known.from) && !shown.to.After(known.to) {
		return
	}
	t.showing.Lock()
	defer t.showing.Unlock()
	if known, ok := t.manifests.Get(key); ok {
		if known.from.Before(shown.from) {
			shown.from = known.from
		}
		if known.to.After(shown.to) {
			shown.to = known.to
		}
	}
	t.manifests.Replace(key, shown, truncationCost)
}

// showed reports whether an account may have been given a manifest that shows a time as the date_added of an object.
func (t *truncations) showed(account agreement.AccountName, col *store.Collection, at time.Time) (bool, error) {
	shown, ok := t.manifests.Get(manifestKey{account, col.ID()})
	if !ok || at.Before(shown.from) || at.After(shown.to) {
		return false, nil
	}
	return col.AddedExactly(at)
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
	if shown, err := t.showed(account, col, after); shown || err != nil {
		return false, err
	}
	q.query.After = given.last
	return true, nil
}
