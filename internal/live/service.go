package live

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store"
)

// Config is what a Service works with. Store is required; zero values are the defaults.
type Config struct {
	Store      *store.Store
	Deliveries *delivery.Log // nil: nothing is noted
	Now        func() time.Time
	Limits     Limits

	Heartbeat time.Duration // between two signs of life; default 15 s
	WriteTime time.Duration // for a piece to be written; then the connection is closed; default 10 s
	Failed    func(error)   // called with what ended a stream and its reader is not told

	Closed func(net.Conn) // called when a connection that a stream has taken over is closed
	Ended  func(Ending)   // called when a stream has ended
}

// Ending is a stream that has ended.
type Ending struct {
	Caller    agreement.Caller
	Agreement agreement.Name
	Remote    string // address of the reader
	Cause     Cause
	Bytes     uint64 // of events
	Took      time.Duration
}

// Limits bound the streams that are open at once.
type Limits struct {
	Streams    int // of the server; default 5,000 (503)
	Party      int // of all accounts of a party; default half of Streams (429)
	Account    int // of one account; default a quarter of Streams (429)
	Connection int // on one HTTP/2 connection; default 32 (429)
}

func (l Limits) withDefaults() Limits {
	l.Streams = cmp.Or(l.Streams, 5000)
	l.Party = cmp.Or(l.Party, max(1, l.Streams/2))
	l.Account = cmp.Or(l.Account, max(1, l.Streams/4))
	l.Connection = cmp.Or(l.Connection, 32)
	return l
}

// Service has the streams of a server.
type Service struct {
	config Config

	mu       sync.Mutex
	hubs     map[uuid.UUID]*hub // guarded by mu; of collections that have a stream
	open     map[counted]int    // guarded by mu
	stopping chan struct{}      // closed by Stop
	stopped  bool               // guarded by mu
	streams  sync.WaitGroup     // added to under mu while not stopped

	pace    *pace
	workers workers
}

// counted is one thing whose streams are bounded: the server, a party, an account or a connection.
type counted struct{ kind, name string }

// New returns a Service.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Failed == nil {
		c.Failed = func(error) {}
	}
	if c.Closed == nil {
		c.Closed = func(net.Conn) {}
	}
	if c.Ended == nil {
		c.Ended = func(Ending) {}
	}
	c.Heartbeat = cmp.Or(c.Heartbeat, 15*time.Second)
	c.WriteTime = cmp.Or(c.WriteTime, 10*time.Second)
	c.Limits = c.Limits.withDefaults()
	return &Service{config: c, hubs: map[uuid.UUID]*hub{}, open: map[counted]int{}, stopping: make(chan struct{}), pace: newPace()}
}

// Stop ends all streams, each with its last event, and waits for them. Later ones are refused.
func (s *Service) Stop() {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.stopping)
	}
	s.mu.Unlock()
	s.streams.Wait()
	s.workers.stop()
}

// Open is how many streams are open.
func (s *Service) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[counted{kind: "server"}]
}

// ErrBusy says that the server has no room for a further stream.
var ErrBusy = errors.New("no further stream of events can be opened now")

// LimitError says that an account, a party or a connection has as many streams as it may.
type LimitError struct{ text string }

func (e *LimitError) Error() string { return e.text }

// RetryAfter is how long to wait before the same request is sent again.
func (e *LimitError) RetryAfter() time.Duration { return 10 * time.Second }

// enter counts a stream; leave must be called when it ends.
func (s *Service) enter(caller agreement.Caller, connection string) (leave func(), err error) {
	l := s.config.Limits
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, fmt.Errorf("%w: the server is stopping", ErrBusy)
	}
	var entered []counted
	undo := func() {
		for _, c := range entered {
			if s.open[c]--; s.open[c] == 0 {
				delete(s.open, c)
			}
		}
	}
	for _, bound := range []struct {
		counted
		most int
	}{
		{counted{"connection", connection}, l.Connection}, {counted{"account", string(caller.Account)}, l.Account},
		{counted{"party", string(caller.Party)}, l.Party}, {counted{kind: "server"}, l.Streams},
	} {
		if bound.name == "" && bound.kind != "server" || bound.kind == "connection" && !strings.Contains(bound.name, ":") { // of a socket in the file system
			continue
		}
		if s.open[bound.counted] >= bound.most {
			undo()
			if bound.kind == "server" {
				return nil, fmt.Errorf("%w: %d are open", ErrBusy, bound.most)
			}
			return nil, &LimitError{fmt.Sprintf("this %s has %d streams of events open, as many as it may; end one first", bound.kind, bound.most)}
		}
		s.open[bound.counted]++
		entered = append(entered, bound.counted)
	}
	s.streams.Add(1)
	return func() {
		s.mu.Lock()
		undo()
		s.mu.Unlock()
		s.streams.Done()
	}, nil
}
