package server

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
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

	// BehindProxy says that a proxy hands all requests on: the address of a client is then the last one of the header
	// X-Forwarded-For.
	BehindProxy bool

	// Observed is told of each request after it was answered; nil: nobody is. It must not wait for anything.
	Observed func(Observation)

	// Refused is told of each object that was refused, with the rule that refused it ("" when no rule did); nil: nobody is.
	// It must not wait for anything.
	Refused func(to agreement.Name, rule string)

	// Delivered is told of each page of objects after it was written, empty ones too; nil: nobody is. It must not wait for
	// anything.
	Delivered func(Delivery)

	// Delivering is told of each page of objects before it is written, which waits for it; nil: nobody is. When it fails
	// the page is not sent.
	Delivering func(context.Context, Delivery) error
}

// Limits bounds what a request may ask for. What it is exceeded by is answered as the comment says; a zero value is the
// default. The size of a body is bounded by its API root's max_content_length (413).
type Limits struct {
	Objects     int // objects in one envelope; default 100,000 (422)
	ObjectBytes int // bytes of one object's text; default 16 MiB (a failure of that object)
	Depth       int // nesting of JSON within one object; default 100 (a failure of that object)
	StringBytes int // bytes of one string or member name in an object; default 12 MiB (a failure of that object)

	FilterValues int // values of one match parameter; default 1,000 (400)
	FilterBytes  int // bytes of the query string; default 64 KiB (400)

	PageDefault int // items of a page without limit; default 1,000
	PageMax     int // items of a page whatever limit says; default 10,000
	PageBytes   int // bytes of objects in a page, which holds one object at least; default 32 MiB

	BodyTime   time.Duration // for a body to arrive; default 10 minutes (408)
	AnswerTime time.Duration // for an answer to be taken, beside what its size takes at AnswerRate; default 1 minute (the connection is closed)
	AnswerRate int           // bytes a second that a client must take of an answer; default 32 KiB

	Requests        int     // going on at once; default 2,048 (503)
	AccountRequests int     // going on at once of one account; default 256 (429)
	AccountRate     float64 // requests a second of one account, which may save up ten seconds' worth, five minutes' from 2,000 on; default 2,000 (429)
	Memory          int64   // bytes of bodies and pages at once; default 512 MiB (503)
	AccountMemory   int64   // bytes of bodies and pages of one account; default a quarter of Memory (429)
}

// withDefaults fills in what was not said.
func (l Limits) withDefaults() Limits {
	l.Objects = cmp.Or(l.Objects, 100_000)
	l.ObjectBytes = cmp.Or(l.ObjectBytes, 16<<20)
	l.Depth = cmp.Or(l.Depth, 100)
	l.StringBytes = cmp.Or(l.StringBytes, ijson.DefaultStringBytes)
	l.FilterValues = cmp.Or(l.FilterValues, 1000)
	l.FilterBytes = cmp.Or(l.FilterBytes, 64<<10)
	l.PageDefault = cmp.Or(l.PageDefault, 1000)
	l.PageMax = cmp.Or(l.PageMax, 10_000)
	l.PageBytes = cmp.Or(l.PageBytes, 32<<20)
	l.BodyTime = cmp.Or(l.BodyTime, 10*time.Minute)
	l.AnswerTime = cmp.Or(l.AnswerTime, time.Minute)
	l.AnswerRate = cmp.Or(l.AnswerRate, 32<<10)
	l.Requests = cmp.Or(l.Requests, 2048)
	l.AccountRequests = cmp.Or(l.AccountRequests, 256)
	l.AccountRate = cmp.Or(l.AccountRate, generousRate)
	l.Memory = cmp.Or(l.Memory, 512<<20)
	l.AccountMemory = cmp.Or(l.AccountMemory, l.Memory/4)
	return l
}

// Observation says how a request went.
type Observation struct {
	Route  string // as the route table has it; "" when the request came to none
	Method string
	Status int
	Took   time.Duration
}

// Delivery says which versions of objects an account was given.
type Delivery struct {
	Collection uuid.UUID
	Agreement  agreement.Name
	Account    agreement.AccountName
	Party      agreement.PartyName
	Positions  []journal.Position // ascending; the receiver may keep the slice
	Query      string             // of the request, as it was sent: its filters
	Filter     taxii.Filter       // what it asked for, a cursor's filters included
	At         time.Time
}
