package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/taxii/server"
)

// limits are the bounds of a server. doc/operations.md says what is answered when one is exceeded.
type limits struct {
	connections        int
	addressConnections int // 0: no bound
	headerBytes        byteSize
	headerTime         time.Duration
	idleTime           time.Duration
	drainTime          time.Duration

	objects      int
	objectBytes  byteSize
	depth        int
	stringBytes  byteSize
	filterValues int
	filterBytes  byteSize
	pageObjects  int
	pageBytes    byteSize
	bodyTime     time.Duration
	answerTime   time.Duration

	requests        int
	accountRequests int
	accountRate     float64
	memory          byteSize
	accountMemory   byteSize
}

// defaultLimits are those of a server that is told none.
func defaultLimits() limits {
	return limits{
		connections: 10_000, addressConnections: 5000, headerBytes: 64 << 10, headerTime: 10 * time.Second, idleTime: 2 * time.Minute, drainTime: 25 * time.Second,
		objects: 100_000, objectBytes: 16 << 20, depth: 100, stringBytes: ijson.DefaultStringBytes, filterValues: 1000, filterBytes: 64 << 10,
		pageObjects: 10_000, pageBytes: 32 << 20, bodyTime: 10 * time.Minute, answerTime: time.Minute,
		requests: 2048, accountRequests: 256, accountRate: 2000, memory: 512 << 20, accountMemory: 128 << 20,
	}
}

// flags adds a flag for each.
func (l *limits) flags(f *pflag.FlagSet) {
	*l = defaultLimits()
	f.IntVar(&l.connections, "max-connections", l.connections, "connections at once; beyond them idle ones are closed")
	f.IntVar(&l.addressConnections, "max-address-connections", l.addressConnections, "connections at once from one address, or one /64 of IPv6; beyond them its idle ones are closed; 0: no bound; not counted with --behind-proxy")
	f.Var(&l.headerBytes, "max-header-bytes", "`SIZE` of a request's header (431)")
	f.DurationVar(&l.headerTime, "header-time", l.headerTime, "for a request's header to arrive (the connection is closed)")
	f.DurationVar(&l.bodyTime, "body-time", l.bodyTime, "for a request's body to arrive (408)")
	f.DurationVar(&l.answerTime, "answer-time", l.answerTime, "for an answer to be taken, and a second more for each 32 KiB (the connection is closed)")
	f.DurationVar(&l.idleTime, "idle-time", l.idleTime, "for a connection without a request (it is closed)")
	f.DurationVar(&l.drainTime, "drain-time", l.drainTime, "for requests in flight when the server is told to stop")
	f.IntVar(&l.objects, "max-objects", l.objects, "objects in one envelope (422)")
	f.Var(&l.objectBytes, "max-object-bytes", "`SIZE` of one object (a failure of that object)")
	f.IntVar(&l.depth, "max-depth", l.depth, "nesting of JSON in one object (a failure of that object)")
	f.Var(&l.stringBytes, "max-string-bytes", "`SIZE` of one string in an object (a failure of that object)")
	f.IntVar(&l.filterValues, "max-filter-values", l.filterValues, "values of one match parameter (400)")
	f.Var(&l.filterBytes, "max-filter-bytes", "`SIZE` of a query string (400)")
	f.IntVar(&l.pageObjects, "max-page-objects", l.pageObjects, "objects of a page, whatever limit says (the page is shorter)")
	f.Var(&l.pageBytes, "max-page-bytes", "`SIZE` of the objects in a page (the page is shorter)")
	f.IntVar(&l.requests, "max-requests", l.requests, "requests at once (503)")
	f.IntVar(&l.accountRequests, "max-account-requests", l.accountRequests, "requests at once of one account (429)")
	f.Float64Var(&l.accountRate, "max-account-rate", l.accountRate, "requests a second of one account, which may save up ten seconds' worth, five minutes' from 2,000 on (429)")
	f.Var(&l.memory, "max-memory", "`SIZE` of bodies and pages in memory at once (503)")
	f.Var(&l.accountMemory, "max-account-memory", "`SIZE` of bodies and pages of one account in memory at once (429)")
}

// check refuses bounds that nothing could pass.
func (l *limits) check() error {
	for name, n := range map[string]float64{
		"max-connections": float64(l.connections), "max-header-bytes": float64(l.headerBytes), "max-objects": float64(l.objects),
		"max-object-bytes": float64(l.objectBytes), "max-depth": float64(l.depth), "max-string-bytes": float64(l.stringBytes), "max-filter-values": float64(l.filterValues),
		"max-filter-bytes": float64(l.filterBytes), "max-page-objects": float64(l.pageObjects), "max-page-bytes": float64(l.pageBytes),
		"max-requests": float64(l.requests), "max-account-requests": float64(l.accountRequests), "max-account-rate": l.accountRate,
		"max-memory": float64(l.memory), "max-account-memory": float64(l.accountMemory), "header-time": float64(l.headerTime),
		"body-time": float64(l.bodyTime), "answer-time": float64(l.answerTime), "idle-time": float64(l.idleTime),
	} {
		if !(n > 0) {
			return usageError("--%s must be more than nothing", name)
		}
	}
	if l.drainTime < 0 {
		return usageError("--drain-time cannot be negative")
	}
	if l.addressConnections < 0 {
		return usageError("--max-address-connections cannot be negative; 0 means no bound")
	}
	if l.accountMemory > l.memory {
		l.accountMemory = l.memory
	}
	return nil
}

// requestLimits are those that the TAXII server holds.
func (l limits) requestLimits() server.Limits {
	return server.Limits{
		Objects: l.objects, ObjectBytes: int(l.objectBytes), Depth: l.depth, StringBytes: int(l.stringBytes),
		FilterValues: l.filterValues, FilterBytes: int(l.filterBytes),
		PageDefault: min(1000, l.pageObjects), PageMax: l.pageObjects, PageBytes: int(l.pageBytes),
		BodyTime: l.bodyTime, AnswerTime: l.answerTime,
		Requests: l.requests, AccountRequests: l.accountRequests, AccountRate: l.accountRate,
		Memory: int64(l.memory), AccountMemory: int64(l.accountMemory),
	}
}

// byteSize is a number of bytes as people write it: 512KiB, 16MiB, 2GiB, or plain digits.
type byteSize int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func (b *byteSize) String() string {
	for _, u := range sizeUnits {
		if *b != 0 && int64(*b)%u.bytes == 0 {
			return fmt.Sprintf("%d%s", int64(*b)/u.bytes, u.suffix)
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Set implements pflag.Value.
func (b *byteSize) Set(text string) error {
	digits, unit := text, int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			digits, unit = rest, u.bytes
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return fmt.Errorf("%q is no size: write digits, then KiB, MiB, GiB or nothing", text)
	}
	*b = byteSize(n * unit)
	return nil
}

// Type implements pflag.Value.
func (b *byteSize) Type() string { return "size" }
