package server

import (
	"cmp"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Config is what a Server is made of. Store and Auth are required.
type Config struct {
	Store *store.Store
	Auth  *auth.Authenticator

	// Now is the clock that terms are judged by; nil: time.Now.
	Now func() time.Time

	// Log gets one line a request, and the cause of each answer of status 500. The zero Logger is silent.
	Log zerolog.Logger

	Limits Limits

	// Delivered is told of each page of objects after it was written; nil: nobody is. It must not wait for anything.
	Delivered func(Delivery)
}

// Limits bounds what a request may ask for. What it is exceeded by is answered as the comment says; a zero value is the
// default. The size of a body is bounded by its API root's max_content_length (413).
type Limits struct {
	Objects     int // objects in one envelope; default 100,000 (422)
	ObjectBytes int // bytes of one object's text; default 16 MiB (422)
	Depth       int // nesting of JSON within one object; default 100 (a failure of that object)

	FilterValues int // values of one match parameter; default 1,000 (400)
	FilterBytes  int // bytes of the query string; default 64 KiB (400)

	PageDefault int // items of a page without limit; default 1,000
	PageMax     int // items of a page whatever limit says; default 10,000
	PageBytes   int // bytes of objects in a page, which holds one object at least; default 32 MiB

	BodyTime time.Duration // for a body to arrive; default 10 minutes (the connection is closed)
}

// withDefaults fills in what was not said.
func (l Limits) withDefaults() Limits {
	l.Objects = cmp.Or(l.Objects, 100_000)
	l.ObjectBytes = cmp.Or(l.ObjectBytes, 16<<20)
	l.Depth = cmp.Or(l.Depth, 100)
	l.FilterValues = cmp.Or(l.FilterValues, 1000)
	l.FilterBytes = cmp.Or(l.FilterBytes, 64<<10)
	l.PageDefault = cmp.Or(l.PageDefault, 1000)
	l.PageMax = cmp.Or(l.PageMax, 10_000)
	l.PageBytes = cmp.Or(l.PageBytes, 32<<20)
	l.BodyTime = cmp.Or(l.BodyTime, 10*time.Minute)
	return l
}

// Delivery says which versions of objects an account was given.
type Delivery struct {
	Collection uuid.UUID
	Agreement  agreement.Name
	Account    agreement.AccountName
	Party      agreement.PartyName
	Positions  []journal.Position // ascending; the receiver may keep the slice
	Query      string             // of the request, as it was sent: its filters
	At         time.Time
}
