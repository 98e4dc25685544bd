package server

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/lru"
	"github.com/accord-taxii/accord/store"
)

// public is the caller of a request without credentials. No account can have its name. It reads the agreements that say
// public: true; to anything else the answer is 401, for credentials may be what is missing.
var public = agreement.Caller{Account: "(public)", Party: agreement.PublicParty}

// anythingPublic reports whether an agreement can be read without credentials.
func (s *Server) anythingPublic() bool {
	return slices.ContainsFunc(s.store.Collections(), func(col *store.Collection) bool { return col.Agreement().Public })
}

// strangers limits the rate of requests without credentials, for each address by itself.
type strangers struct {
	rate float64

	mu    sync.Mutex
	rates *lru.Cache[netip.Prefix, *gcra] // guarded by mu
}

// strangerBytes bounds what is remembered of addresses: some 20,000 of them.
const (
	strangerBytes = 2 << 20
	strangerCost  = 100
)

func newStrangers(rate float64) *strangers {
	return &strangers{rate: rate, rates: lru.New[netip.Prefix, *gcra](strangerBytes, strangerCost)}
}

// allow admits a request from an address, an IPv6 address counting by its /64.
func (s *strangers) allow(now time.Time, address string) error {
	parsed, _ := netip.ParseAddr(address) // the zero address, if it is none
	from := auth.AddressPrefix(parsed)
	s.mu.Lock()
	rate, ok := s.rates.Get(from)
	if !ok {
		rate = s.rates.Put(from, new(gcra), strangerCost)
	}
	s.mu.Unlock()
	if wait := rate.allow(now, s.rate); wait > 0 {
		return tooMany(wait, "this address sent more than %g requests a second without credentials; try again in a while", s.rate)
	}
	return nil
}
