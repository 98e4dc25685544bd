package server

import (
	"cmp"
	"context"
	"net/netip"
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

// Config configures a Server. Store and Auth are required.
type Config struct {
	Store *store.Store
	Auth  *auth.Authenticator

	// Now is the clock by which terms are judged; nil means time.Now.
	Now func() time.Time

	// Log gets one line a request, and the cause of each answer of status 500. The zero Logger is silent.
	Log zerolog.Logger

	Limits Limits

	// Cluster is the one that the store belongs to; nil: none.
	Cluster Cluster

	// BehindProxy says that a proxy hands requests on: the address of a client is then the last one in the header
	// X-Forwarded-For. With TrustedProxies, only requests from those addresses are read this way, and the client's address is
	// the last one in the header that is not a trusted proxy's.
	BehindProxy    bool
	TrustedProxies []netip.Prefix

	// ServesHost, if set, reports whether the value of a Host header means this server; others get 421. It stops pages that
	// reach the server under a name of their own (DNS rebinding).
	ServesHost func(host string) bool

	// PublicURL is the URL under which clients reach the server, such as https://taxii.example. API roots are stated as
	// absolute URLs below it; without it they are paths. The Host header never decides.
	PublicURL string

	// Origins are those whose scripts may read answers in a browser (CORS), such as https://viewer.example.
	Origins []string

	// Observed, if set, is called for each request after its answer. It must not block.
	Observed func(Observation)

	// Refused, if set, is called for each refused object, with the rule that refused it ("" when no rule did). It must not
	// block.
	Refused func(to agreement.Name, rule string)

	// Delivering, if set, is called for each page of objects before the first byte of it is written, empty pages included.
	// When it fails, the page is not sent. Otherwise the function that it returns is called once, with whether the whole
	// page was sent; it must not block.
	Delivering func(context.Context, Delivery) (ended func(whole bool), err error)
}

// Limits bounds requests. A request that exceeds one gets the status in its comment; a zero value is the default. The size
// of a body is bounded by its API root's max_content_length (413).
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
	BodyRate   int           // octets a second at which a body must arrive, on average after ten seconds; default 1 KiB, below 0 none (408)
	AnswerTime time.Duration // for an answer to be read, in addition to its size at AnswerRate; default 1 minute (the connection is closed)
	AnswerRate int           // bytes a second at which a client must read an answer; default 32 KiB

	Requests        int     // in progress; default 2,048 (503)
	PartyRequests   int     // in progress for all accounts of a party; default half of Requests (429)
	AccountRequests int     // in progress for an account; default 256 (429)
	AccountRate     float64 // requests a second of an account, with a burst of ten seconds, of five minutes from 2,000 on; default 2,000 (429)
	PublicRate      float64 // requests a second from an address without credentials, with a burst of ten seconds; default 10 (429)
	Memory          int64   // bytes of bodies and answers; default 512 MiB (503)
	PartyMemory     int64   // bytes of bodies and answers for all accounts of a party; default three eighths of Memory (429)
	AccountMemory   int64   // bytes of bodies and answers for an account; default a quarter of Memory (429)
}

// withDefaults returns l with its defaults filled in.
func (l Limits) withDefaults() Limits {
	l.Objects = cmp.Or(l.Objects, taxii.DefaultObjects)
	l.ObjectBytes = cmp.Or(l.ObjectBytes, 16<<20)
	l.Depth = cmp.Or(l.Depth, 100)
	l.StringBytes = cmp.Or(l.StringBytes, ijson.DefaultStringBytes)
	l.FilterValues = cmp.Or(l.FilterValues, taxii.DefaultFilterValues)
	l.FilterBytes = cmp.Or(l.FilterBytes, taxii.DefaultFilterBytes)
	l.PageDefault = cmp.Or(l.PageDefault, 1000)
	l.PageMax = cmp.Or(l.PageMax, 10_000)
	l.PageBytes = cmp.Or(l.PageBytes, 32<<20)
	l.BodyTime = cmp.Or(l.BodyTime, 10*time.Minute)
	l.BodyRate = cmp.Or(l.BodyRate, 1<<10)
	l.AnswerTime = cmp.Or(l.AnswerTime, time.Minute)
	l.AnswerRate = cmp.Or(l.AnswerRate, 32<<10)
	l.Requests = cmp.Or(l.Requests, 2048)
	l.AccountRequests = cmp.Or(l.AccountRequests, 256)
	l.AccountRate = cmp.Or(l.AccountRate, generousRate)
	l.PublicRate = cmp.Or(l.PublicRate, 10)
	l.Memory = cmp.Or(l.Memory, 512<<20)
	l.PartyRequests = cmp.Or(l.PartyRequests, max(1, l.Requests/2))
	l.AccountMemory = cmp.Or(l.AccountMemory, l.Memory/4)
	l.PartyMemory = cmp.Or(l.PartyMemory, max(l.AccountMemory, l.Memory/8*3))
	return l
}

// Observation says how a request went.
type Observation struct {
	Route  string // as Routes has it; "" when the request reached none
	Method string
	Status int
	Took   time.Duration

	Unknown int // query parameters without a meaning, which clients may take for filters

	// Of a request that a limit slowed or refused (429 or 503) only.
	Caller  agreement.Caller // the zero value: not known by then
	Address string           // where it came from
	Limit   string           // what its caller was told; "" where a package that is mounted told it
}

// Delivery says which versions of objects an account received.
type Delivery struct {
	Collection uuid.UUID
	Agreement  agreement.Name
	Account    agreement.AccountName
	Party      agreement.PartyName
	Positions  []journal.Position // ascending; the receiver may keep the slice
	Query      string             // of the request, as it was sent: its filters
	Filter     taxii.Filter       // what it asked for, including the filters of its cursor
	At         time.Time
}
