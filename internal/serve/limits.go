package serve

import (
	"cmp"
	"fmt"
	"time"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/taxii/server"
)

// Limits are the bounds of a server. doc/operations.md says what is answered when one is exceeded.
type Limits struct {
	Connections        int
	AddressConnections int // 0: no bound
	HeaderBytes        int64
	HeaderTime         time.Duration
	IdleTime           time.Duration
	DrainTime          time.Duration

	Objects      int
	ObjectBytes  int64
	Depth        int
	StringBytes  int64
	FilterValues int
	FilterBytes  int64
	DefaultPage  int
	PageObjects  int
	PageBytes    int64
	BodyTime     time.Duration
	BodyRate     int64 // octets a second; 0: none
	AnswerTime   time.Duration

	Requests        int
	PartyRequests   int // 0: half of Requests
	AccountRequests int
	AccountRate     float64
	Memory          int64
	PartyMemory     int64 // 0: three eighths of Memory
	AccountMemory   int64
}

// DefaultLimits are those of a server that is given none.
func DefaultLimits() Limits {
	return Limits{
		Connections: 10_000, AddressConnections: 5000, HeaderBytes: 64 << 10, HeaderTime: 10 * time.Second, IdleTime: 2 * time.Minute, DrainTime: 25 * time.Second,
		Objects: 100_000, ObjectBytes: 16 << 20, Depth: 100, StringBytes: ijson.DefaultStringBytes, FilterValues: 1000, FilterBytes: 64 << 10,
		DefaultPage: 1000, PageObjects: 10_000, PageBytes: 32 << 20, BodyTime: 10 * time.Minute, BodyRate: 1 << 10, AnswerTime: time.Minute,
		Requests: 2048, AccountRequests: 256, AccountRate: 2000, Memory: 512 << 20, AccountMemory: 128 << 20,
	}
}

// Check refuses bounds that nothing could pass. Its errors are ConfigErrors.
func (l *Limits) Check() error {
	for _, bound := range []struct {
		flag  string
		value float64
	}{
		{"max-connections", float64(l.Connections)}, {"max-header-bytes", float64(l.HeaderBytes)}, {"max-objects", float64(l.Objects)},
		{"max-object-bytes", float64(l.ObjectBytes)}, {"max-depth", float64(l.Depth)}, {"max-string-bytes", float64(l.StringBytes)},
		{"max-filter-values", float64(l.FilterValues)}, {"max-filter-bytes", float64(l.FilterBytes)}, {"max-page-objects", float64(l.PageObjects)}, {"default-page", float64(l.DefaultPage)},
		{"max-page-bytes", float64(l.PageBytes)}, {"max-requests", float64(l.Requests)}, {"max-account-requests", float64(l.AccountRequests)},
		{"max-account-rate", l.AccountRate}, {"max-memory", float64(l.Memory)}, {"max-account-memory", float64(l.AccountMemory)},
		{"header-time", float64(l.HeaderTime)}, {"body-time", float64(l.BodyTime)}, {"answer-time", float64(l.AnswerTime)}, {"idle-time", float64(l.IdleTime)},
	} {
		if !(bound.value > 0) { // NaN is not
			return &ConfigError{Message: fmt.Sprintf("--%s must be more than nothing", bound.flag)}
		}
	}
	if l.DrainTime < 0 {
		return &ConfigError{Message: "--drain-time cannot be negative"}
	}
	if l.AddressConnections < 0 {
		return &ConfigError{Message: "--max-address-connections cannot be negative; 0 means no bound"}
	}
	if l.PartyRequests < 0 || l.PartyMemory < 0 {
		return &ConfigError{Message: "--max-party-requests and --max-party-memory cannot be negative"}
	}
	if l.AccountMemory > l.Memory {
		l.AccountMemory = l.Memory
	}
	return nil
}

// objectLimits are those of an object's text.
func (l Limits) objectLimits() ijson.Limits {
	return ijson.Limits{Bytes: int(l.ObjectBytes), Depth: l.Depth, StringBytes: int(l.StringBytes)}
}

// requestLimits are those that the TAXII server enforces.
func (l Limits) requestLimits() server.Limits {
	return server.Limits{
		Objects: l.Objects, ObjectBytes: int(l.ObjectBytes), Depth: l.Depth, StringBytes: int(l.StringBytes),
		FilterValues: l.FilterValues, FilterBytes: int(l.FilterBytes),
		PageDefault: min(l.DefaultPage, l.PageObjects), PageMax: l.PageObjects, PageBytes: int(l.PageBytes),
		BodyTime: l.BodyTime, BodyRate: cmp.Or(int(l.BodyRate), -1), AnswerTime: l.AnswerTime,
		Requests: l.Requests, AccountRequests: l.AccountRequests, AccountRate: l.AccountRate,
		Memory: l.Memory, AccountMemory: l.AccountMemory, PartyMemory: l.PartyMemory, PartyRequests: l.PartyRequests,
	}
}
