package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/accord-taxii/accord/internal/serve"
)

// addLimits adds a flag for each limit.
func addLimits(f *pflag.FlagSet, l *serve.Limits) {
	*l = serve.DefaultLimits()
	f.IntVar(&l.Connections, "max-connections", l.Connections, "connections at once; beyond it idle ones are closed")
	f.IntVar(&l.AddressConnections, "max-address-connections", l.AddressConnections, "connections at once from one address, or one /64 of IPv6; beyond it its idle ones are closed; 0: no bound; not counted with --behind-proxy")
	f.Var((*byteSize)(&l.HeaderBytes), "max-header-bytes", "`SIZE` of a request's header (431)")
	f.DurationVar(&l.HeaderTime, "header-time", l.HeaderTime, "for a request's header to arrive (the connection is closed)")
	f.DurationVar(&l.BodyTime, "body-time", l.BodyTime, "for a request's body to arrive (408)")
	f.Var((*byteSize)(&l.BodyRate), "min-body-rate", "`SIZE` that a body must have sent each second, on average after ten seconds; 0: no rate (408)")
	f.DurationVar(&l.AnswerTime, "answer-time", l.AnswerTime, "for an answer to be read, and a second more for each 32 KiB (the connection is closed)")
	f.DurationVar(&l.IdleTime, "idle-time", l.IdleTime, "for a connection without a request (it is closed)")
	f.DurationVar(&l.DrainTime, "drain-time", l.DrainTime, "for requests in flight when the server is told to stop")
	f.IntVar(&l.Objects, "max-objects", l.Objects, "objects in one envelope (422)")
	f.Var((*byteSize)(&l.ObjectBytes), "max-object-bytes", "`SIZE` of one object (a failure of that object)")
	f.IntVar(&l.Depth, "max-depth", l.Depth, "nesting of JSON in one object (a failure of that object)")
	f.Var((*byteSize)(&l.StringBytes), "max-string-bytes", "`SIZE` of one string in an object (a failure of that object)")
	f.IntVar(&l.FilterValues, "max-filter-values", l.FilterValues, "values of one match parameter (400)")
	f.Var((*byteSize)(&l.FilterBytes), "max-filter-bytes", "`SIZE` of a query string (400)")
	f.IntVar(&l.DefaultPage, "default-page", l.DefaultPage, "objects of a page without the parameter limit; an API root or an account may have its own")
	f.IntVar(&l.PageObjects, "max-page-objects", l.PageObjects, "objects of a page, whatever the parameter limit says; an API root or an account may have its own (the page is shorter)")
	f.Var((*byteSize)(&l.PageBytes), "max-page-bytes", "`SIZE` of the objects in a page (the page is shorter)")
	f.IntVar(&l.Requests, "max-requests", l.Requests, "requests at once (503)")
	f.IntVar(&l.PartyRequests, "max-party-requests", l.PartyRequests, "requests at once of all accounts of a party; 0: half of --max-requests (429)")
	f.IntVar(&l.AccountRequests, "max-account-requests", l.AccountRequests, "requests at once of one account (429)")
	f.Float64Var(&l.AccountRate, "max-account-rate", l.AccountRate, "requests a second of one account; unused ones add up to ten seconds' worth, to five minutes' from 2,000 on (429)")
	f.Var((*byteSize)(&l.Memory), "max-memory", "`SIZE` of bodies and answers in memory at once (503)")
	f.Var((*byteSize)(&l.PartyMemory), "max-party-memory", "`SIZE` of bodies and answers of all accounts of a party in memory at once; 0: three eighths of --max-memory (429)")
	f.Var((*byteSize)(&l.AccountMemory), "max-account-memory", "`SIZE` of bodies and answers of one account in memory at once (429)")
}

// byteSize is a number of bytes with an optional unit: 512KiB, 16MiB, 2GiB, or plain digits.
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
		return fmt.Errorf("%q is not a size: write digits, then KiB, MiB, GiB or nothing", text)
	}
	*b = byteSize(n * unit)
	return nil
}

// Type implements pflag.Value.
func (b *byteSize) Type() string { return "size" }
